"""Many résumés at once through the coach's server, while a provider dies: are all of them written about?

    python -m benchmarks.coach            # half a minute on an idle machine; --resumes 50

Local stand-ins answer over real sockets. Each résumé's questions and learning path are asked for at the same time; when a fifth of the
questions are written, Gemini's connections are reset, and from then on all that it is sent. Memory and processor time are of the whole
process: server, stand-ins and callers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn

from career_coach import stand_in
from career_coach.web.app import create_app
from career_coach.web.store import open_store
from segue import Sandbox, Segue, Settings
from segue.ledger.stores.memory import MemoryStore

ROOT: Final = Path(__file__).parents[1]


async def run(count: int) -> list[str]:
    """The lines of a report on so many résumés."""
    document = json.loads((ROOT / "examples" / "resume_ko.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as directory, Sandbox(reply=stand_in.reply, delay=0.002) as box:
        segue = Segue(box.settings(Settings(ledger="none"), every=True), ledger=MemoryStore())
        app = create_app(segue, open_store("", Path(directory, "coach.sqlite3")), simulated="broken")
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/api/v1", timeout=300, limits=limits, trust_env=False
        ) as client:
            began, used = time.perf_counter(), time.process_time()
            killer = asyncio.create_task(_kill(box, segue, after=count))
            results = await asyncio.gather(*(_write(client, document, number) for number in range(count)))
            wall, used = time.perf_counter() - began, time.process_time() - used
            killed = await killer
        app.state.service.stop_streams()
        server.should_exit = True
        await serving
    return _report(results, count, wall, used, killed)


async def _write(client: httpx.AsyncClient, document: dict[str, Any], number: int) -> list[dict[str, Any]]:
    added = await client.post("/resumes", json={**document, "name": f"Candidate {number}"})
    one = added.json()["id"]
    answers = await asyncio.gather(
        client.post(f"/interview/{one}/questions"), client.post(f"/learning/{one}/learning-path")
    )
    return [{"status": answer.status_code, **answer.json()} for answer in answers]


async def _kill(box: Sandbox, segue: Segue, after: int) -> int:
    while len(box.bill) < after:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.to_thread(box.break_provider, "gemini", "reset")
    return len(box.bill)


def _report(results: list[list[dict[str, Any]]], count: int, wall: float, used: float, killed: int) -> list[str]:
    jobs = [job for pair in results for job in pair]
    whole = sum(len(job.get("questions", ())) == 5 or job.get("path") is not None for job in jobs)
    authors = Counter(author["target"] for job in jobs for author in job.get("authors", ()))
    outcomes = Counter(attempt["outcome"] for job in jobs for attempt in job.get("attempts", ()))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        f"{count} résumés at once; Gemini's connections reset after {killed} answers",
        f"complete: {whole} of {2 * count} (questions and paths); HTTP {dict(Counter(job['status'] for job in jobs))}",
        f"written by: {dict(authors.most_common())}; attempts: {dict(outcomes.most_common())}",
        f"{wall:.1f} s of the clock, {used:.1f} s of the processor, {memory:.0f} MB at most",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resumes", type=int, default=50)
    print("\n".join(asyncio.run(run(parser.parse_args().resumes))))


if __name__ == "__main__":
    main()
