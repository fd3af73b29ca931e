"""What the dashboard's endpoints tell of a gateway before stand-ins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from segue import Sandbox
from segue.cli.breakable import Breakable
from segue.monitoring.history import History
from segue.settings import MonitoringSettings, Settings

from ..conftest import served


@pytest.fixture(scope="module")
def client(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A gateway that logs bodies, and has answered three requests: plainly, after a break in mid-text, and after a rate limit."""
    from segue.settings_loading import load

    ledger = str(tmp_path_factory.mktemp("dashboard") / "ledger.sqlite3")  # the ledger in memory is the whole process's
    settings: Settings = box.settings(
        load({"SEGUE_LEDGER": ledger, "SEGUE_DAILY_BUDGET": "5"}, directory="/nonexistent")
    )
    settings = msgspec.structs.replace(settings, monitoring=MonitoringSettings(log_bodies=True))
    with (
        served(settings, stand_ins=Breakable(box)) as address,
        httpx.Client(base_url=f"{address}/dashboard/api/v1", verify=False) as made,
    ):
        for fault in ("", "cut:after=5,times=1", "rate:times=1"):
            made.post("/faults", json={"provider": "gemini", "fault": fault}).raise_for_status()
            prompt = f"Count, please, {fault or 'plainly'}; my key is sk-1234567890abcdef."
            ask(made, prompt)
        yield made


def ask(client: httpx.Client, prompt: str, **fields: Any) -> httpx.Response:
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], **fields}
    return client.post("/try", json=body).raise_for_status()


def events(answer: httpx.Response) -> list[tuple[str, Any]]:
    parts = [part.split("\n") for part in answer.text.split("\n\n") if part.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data, *_ in parts]


