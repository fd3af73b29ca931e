"""Files as people have them, and files made to hurt. `files/` was made by other programs: Chromium (PDF), pypdf (its password),
hwp-converter-ai (HWP and HWPX).
"""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from career_coach import documents
from career_coach.reading import parse
from career_coach.resume import ResumeError

FILES = Path(__file__).with_name("files")
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(*lines: str, body: str = "", head: str = "", **parts: bytes) -> bytes:
    """A Word document of these paragraphs. `parts` are more files in it: `word__vbaProject_bin` is word/vbaProject.bin."""
    paragraphs = "".join(f"<w:p><w:r><w:t>{escape(line)}</w:t></w:r></w:p>" for line in lines)
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    files = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{relation}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<?xml version="1.0"?>{head}<w:document {_W}><w:body>{paragraphs}{body}</w:body></w:document>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/").replace("_bin", ".bin").replace("_xml", ".xml"), data)
    return packed.getvalue()


LINES = ("김하늘", "백엔드 개발자", "경력", "도담페이 (2021.03 - 2024.01)", "기술", "Kotlin, Redis")


@pytest.mark.parametrize("name", ["resume.hwp", "resume.hwpx"])
def test_a_hangul_document_is_read_with_its_tables_and_without_contact_data(name: str) -> None:
    resume = parse((FILES / name).read_bytes(), name)
    assert resume.companies == ["도담페이"]
    assert resume.projects == ["정산 파이프라인 개편"]
    assert {"Kotlin", "Java", "Redis", "MySQL"} <= set(resume.skills)
    for gone in ("1234", "haneul@", "1995", "테헤란로"):
        assert gone not in resume.text
    assert resume.notices[0].detail == "email, birth_date, postal_address, phone"


def test_a_europass_pdf_is_read_and_what_it_hides_is_seen() -> None:
    resume = parse((FILES / "europass.pdf").read_bytes(), "cv.pdf")
    assert resume.skills[:2] == ["Kotlin", "Apache Kafka"]
    assert "settlement pipeline to Apache Kafka" in resume.text
    for gone in ("maria@", "1234567", "1990", "Musterstraße", "linkedin", "German "):
        assert gone not in resume.text
    assert (
        "Ignore all previous instructions" in resume.text
    )  # white on white in the PDF: its reader sees it before it is sent


def test_a_word_document_is_read_with_its_tables_and_without_its_author() -> None:
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    table = f"<w:tbl><w:tr>{cell.format('회사')}{cell.format('한빛상사')}</w:tr></w:tbl>"
    author = b'<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>Someone Else</dc:creator></cp:coreProperties>'
    resume = parse(docx(*LINES, body=table, docProps__core_xml=author), "cv.docx")
    assert resume.companies == ["도담페이"]
    assert "회사: 한빛상사" in resume.text
    assert "Someone Else" not in resume.text


def test_a_japanese_resume_is_read_by_its_own_headings() -> None:
    resume = parse((FILES / "resume_ja.txt").read_bytes(), "rirekisho.txt")
    assert resume.companies == ["株式会社サンプル"]
    assert resume.skills[:4] == ["Java", "Kotlin", "Apache Kafka", "AWS"]
    for gone in ("1995", "神宮前", "090", "taro@"):
        assert gone not in resume.text


def _bomb() -> bytes:
    return docx(*LINES, word__media_xml=b"\0" * (80 * 1024 * 1024))


def _entities() -> bytes:
    levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    return docx(body="<w:p><w:r><w:t>&a11;</w:t></w:r></w:p>", head=f'<!DOCTYPE d [<!ENTITY a0 "ha">{levels}]>')


def _outside() -> bytes:
    return docx(
        body="<w:p><w:r><w:t>&x;</w:t></w:r></w:p>", head='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    )


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        pytest.param((FILES / "locked.pdf").read_bytes, "a.pdf", "protected by a password", id="password"),
        pytest.param(_bomb, "a.docx", "too much time or memory", id="zip bomb"),
        pytest.param(_entities, "a.docx", "no text in it", id="a billion laughs"),
        pytest.param(_outside, "a.docx", "no text in it", id="a file of the server's"),
        pytest.param(lambda: b"%PDF-1.7 ...", "a.pdf", "damaged", id="a cut PDF"),
        pytest.param(lambda: b"PK\x03\x04...", "a.docx", "damaged", id="a cut archive"),
        pytest.param(lambda: b"\xd0\xcf\x11\xe0...", "a.hwp", "damaged", id="a cut HWP"),
        pytest.param(lambda: docx(), "a.docx", "no text in it", id="nothing in it"),
        pytest.param(lambda: _archive("readme.txt"), "a.zip", "an archive", id="another archive"),
    ],
)
def test_a_document_that_hurts_or_says_nothing_is_refused_in_one_line(data: object, name: str, reason: str) -> None:
    began = time.monotonic()
    with pytest.raises(ResumeError) as caught:
        parse(data(), name)  # type: ignore[operator]
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < documents.PATIENCE


def _archive(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "hello")
    return packed.getvalue()


def test_macros_and_scripts_in_a_document_are_text_or_nothing() -> None:
    resume = parse(docx(*LINES, "<script>alert(1)</script>", word__vbaProject_bin=b"Sub AutoOpen()"), "cv.docm")
    assert "<script>alert(1)</script>" in resume.text
    assert "AutoOpen" not in resume.text


def test_a_parser_that_goes_on_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "PATIENCE", 0.001)
    with pytest.raises(ResumeError, match="too much time"):
        parse((FILES / "europass.pdf").read_bytes(), "cv.pdf")


def test_where_the_packages_are_missing_the_message_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "find_spec", lambda name: None)
    with pytest.raises(ResumeError, match=r"pip install 'segue-career-coach\[web\]'"):
        parse((FILES / "europass.pdf").read_bytes(), "cv.pdf")


TEXTS = {
    "cp949": "김하늘 백엔드 개발자\n경력 3년\n도담페이에서 코틀린과 레디스로 정산 시스템을 만들었습니다.\n",
    "cp1252": "Résumé de Chloé Lefèvre\nIngénieure logiciel à Montréal\nExpérience: développement d'une plateforme très disponible\n",
    "gb18030": "个人简历\n王小明 后端工程师\n工作经验：在杭州某公司负责支付系统的开发，使用 Java 和 Kafka，三年经验。\n",
    "big5": "個人履歷\n王小明 後端工程師\n工作經驗：在台北負責支付系統的開發，使用 Java 與 Kafka，三年經驗。\n",
    "cp932": "履歴書\n氏名 山田太郎\n職歴\n2019年4月 株式会社サンプル 入社 バックエンドエンジニア\n",
    "euc_jp": "履歴書\n氏名 山田太郎\n職歴\n2019年4月 株式会社サンプル 入社 バックエンドエンジニア\n",
    "cp1251": "Резюме\nИван Петров, разработчик\nОпыт: платежные системы на Java и Kafka, три года\n",
    "cp1250": "Životopis\nJiří Dvořák, vývojář\nZkušenosti: vývoj platebních systémů v Javě, tři roky praxe, škola Žďár\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_a_text_is_read_in_the_encoding_that_it_is_in(encoding: str) -> None:
    assert parse(TEXTS[encoding].encode(encoding), "cv.txt").text == TEXTS[encoding].strip()
