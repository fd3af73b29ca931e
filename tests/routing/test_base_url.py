"""Base URLs as people write them."""

from __future__ import annotations

import pytest

from segue.catalog.providers import PROVIDERS
from segue.routing.base_url import plain_base_url
from segue.routing.resolve import target
from segue.secret import Secret
from segue.settings import TargetSettings
from segue.wire.dialects import upstream

OPENAI = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://api.openai.com/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://api.openai.com//v1//", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/responses", "https://api.openai.com/v1"),
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000/v1"),
        ("http://proxy/openai/v4", "http://proxy/openai/v4"),
        ("http://proxy/chat/completions", "http://proxy/v1"),
        ("http://proxy/api", "http://proxy/api"),
    ],
)
def test_openais_dialects_get_their_version(url: str, plain: str) -> None:
    for dialect in ("openai_chat", "openai_responses"):
        assert plain_base_url(url, dialect, OPENAI) == plain


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example",
        "https://h.example/",
        "https://h.example/v1",
        "https://h.example/v1/",
        "https://h.example/v1/v1",
        "https://h.example/v1/messages",
        "https://h.example//v1/messages/",
    ],
)
def test_claudes_version_is_added_by_its_codec(url: str) -> None:
    assert plain_base_url(url, "claude", "https://api.anthropic.com") == "https://h.example"
    assert plain_base_url("https://h.example/anthropic/v1", "claude", "") == "https://h.example/anthropic"


@pytest.mark.parametrize("version", ["", "/v1", "/v1beta", "/v1alpha"])
def test_geminis_version_stays_where_it_is_given(version: str) -> None:
    for end in ("", "/", "/models", "/models/gemini-3.5-flash-lite"):
        given = plain_base_url(
            f"https://h.example{version}{end}", "gemini", "https://generativelanguage.googleapis.com"
        )
        assert given == f"https://h.example{version}"


@pytest.mark.parametrize("name", [name for name, preset in PROVIDERS.items() if not preset.local])
def test_every_provider_is_reached_with_and_without_its_path(name: str) -> None:
    preset = PROVIDERS[name]
    home = preset.base_url or preset.address or upstream(preset.dialect).base_url
    scheme, _, rest = home.partition("://")
    bare = f"{scheme}://{rest.partition('/')[0]}"
    for url in (home, f"{home}/", bare, f"{bare}/"):
        made = target(name, TargetSettings(api_key=Secret("k"), base_url=url, model="m"))
        assert made.base_url == home