def requests(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/requests", params=query).json()["requests"]
    return found


def test_a_look_tells_how_targets_stand_what_passes_and_what_happened(client: httpx.Client) -> None:
    now = client.get("/now").json()
    gemini, openai, _claude = now["targets"]
    assert (gemini["target"], gemini["simulated"], gemini["traffic"]["failed"]) == ("gemini", True, 2)
    assert openai["traffic"]["attempts"] >= 2
    assert openai["traffic"]["first_p50"] is not None
    kinds = [row["felt"]["kind"] for row in now["requests"]]
    assert {"later", "pause"} <= set(kinds)
    assert now["changes"][-1]["after"] == "rate"
    assert [sum(kind["begun"].values()) for kind in now["totals"]] == [now["attempts"]]


def test_requests_are_listed_the_latest_first_and_those_with_trouble_alone(client: httpx.Client) -> None:
    listed = requests(client)
    assert [row["started"] for row in listed] == sorted((row["started"] for row in listed), reverse=True)
    assert all(row["simulated"] for row in listed)
    trouble = requests(client, trouble=1)
    assert 2 <= len(trouble) < len(listed)
    assert {row["outcome"] for row in trouble} >= {"rate", "broken"}
    first = client.get("/requests", params={"limit": 1}).json()
    assert len(first["requests"]) == 1
    assert requests(client, limit=1, before=first["before"])[0]["request_id"] != first["requests"][0]["request_id"]
    assert {target for row in requests(client, target="claude") for target in row["targets"]} <= {"claude"}


def test_a_story_has_every_attempt_its_cost_and_its_bound_and_a_redacted_body(client: httpx.Client) -> None:
    seam = next(row for row in requests(client) if row["felt"]["kind"] == "pause")
    reply = client.get(f"/requests/{seam['request_id']}").json()
    broken, last = reply["story"]["steps"]
    assert (broken["target"], broken["outcome"], broken["shown"]) == ("gemini", "broken", True)
    assert (last["target"], last["outcome"], last["continuation"]) == ("openai", "ok", True)
    assert Decimal(broken["cost"]) < Decimal(broken["bound"])
    assert Decimal(last["cost"]) == Decimal(last["bound"])
    assert reply["bodies"] == "shown"
    assert "my key is [redacted]" in reply["body"]["messages"][-1]["text"]
    assert reply["body"]["answer"].startswith("t0 t1 t2")


def test_an_unknown_request_has_no_story(client: httpx.Client) -> None:
    for id in ("nothing", "x" * 2000, "%2e%2e"):
        assert client.get(f"/requests/{id}").status_code == 404


def test_a_prompt_is_streamed_with_its_seam_where_it_is(client: httpx.Client) -> None:
    client.post("/faults", json={"provider": "openai", "fault": "cut:after=5,times=1"}).raise_for_status()
    feed = events(ask(client, "Count."))  # gemini rests
    place = [name for name, _ in feed].index("seam")
    before = "".join(data["text"] for name, data in feed[:place] if name == "text")
    after = "".join(data["text"] for name, data in feed[place:] if name == "text")
    assert feed[place][1] == {"source": "openai", "target": "claude", "at": len(before), "restarted": False}
    assert (before + after).split()[:9] == [f"t{number}" for number in range(9)]
    assert feed[-1] == ("done", {"reason": "stop"})
    client.post("/faults", json={"provider": "openai", "fault": ""}).raise_for_status()


def test_a_prompt_that_is_wrong_is_refused_as_in_openais_dialect(client: httpx.Client) -> None:
    answer = client.post("/try", json={"model": "auto", "messages": "?"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_history_is_handed_to_the_store_outside_of_the_event_loop(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[bool] = []

    def save(history: History) -> None:
        ran.append(asyncio._get_running_loop() is not None)

    monkeypatch.setattr(History, "save", save)
    client.get("/history", params={"hours": 24}).raise_for_status()
    assert ran == [False]


def test_history_tells_each_hours_waits_and_failures_by_class(client: httpx.Client) -> None:
    history = client.get("/history", params={"hours": 24}).json()
    gemini = next(span for span in history["spans"] if span["target"] == "gemini")
    assert history["step"] == 3600
    assert gemini["simulated"] is True
    assert {"rate", "broken"} <= set(gemini["outcomes"])
    assert gemini["left_for"]["openai"] >= 2
    assert client.get("/history", params={"hours": 720}).json()["step"] == 8 * 3600
    for wrong in ("0", "721", "x", "nan", "-1"):
        assert client.get("/history", params={"hours": wrong}).status_code == 400


def test_money_is_shown_by_day_target_key_and_model_apart_for_stand_ins(client: httpx.Client) -> None:
    money = client.get("/money", params={"days": 2}).json()
    assert [part["kind"] for part in money["parts"]] == ["simulated"]
    part = money["parts"][0]
    assert {row["target"] for row in part["rows"]} >= {"gemini", "openai"}
    assert sum(Decimal(row["cost"]) for row in part["rows"]) == Decimal(part["cost"])
    assert Decimal(part["cost"]) < Decimal(part["bound"])
    (balance,) = money["balances"]
    assert balance["simulated"] is True
    assert balance["rescued"] >= 2
    assert 0 < Decimal(balance["extra"]) < Decimal(balance["extra_bound"])
    assert client.get("/money", params={"days": 93}).status_code == 400


def test_settings_show_budgets_and_knobs_and_no_secret(client: httpx.Client) -> None:
    text = client.get("/settings").text
    found = json.loads(text)
    assert found["keys"] is None
    assert [(row["name"], row["limit"]) for row in found["budgets"]] == [("all", "5")]
    assert found["chains"][0]["targets"] == ["gemini", "openai", "claude"]
    assert "deadline" in found["chains"][0]["policy"]
    assert found["targets"][0]["host"].startswith("127.0.0.1:")
    assert "api_key" not in text


def test_a_provider_is_broken_and_healed_by_name(client: httpx.Client) -> None:
    board = client.get("/faults").json()
    assert board["providers"][:3] == ["gemini", "openai", "claude"]
    assert {"cut", "rate", "refused"} <= {kind["name"] for kind in board["kinds"]}
    broken = client.post("/faults", json={"provider": "claude", "fault": "overloaded"}).json()["broken"]
    assert broken["claude"] == "overloaded"
    assert "claude" not in client.post("/faults", json={"provider": "claude", "fault": ""}).json()["broken"]
    for body in ({"provider": "groq", "fault": "cut"}, {"provider": "claude", "fault": "nonsense"}, {"provider": 1}):
        assert client.post("/faults", json=body).status_code == 400


def test_where_models_answer_nothing_can_be_broken(gateway: str) -> None:
    base = f"{gateway}/dashboard/api/v1"
    assert httpx.get(f"{base}/faults").json() == {"providers": [], "kinds": [], "broken": {}}
    assert httpx.post(f"{base}/faults", json={"provider": "gemini", "fault": "cut"}).status_code == 409
    assert httpx.get(f"{base}/session").json()["sandbox"] is False


def test_what_is_not_there_is_not_served(client: httpx.Client) -> None:
    for method, path in (("GET", "/nothing"), ("POST", "/now"), ("DELETE", "/requests")):
        assert client.request(method, path).status_code == 404
