"""The documentation site as it is built, in `build/site`: by `make docs`, since that takes ten seconds."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site() -> Path:
    """The site, built without a warning."""
    folder = ROOT / "build" / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """A server of the site, and its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


def test_the_site_builds_without_a_warning_and_korean_pages_say_so(site: Path) -> None:
    korean = (site / "ko" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="ko"' in korean
    assert 'href="../index.html" hreflang="en"' in korean


@pytest.mark.parametrize("page", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_on_a_phone_no_page_scrolls_sideways_and_drawings_can_be_read(address: str, page: Page) -> None:
    for name in ("index", "failover", "comparison", "running", "ko/index"):
        page.goto(f"{address}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
        drawn = page.locator("p > img:not([src*=terminal])").evaluate_all("all => all.map(one => one.clientWidth)")
        assert all(width >= 340 for width in drawn), f"{name}: letters of 13 units are {drawn} / 400 of that"
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{address}/failover.html")
    page.get_by_role("button", name="Select language").hover()
    page.get_by_role("link", name="한국어").first.click()
    page.wait_for_url("**/ko/index.html")
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
