"""Pictures of the dashboard for the documentation, of a gateway before stand-ins that break: `python -m benchmarks.pictures [DIRECTORY]`.

Needs the packages of `[dev]` and Debian's chromium. Each view is taken in two widths, light and dark; the documentation shows some of them.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).parents[1] / "docs" / "img"
SHOWN = ("now-1280-light", "story-1280-light", "try-1280-dark", "now-390-dark")
"""Those that the documentation shows."""
WIDTHS = {1280: 860, 390: 844}
FAULTS = (
    ("gemini", "rate:times=2"),
    ("gemini", "cut:after=12,times=2"),
    ("openai", "overloaded:times=1"),
    ("gemini", "error_event:after=20,times=1"),
)
SENTENCES = ("Why do streams break off?", "What is a breaker?", "Name three rivers.", "Explain hedged requests.")


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "SEGUE_LEDGER": f"{home}/ledger.sqlite3",
            "SEGUE_DAILY_BUDGET": "25",
        }
        command = [sys.executable, "-m", "segue", "serve", "--sandbox", "--port", str(port)]
        gateway = subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.DEVNULL)
        try:
            _take(f"http://127.0.0.1:{port}", directory, everything=directory != DOCS)
        finally:
            gateway.terminate()
            gateway.wait()


def _take(address: str, directory: Path, *, everything: bool) -> None:
    _until_ready(address)
    story = _traffic(address)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for width, height in WIDTHS.items():
            for scheme in ("light", "dark"):
                for locale in ("en-GB", "ko-KR") if everything else ("en-GB",):
                    options: dict[str, Any] = {
                        "viewport": {"width": width, "height": height},
                        "color_scheme": scheme,
                        "locale": locale,
                    }
                    page = browser.new_page(**options, reduced_motion="reduce")
                    _views(
                        page,
                        address,
                        story,
                        directory,
                        f"{width}-{scheme}{'-ko' if locale == 'ko-KR' else ''}",
                        everything,
                    )
                    page.close()
        browser.close()


def _views(page: Page, address: str, story: str, directory: Path, kind: str, everything: bool) -> None:
    for name in ("now", "requests", "story", "try", "history", "money", "settings"):
        if not everything and f"{name}-{kind}" not in SHOWN:
            continue
        page.goto(f"{address}/dashboard/#/{'requests/' + story if name == 'story' else name}")
        page.reload()
        page.wait_for_selector("h1")
        page.wait_for_load_state("networkidle") if name != "now" else page.wait_for_selector("#feed li")
        if name == "try":
            _break_and_try(page)
        page.wait_for_timeout(400)
        page.screenshot(path=directory / f"{name}-{kind}.png", full_page=everything)


def _break_and_try(page: Page) -> None:
    page.select_option("#fault", "cut")
    page.check("#once")
    page.click("#break")
    page.wait_for_selector("text=gemini: cut")
    page.click("button.main")
    page.wait_for_selector("#try-status a")
    page.locator("#once").blur()


def _until_ready(address: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(f"{address}/health/live", timeout=1).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise SystemExit("the gateway did not start")


def _traffic(address: str) -> str:
    """Some requests, in some of which a provider breaks. Returns the id of one that was gone on with in mid-text."""
    with httpx.Client(base_url=address, timeout=60) as client, ThreadPoolExecutor(6) as callers:
        for turn in range(10):
            if turn % 2:
                provider, fault = FAULTS[turn // 2 % len(FAULTS)]
                client.post("/dashboard/api/v1/faults", json={"provider": provider, "fault": fault}).raise_for_status()
            list(callers.map(lambda number: _ask(client, number), range(6)))
        rows = client.get("/dashboard/api/v1/requests?trouble=1").json()["requests"]
    return next((row["request_id"] for row in rows if row["felt"]["kind"] == "pause"), rows[0]["request_id"])


def _ask(client: httpx.Client, number: int) -> None:
    prompt = {"role": "user", "content": SENTENCES[number % len(SENTENCES)]}
    client.post("/v1/chat/completions", json={"model": "auto", "stream": number % 2 == 0, "messages": [prompt]})


if __name__ == "__main__":
    main()
