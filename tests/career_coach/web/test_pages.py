"""The pages in a real browser: a few long ways through them, as a person takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from career_coach.documents import text_of
from segue import Sandbox

from ..test_documents import LINES, docx
from .conftest import Serve
from .harness import EXAMPLES, FILES, Server, korean

if TYPE_CHECKING:
    from playwright.sync_api import Page

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

PROVIDERS = ("gemini", "openai", "claude")
STILL = {"reduced_motion": "reduce"}
KOREAN = {"locale": "ko-KR", **STILL}
NARROW = {"locale": "en-US", "viewport": {"width": 390, "height": 800}, "color_scheme": "dark", **STILL}
Axe = Callable[[], list[str]]


def upload(page: Page, server: Server, name: str, data: bytes) -> None:
    page.goto(server.url)
    page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data})
    page.wait_for_url(re.compile("/resumes/[0-9a-f]{32}"))


def begin(page: Page) -> None:
    page.locator("#begin .primary").click()


def finished(page: Page) -> None:
    expect(page.locator("#question-5")).to_be_visible(timeout=30_000)
    expect(page.locator("#path")).to_be_visible(timeout=30_000)
    expect(page.locator("progress")).to_have_count(0, timeout=30_000)


@pytest.mark.parametrize("page", [KOREAN], indirect=True)
def test_from_a_file_to_feedback_while_a_provider_dies(page: Page, axe: Axe, box: Sandbox, serve: Serve) -> None:
    """Upload, correction, questions one by one, a provider that dies, a practised answer, export as Markdown and PDF."""
    server = serve(box)
    page.goto(server.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("내가 한 일을 묻는 질문으로 다음 면접을 준비하세요.")
    assert axe() == []
    upload(page, server, "이력서.hwp", (FILES / "resume.hwp").read_bytes())
    expect(page.locator(".left-out")).to_contain_text("이메일 주소")
    assert "haneul@" not in page.content()
    page.locator("summary", has_text="내용 확인하고 고치기").click()
    page.locator("#text").fill(page.locator("#text").input_value() + "\nElixir, 010-2222-3333")
    page.get_by_role("button", name="수정 내용 저장").click()
    expect(page.locator("#text")).to_contain_text("Elixir, […]")
    begin(page)
    expect(page.locator("progress")).to_be_visible()
    expect(page.locator("#question-1")).to_be_visible()
    expect(page.locator("#question-5")).to_have_count(0)  # one by one
    box.break_provider("gemini", "reset")
    finished(page)
    expect(page.locator("#question-1 .author")).to_contain_text("Gemini")
    expect(page.locator("#question-5 .author")).to_contain_text("OpenAI")
    expect(page.locator(".takeover")).to_have_text("Gemini 실패 후 OpenAI에서 이어받았습니다.")
    page.locator("#how summary").click()
    expect(page.locator("#how tbody tr.bad, #how td.bad").first).to_be_visible()
    expect(page.locator("#how tfoot td")).to_contain_text("$0.0")
    page.locator("#question-2 .practice summary").click()
    page.fill("#answer-2", "먼저 측정했습니다. " * 20)
    page.click("#send-2")
    expect(page.locator("#question-2 .feedback .points li")).to_have_count(3)
    assert axe() == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="Markdown").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert text.count("### ") >= 10
    assert "먼저 측정했습니다" in text
    page.get_by_role("link", name="인쇄 또는 PDF 저장").click()
    expect(page.locator(".sheet h3")).to_have_count(10)
    printed = text_of(page.pdf(), "pdf")
    assert "면접 질문" in printed
    assert "정산 파이프라인 개편" in printed
    assert "인쇄" not in printed  # the buttons stay on the screen


@pytest.mark.parametrize("page", [NARROW], indirect=True)
def test_an_outage_of_all_providers_is_explained_kindly_and_one_click_goes_on(
    page: Page, axe: Axe, box: Sandbox, serve: Serve
) -> None:
    """On a narrow dark screen: what was written stays, over a reload and a restart of the server."""
    server = serve(box)
    upload(page, server, "cv.pdf", (FILES / "europass.pdf").read_bytes())
    begin(page)
    expect(page.locator("#question-1")).to_be_visible()
    for name in PROVIDERS:
        box.break_provider(name, "503")
    alert = page.locator("#failed .trouble")
    expect(alert).to_be_visible(timeout=30_000)
    expect(alert).to_contain_text("That is not your fault, and nothing is lost")
    expect(page.locator("#question-1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert axe() == []
    page.reload()
    expect(alert).to_be_visible()
    for name in PROVIDERS:
        box.heal(name)
    server.stop()
    server.start(server.port)
    page.get_by_role("button", name="Go on from here").click()
    expect(page.locator("#question-2")).to_be_visible(timeout=30_000)
    server.stop()  # in the middle of it
    server.start(server.port)
    finished(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_keyboard_alone_leads_through_it_and_what_is_typed_stays(page: Page, box: Sandbox, serve: Serve) -> None:
    server = serve(box)
    page.goto(server.url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    tab_to(page, "main .quiet")  # the sample
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/resumes/"))
    tab_to(page, "#begin .primary")
    page.keyboard.press("Enter")
    expect(page.locator("#question-1")).to_be_visible()
    tab_to(page, "#question-1 .practice summary")
    page.keyboard.press("Enter")
    tab_to(page, "#answer-1")
    page.keyboard.type("Written while the others came")
    finished(page)
    expect(page.locator("#answer-1")).to_have_value("Written while the others came")
    expect(page.locator("#answer-1")).to_be_focused()
    tab_to(page, "#send-1")
    page.keyboard.press("Enter")
    expect(page.locator("#question-1 .feedback")).to_be_visible()
    page.get_by_role("button", name="한국어").press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "ko")


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the element has the focus."""
    for _ in range(80):
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


