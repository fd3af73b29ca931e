"""What MkDocs does to pages as it writes them (`hooks` in mkdocs.yml)."""

from __future__ import annotations

from mkdocs.structure.pages import Page


def on_post_page(output: str, *, page: Page, **_: object) -> str:
    """Pages of docs/ko say that they are in Korean: screen readers and browsers go by it."""
    korean = page.file.src_uri.startswith("ko/")
    return output.replace('<html lang="en"', '<html lang="ko"', 1) if korean else output
