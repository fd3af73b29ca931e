"""The dashboard in a real browser. The page fails a test by itself if its console has an error, such as a breach of the security policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue import Sandbox
from segue.chat.request import ChatRequest
from segue.cli.breakable import Breakable
from segue.server.auth import Gatekeeper
from segue.server.keys.sqlite import FileKeyRing
from segue.settings_loading import load

from ..conftest import served

HOSTILE = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script><b>bold</b> &amp; [a](javascript:1)'
PLAIN = " ".join(f"word{number}" for number in range(40))
VIEWS = ("now", "requests", "try", "history", "money", "settings")


def reply(request: ChatRequest) -> str:
    return HOSTILE if "hostile" in request.messages[-1].text else PLAIN


@pytest.fixture(scope="module")
def standing() -> Iterator[Sandbox]:
    with Sandbox(reply=reply, delay=0.003) as made:
        yield made


@pytest.fixture(scope="module")
def address(standing: Sandbox) -> Iterator[str]:
    settings = standing.settings(load({"SEGUE_LEDGER": "none", "SEGUE_DAILY_BUDGET": "5"}, directory="/nonexistent"))
    with served(settings, stand_ins=Breakable(standing)) as at:
        yield at


@pytest.fixture(autouse=True)
def well(standing: Sandbox) -> Iterator[None]:
    yield
    for name in standing.providers:
        standing.heal(name)


def ask(address: str, prompt: str = "Hello") -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}]}
    httpx.post(f"{address}/v1/chat/completions", json=body, timeout=30).raise_for_status()


def overflow(page: Any) -> float:
    """Pixels by which the page is wider than its window."""
    width: float = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def test_a_provider_is_broken_its_seam_is_seen_and_its_story_shown(page: Any, address: str) -> None:
    page.goto(f"{address}/#/try")
    assert page.url.startswith(f"{address}/dashboard/")
    page.goto(f"{address}/dashboard/#/try")
    page.select_option("#fault", "cut")
    page.check("#once")
    page.click("#break")
    page.wait_for_selector("text=gemini: cut:times=1")
    page.click("button[type=submit].main")
    page.wait_for_selector("#try-status a")
    assert page.inner_text(".seam") == "gemini broke off, openai goes on"
    before, after = page.inner_text("#answer").split(page.inner_text(".seam"))
    assert f"{before.rstrip()} {after.lstrip()}" == PLAIN
    page.click("#try-status a")
    page.wait_for_selector("h1:has-text('story')")
    assert [line.inner_text() for line in page.query_selector_all(".line .who")] == ["gemini", "openai"]
    assert "The text paused" in page.inner_text("main")
    heads = [head.inner_text() for head in page.query_selector_all("table thead th")]
    assert heads[-2:] == ["Likely ~", "At most ≤"]
    likely, most = (cell.inner_text() for cell in page.query_selector_all("tbody tr:first-child td")[-2:])
    assert (likely[0], most[0]) == ("~", "≤")


def test_a_failover_is_shown_while_one_watches(page: Any, address: str, standing: Sandbox) -> None:
    ask(address)
    page.route("**/events", lambda route: route.fulfill(status=502, body="a proxy's page"))
    page.goto(f"{address}/dashboard/")
    page.wait_for_selector("#live .dot.warn")
    page.unroute("**/events")
    page.wait_for_selector("#live .dot.good")
    seen = page.locator("#feed li").count()
    standing.break_provider("gemini", "error_event:times=1")
    ask(address)
    page.wait_for_function("seen => document.querySelectorAll('#feed li').length > seen", arg=seen)
    news = page.locator("#feed li", has_text="went on with the answer").first
    assert "The text paused for" in news.inner_text() or "nothing" in news.inner_text()
    assert "simulated" in news.inner_text()
    row = page.locator("tbody tr", has_text="gemini").first
    row.locator("text=/\\d (%|ms)/").first.wait_for()
    news.locator("a").click()
    page.wait_for_selector("h1:has-text('story')")


def test_what_a_model_says_is_never_markup(page: Any, address: str) -> None:
    page.goto(f"{address}/dashboard/#/try")
    page.fill("#prompt", "something hostile")
    page.click("button[type=submit].main")
    page.wait_for_selector("#try-status a")
    assert page.inner_text("#answer") == HOSTILE
    assert page.locator("#answer *").count() == 0
    assert page.title() != "taken"


def test_all_of_it_can_be_done_from_the_keyboard(page: Any, address: str) -> None:
    def press(key: str, until: str) -> None:
        """Presses the key until an element that fits has the focus, and checks that it shows."""
        for _ in range(40):
            page.keyboard.press(key)
            if page.evaluate("selector => document.activeElement.matches(selector)", until):
                style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert style != "none", f"{until} has the focus, and it is not seen"
                return
        raise AssertionError(f"{until} is not reached by {key}")

    page.goto(f"{address}/dashboard/")
    page.wait_for_selector("#live .dot.good")
    press("Tab", "#skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    press("Shift+Tab", "a[href='#/try']")
    page.keyboard.press("Enter")
    page.wait_for_selector("#fault")
    press("Tab", "#prompt")
    page.keyboard.press("Control+A")
    page.keyboard.type("Hi")
    press("Tab", "#fault")
    page.keyboard.type("rat")
    press("Tab", "#break")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=gemini: rate")
    press("Tab", "[aria-label='Heal gemini']")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=All are well.")
    press("Shift+Tab", "#prompt")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#try-status a")
    press("Tab", "#try-status a")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('story')")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("page", [{"locale": "ko-KR"}], indirect=True)
def test_it_speaks_the_browsers_language_until_another_is_chosen(page: Any, address: str) -> None:
    page.goto(f"{address}/dashboard/")
    page.wait_for_selector("#live .dot.good")
    assert page.evaluate("document.documentElement.lang") == "ko"
    assert page.inner_text("nav li:first-child") == "현황"
    assert "실시간" in page.inner_text("#live")
    page.click("#language")
    page.wait_for_selector("text=What happened")
    page.reload()
    page.wait_for_selector("text=What happened")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_no_view_is_hard_to_use_or_wider_than_a_phone(page: Any, address: str, axe: Callable[[], list[str]]) -> None:
    ask(address)
    places = [
        *VIEWS,
        f"requests/{httpx.get(f'{address}/dashboard/api/v1/requests').json()['requests'][0]['request_id']}",
    ]
    for place in places:
        page.goto(f"{address}/dashboard/#/{place}")
        page.wait_for_selector("#live .dot.good" if place == "now" else ".panel :is(h2, table)")
        for width, scheme in ((1280, "light"), (390, "dark")):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert axe() == [], (place, width)
            assert overflow(page) <= 0, (place, width)


def test_a_key_is_asked_for_and_kept_out_of_reach(
    page: Any, standing: Sandbox, tmp_path: Path, axe: Callable[[], list[str]]
) -> None:
    ring = FileKeyRing(tmp_path / "keys.sqlite3")
    secret = ring.create("ops", scope="metrics")[1].reveal()
    settings = standing.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
    with served(settings, gatekeeper=Gatekeeper(ring)) as address:
        page.goto(f"{address}/dashboard/#/settings")
        page.wait_for_selector("#key")
        assert axe() == []
        page.fill("#key", "sk-segue-wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=not known here")
        page.fill("#key", secret)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=secrets are not kept")
        assert "ops" in page.inner_text("table")
        held = page.evaluate(
            "[location.href, document.cookie, JSON.stringify(localStorage), document.body.innerHTML].join()"
        )
        assert secret not in held
        page.reload()
        page.wait_for_selector("text=secrets are not kept")
        page.click("a[href='#/try']")
        page.wait_for_selector("text=Trying takes a key of the scope admin.")
        page.click("#sign-out")
        page.wait_for_selector("#key")
