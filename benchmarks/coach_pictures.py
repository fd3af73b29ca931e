"""Pictures of the coach's pages for the documentation, taken in Debian's chromium.

    python -m benchmarks.coach_pictures    # half a minute; writes docs/img/coach-*.png

Local stand-ins answer, and the pages say so; Gemini dies after the first question.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import uvicorn
from playwright.sync_api import Browser, Page

from benchmarks.programs import chromium
from career_coach import stand_in
from career_coach.web.app import create_app
from career_coach.web.store import open_store
from segue import Sandbox, Segue, Settings
from segue.ledger.stores.memory import MemoryStore
from segue.policy import Policy

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "img"
WIDE: Final = {"viewport": {"width": 1280, "height": 860}, "locale": "en-US", "reduced_motion": "reduce"}
PHONE: Final = {
    "viewport": {"width": 390, "height": 844}, "locale": "ko-KR", "color_scheme": "dark", "reduced_motion": "reduce",
}  # fmt: skip


def main() -> None:
    """Writes the pictures."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(reply=stand_in.reply, delay=0.004) as box,
        chromium() as browser,
    ):
        server, thread = _serve(box, Path(directory, "coach.sqlite3"))
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        _wide(browser, url, box)
        _phone(browser, url, box)
        server.should_exit = True
        thread.join()


def _serve(box: Sandbox, data: Path) -> tuple[uvicorn.Server, threading.Thread]:
    settings = box.settings(Settings(ledger="none", policy=Policy(rounds=1, hedge=False)), every=True)
    sample = (ROOT / "examples" / "resume_en.json").read_bytes()
    app = create_app(Segue(settings, ledger=MemoryStore()), open_store("", data), simulated="broken", sample=sample)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    return server, thread


def _wide(browser: Browser, url: str, box: Sandbox) -> None:
    page = _page(browser, WIDE)
    page.goto(url)
    _take(page, "start")
    page.locator("main .quiet").click()
    page.locator("#begin .primary").click()
    page.locator("#question-1").wait_for()
    box.break_provider("gemini", "reset")
    page.locator("#question-3").wait_for()
    page.locator("#results").scroll_into_view_if_needed()
    page.locator("#progress").evaluate("part => part.scrollIntoView()")
    _take(page, "questions")
    page.locator("#path").wait_for()
    page.locator("#question-5").wait_for()
    page.locator("progress").wait_for(state="detached")
    page.locator("#question-2 .practice summary").click()
    page.fill("#answer-2", "We measured the p95 of each step first, then compared Redis with a local cache. " * 2)
    page.click("#send-2")
    page.locator(".feedback").wait_for()
    page.locator("#question-2").evaluate("part => part.scrollIntoView()")
    _take(page, "feedback")
    page.locator("#how summary").click()
    page.locator("#how").evaluate("part => part.scrollIntoView()")
    _take(page, "how")


def _phone(browser: Browser, url: str, box: Sandbox) -> None:
    for name in ("gemini", "openai", "claude"):
        box.break_provider(name, "503")
    page = _page(browser, PHONE)
    page.goto(url)
    page.set_input_files("#file", ROOT / "examples" / "resume_ko.json")
    page.locator("#begin .primary").click()
    page.locator("#failed .trouble").wait_for()
    page.locator("#failed").evaluate("part => part.scrollIntoView({block: 'center'})")
    _take(page, "phone")


def _page(browser: Browser, options: dict[str, Any]) -> Page:
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(30_000)
    return page


def _take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"coach-{name}.png")


if __name__ == "__main__":
    main()