EVIL = {
    "summary": "<img src=x onerror=\"document.title='taken'\"> </textarea><script>document.title='taken'</script>",
    "skills": ["Kotlin<script>document.title='taken'</script>", "Redis"],
}


KINDS = {
    "cv.docx": docx(*LINES),
    "cv.hwpx": (FILES / "resume.hwpx").read_bytes(),
    "cv.json": json.dumps(korean()).encode(),
    "cv.md": b"# Kim\n\n## Skills\n\n- Kotlin, Redis\n\n## Experience\n\nAcme (2020 - 2024)\n",
    "cv.txt": (EXAMPLES / "resume_ko.txt").read_bytes(),
}


def test_every_kind_of_file_is_read(page: Page, quick_box: Sandbox, serve: Serve) -> None:
    """The others are read in the tests before and after."""
    server = serve(quick_box)
    for name, data in KINDS.items():
        upload(page, server, name, data)
        expect(page.locator(".chips li").first).to_be_visible()


@pytest.mark.parametrize(
    ("name", "data"),
    [("rirekisho.txt", (FILES / "resume_ja.txt").read_bytes()), ("evil.json", json.dumps(EVIL).encode())],
    ids=["Japanese", "markup"],
)
def test_any_resume_is_asked_about_and_nothing_in_it_is_markup(
    page: Page, quick_box: Sandbox, serve: Serve, name: str, data: bytes
) -> None:
    upload(page, serve(quick_box), name, data)
    begin(page)
    finished(page)
    assert page.title() != "taken"
    assert page.locator("main img, main script").count() == 0


def test_what_is_no_resume_is_answered_with_a_page_that_says_why(
    page: Page, quick_box: Sandbox, serve: Serve, tmp_path: Path
) -> None:
    big = tmp_path / "big.txt"
    big.write_bytes(b"x" * (5 * 1024 * 1024 + 1))
    server = serve(quick_box)
    page.goto(server.url)
    page.set_input_files("#file", FILES / "locked.pdf")
    expect(page.locator("main")).to_contain_text("locked.pdf: it is protected by a password")
    page.get_by_role("link", name="Start").click()
    page.set_input_files("#file", big)
    expect(page.locator("#notice")).to_have_text("big.txt is larger than 5 MB: is it a résumé?")
    page.goto(f"{server.url}/resumes/{'0' * 32}")
    expect(page.locator("main")).to_contain_text("There is no such page, or the résumé was deleted.")
