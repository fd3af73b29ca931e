"""Pictures of the dashboard for the documentation, of a gateway before stand-ins that break: `python -m benchmarks.pictures [DIRECTORY]`.

Needs the packages of `[dev]`, Debian's chromium and a font with Hangul (fonts-nanum). Without a directory the few that the documentation
shows are written there; with one, every view in two widths, light and dark, in both languages, as long as it is.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page

from benchmarks.free_port import free_port
from benchmarks.programs import chromium, listening, serve_command

DOCS = Path(__file__).parents[1] / "docs" / "img"
SHOWN = {
    "now-1280-light-en": "dashboard-now",
    "story-1280-light-en": "dashboard-story",
    "try-1280-dark-en": "dashboard-try",
    "now-390-dark-ko": "dashboard-phone",
}
"""Those that the documentation shows, and their names there."""
VIEWS = ("now", "requests", "story", "history", "money", "settings")
SIZES = ((1280, 760), (390, 844))
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
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "SEGUE_LEDGER": f"{home}/ledger.sqlite3",
            "SEGUE_DAILY_BUDGET": "25",
        }
        with listening(serve_command(port, "--sandbox"), port, cwd=home, env=environment), chromium() as browser:
            address = f"http://127.0.0.1:{port}"
            _all(browser, address, directory, ("try",), "")  # while every stand-in is well
            _all(browser, address, directory, VIEWS, _traffic(address))


def _all(browser: Browser, address: str, directory: Path, views: Sequence[str], story: str) -> None:
    for (width, height), scheme, locale in product(SIZES, ("light", "dark"), ("en", "ko")):
        kind = f"{width}-{scheme}-{locale}"
        names = [name for name in views if directory != DOCS or f"{name}-{kind}" in SHOWN]
        if names:
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
                locale=locale,
                reduced_motion="reduce",
            )
            for name in names:
                _see(page, address, name, story)
                place = directory / f"{SHOWN[f'{name}-{kind}'] if directory == DOCS else f'{name}-{kind}'}.png"
                page.screenshot(path=place, full_page=directory != DOCS)
            page.close()


def _see(page: Page, address: str, name: str, story: str) -> None:
    page.goto(f"{address}/dashboard/#/{f'requests/{story}' if name == 'story' else name}")
    page.reload()
    page.wait_for_selector("#feed li" if name == "now" else ".panel")
    if name == "try":
        _break_and_try(page)
    page.wait_for_timeout(400)  # charts are drawn with the next frame


def _break_and_try(page: Page) -> None:
    page.select_option("#fault", "cut")
    page.check("#once")
    page.click("#break")
    page.wait_for_selector("text=gemini: cut")
    page.click("button.main")
    page.wait_for_selector("#try-status a")
    page.locator("#once").blur()


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
