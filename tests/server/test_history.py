"""The providers' history over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from segue import Sandbox
from segue.settings import Settings

from .conftest import served


def test_the_history_is_shown_to_anyone_who_may_ask(settings: Settings, box: Sandbox, tmp_path: Any) -> None:
    import msgspec

    kept = msgspec.structs.replace(settings, ledger=str(tmp_path / "ledger.sqlite3"))
    body = {"model": "gemini", "messages": [{"role": "user", "content": "Hello"}]}
    box.break_provider("gemini", "rate")
    with served(kept) as address, httpx.Client(base_url=address) as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 200
        found = client.get("/health/history", params={"hours": 1}).json()
        assert [(each["target"], each["after"]) for each in found["changes"]] == [("gemini", "rate")]
        hour = next(each for each in found["hours"] if each["target"] == "gemini")
        assert (hour["outcomes"], hour["failed"]) == ({"rate": 1}, 1)
        assert hour["simulated"] is found["changes"][0]["simulated"] is True
        for wrong in ("0", "-1", "nan", "many", "1e9"):
            refused = client.get("/health/history", params={"hours": wrong})
            assert (refused.status_code, "use more than 0, up to 720" in refused.text) == (400, True)


@pytest.mark.parametrize("path", ["/health/history", "/metrics"])
def test_it_needs_a_key_where_one_is_asked_for(settings: Settings, tmp_path: Any, path: str) -> None:
    from segue.server.auth import Gatekeeper
    from segue.server.keys.sqlite import FileKeyRing

    ring = FileKeyRing(tmp_path / "keys.sqlite3")
    _, secret = ring.create("me", scope="metrics")
    with served(settings, gatekeeper=Gatekeeper(ring)) as address, httpx.Client(base_url=address) as client:
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"x-api-key": secret.reveal()}).status_code == 200
