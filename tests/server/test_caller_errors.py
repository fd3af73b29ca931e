"""What a caller of the gateway is refused for, in each dialect: what happened, to what, and what a caller can do about it.

A caller is not the one who runs the gateway: no message sends him to a command or a setting of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from segue.sandbox import Sandbox
from segue.server.auth import Gatekeeper
from segue.server.keys.sqlite import FileKeyRing
from segue.settings import Settings
from segue.settings_loading import load

from .conftest import served

HI = [{"role": "user", "content": "hi"}]
DIALECTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "openai_chat": ("/v1/chat/completions", {"messages": HI}, "authorization"),
    "openai_responses": ("/v1/responses", {"input": "hi"}, "authorization"),
    "claude": ("/v1/messages", {"messages": HI, "max_tokens": 10}, "x-api-key"),
    "gemini": (
        "/v1beta/models/{model}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        "x-goog-api-key",
    ),
}
REFUSED = {
    "no key": (401, r"an API key is needed: send it as Authorization: Bearer, x-api-key"),
    "an unknown key": (401, r"is unknown or was revoked: ask the operator of this gateway for another one"),
    "another scope": (403, r"'meter' is for metrics, not for calls: ask the operator of this gateway for one that is"),
    "another model": (403, r"'narrow' may not use 'claude': use gemini"),
    "too many": (429, r"'slow' may make 1 requests a minute: wait as long as Retry-After says"),
    "a spent budget": (
        429,
        r"'poor' has a budget of \$0.0000\d+ a day: .* lower its max_tokens, or wait until midnight",
    ),
    "an unknown model": (404, r"'claud-sonnet-5-5'"),
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    ring = FileKeyRing(Path(tmp_path_factory.mktemp("keys")) / "keys.sqlite3")
    secrets = {
        "no key": "",
        "an unknown key": "sk-segue-wrong",
        "another scope": ring.create("meter", scope="metrics")[1].reveal(),
        "another model": ring.create("narrow", models=("gemini",))[1].reveal(),
        "too many": ring.create("slow", rate=1)[1].reveal(),
        "a spent budget": ring.create("poor", daily_budget=Decimal("0.00001"))[1].reveal(),
        "an unknown model": ring.create("plain")[1].reveal(),
    }
    with Sandbox() as box:
        settings: Settings = box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
        settings = paid(settings)
        with served(settings, gatekeeper=Gatekeeper(ring)) as address, httpx.Client(base_url=address) as client:

            def ask(why: str, dialect: str) -> httpx.Response:
                path, body, header = DIALECTS[dialect]
                model = {"another model": "claude", "an unknown model": "claud-sonnet-5-5"}.get(why, "gemini")
                value = f"Bearer {secrets[why]}" if header == "authorization" else secrets[why]
                headers = {header: value} if secrets[why] else {}
                answer = client.post(path.format(model=model), json={**body, "model": model}, headers=headers)
                if why == "too many" and answer.status_code == 200:
                    answer = client.post(path.format(model=model), json={**body, "model": model}, headers=headers)
                return answer

            yield ask


def paid(settings: Settings) -> Settings:
    """As if providers answered: what stand-ins answer is outside every budget."""
    targets = {name: msgspec.structs.replace(one, simulated=False) for name, one in settings.targets.items()}
    return msgspec.structs.replace(settings, targets=targets)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("why", REFUSED)
def test_an_error_names_what_a_caller_can_do(why: str, dialect: str, asked: Any) -> None:
    status, pattern = REFUSED[why]
    answer = asked(why, dialect)
    message = answer.json()["error"]["message"]
    assert answer.status_code == status, message
    assert re.search(pattern, message), message
    assert not re.search(r"`segue |SEGUE_|_API_KEY|segue\.toml|Errno", message), message
