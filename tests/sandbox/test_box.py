from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec
import pytest

from segue.chat.events import TextDelta
from segue.client import Segue
from segue.errors import APIConnectionError, ConfigurationError, InvalidRequestError, LLMServiceUnavailableError
from segue.ledger.stores.memory import MemoryStore
from segue.sandbox import BillEntry, Sandbox
from segue.sandbox.answers.replies import MARK, NUMBERED
from segue.secret import Secret
from segue.settings import ChainSettings, Settings, TargetSettings


@contextmanager
def _client(settings: Settings) -> Iterator[Segue]:
    client = Segue(settings, ledger=MemoryStore())
    try:
        yield client
    finally:
        client.close()


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def test_targets_without_a_key_are_answered_for_and_say_so(box: Sandbox, plain: Settings) -> None:
    with _client(box.settings(plain)) as client:
        answer = client.complete("hello")
        assert (answer.target, answer.simulated) == ("gemini", True)
        assert answer.text.startswith(MARK)
        assert all(client.targets[name].simulated for name in plain.chain)
        assert all(record.simulated for record in client.ledger.records())


@pytest.mark.parametrize("provider", ["gemini", "openai", "claude", "groq", "mistral"])
def test_every_provider_answers_in_its_own_dialect(box: Sandbox, plain: Settings, provider: str) -> None:
    targets = {**plain.targets, provider: TargetSettings(model="some-model")}
    with _client(box.settings(msgspec.structs.replace(plain, targets=targets))) as client:
        answer = client.complete("hello", chain=[provider])
        assert (answer.target, answer.simulated) == (provider, True)


def test_a_target_with_a_key_or_an_address_is_left_alone(box: Sandbox, plain: Settings) -> None:
    own = {"openai": TargetSettings(api_key=Secret("k")), "claude": TargetSettings(base_url="http://127.0.0.1:9")}
    settings = box.settings(msgspec.structs.replace(plain, targets={**plain.targets, **own}))
    assert settings.targets["openai"] == own["openai"]
    assert settings.targets["claude"] == own["claude"]
    assert settings.targets["gemini"].simulated


def test_every_target_can_be_asked_for_and_then_none_keeps_its_key(box: Sandbox, plain: Settings) -> None:
    own = {"openai": TargetSettings(api_key=Secret("k"), model="gpt-4.1")}
    settings = box.settings(msgspec.structs.replace(plain, targets={**plain.targets, **own}), every=True)
    assert all(target.simulated and not target.api_key for target in settings.targets.values())
    assert settings.targets["openai"].model == "gpt-4.1"


def test_a_target_of_another_name_gets_a_server_of_its_own(box: Sandbox, plain: Settings) -> None:
    targets = {**plain.targets, "backup": TargetSettings(provider="openai"), "odd": TargetSettings()}
    chains = {"short": ChainSettings(targets=("backup",), policy=plain.policy)}
    settings = box.settings(msgspec.structs.replace(plain, targets=targets, chains=chains))
    assert settings.targets["backup"].base_url != settings.targets["openai"].base_url
    assert not settings.targets["odd"].simulated, "its dialect is not known"
    box.break_provider("backup", "overloaded")
    with _client(settings) as client, pytest.raises(LLMServiceUnavailableError):
        client.complete("hello", chain="short", rounds=1)


def test_a_provider_breaks_and_heals_while_it_runs(box: Sandbox, plain: Settings) -> None:
    with _client(box.settings(plain)) as client:
        box.break_provider("gemini", "overloaded")
        assert client.complete("hello").target == "openai"
        box.heal("gemini")
        assert client.complete("hello").target == "gemini"


def test_a_refusing_port_comes_back_where_it_was(box: Sandbox, plain: Settings) -> None:
    url = box.base_url("gemini")
    box.break_provider("gemini", "refused")
    assert not _listens(url)
    with _client(box.settings(plain)) as client:
        with pytest.raises(APIConnectionError):
            client.complete("hello", chain=["gemini"], rounds=1)
        box.heal("gemini")
        assert _listens(url)
        assert client.complete("hello", chain=["gemini"]).text


def test_a_fault_can_be_limited_to_the_first_requests(plain: Settings) -> None:
    with Sandbox(faults={"gemini": "overloaded:times=2"}) as box, _client(box.settings(plain)) as client:
        assert [client.complete("hello").target for _ in range(3)] == ["openai", "openai", "gemini"]


def test_a_fault_by_chance_strikes_some_requests_and_the_same_ones_for_the_same_seed(plain: Settings) -> None:
    def targets(seed: int) -> list[str | None]:
        with Sandbox(faults={"gemini": "auth:probability=0.5"}, seed=seed) as box:
            for _ in range(16):
                with _client(box.settings(plain)) as client:
                    client.complete("hello")
            return [entry.fault for entry in box.bill if entry.provider == "gemini"]

    assert targets(1) == targets(1)
    assert set(targets(1)) == {None, "auth"}


def test_the_bill_has_what_the_ledger_has(box: Sandbox, plain: Settings) -> None:
    box.break_provider("gemini", "cut:after=10")
    with _client(box.settings(plain)) as client:
        stream = client.stream("hello")
        delivered = "".join(event.text for event in stream if isinstance(event, TextDelta))
        booked = client.ledger.records()
    cut, whole = box.bill
    assert (cut.provider, cut.finished, cut.cancelled, cut.fault) == ("gemini", False, False, "cut")
    assert (whole.provider, whole.finished, whole.continued, whole.fault) == ("openai", True, True, None)
    assert 0 < cut.usage.output_tokens < whole.usage.output_tokens
    assert whole.usage == booked[1].usage
    assert booked[0].usage.output_tokens >= cut.usage.output_tokens
    assert delivered.startswith(MARK)


def test_a_refusal_costs_nothing_on_the_bill(box: Sandbox, plain: Settings) -> None:
    box.break_provider("gemini", "rate")
    with _client(box.settings(plain)) as client:
        client.complete("hello")
    assert (box.bill[0].status, box.bill[0].usage.total_tokens) == (429, 0)


def test_a_caller_who_leaves_is_on_the_bill_and_pays_gemini_in_full(plain: Settings) -> None:
    with Sandbox(delay=0.02, reply="numbered") as box, _client(box.settings(plain)) as client:
        for name in ("gemini", "claude"):
            stream = client.stream("hello", chain=[name])
            for event in stream:
                if isinstance(event, TextDelta):
                    break
            stream.close()
        gemini, claude = _awaited(box, 2)
    assert gemini.cancelled
    assert claude.cancelled
    assert gemini.usage.output_tokens > 5 * claude.usage.output_tokens > 0


def _awaited(box: Sandbox, count: int) -> tuple[BillEntry, ...]:
    pause = threading.Event()
    for _ in range(200):
        if len(box.bill) >= count:
            break
        pause.wait(0.01)
    return box.bill


def test_numbered_answers_arrive_whole_over_a_seam(plain: Settings) -> None:
    with Sandbox(faults={"gemini": "cut:after=30"}, reply="numbered") as box, _client(box.settings(plain)) as client:
        stream = client.stream("count")
        text = "".join(event.text for event in stream if isinstance(event, TextDelta))
        assert stream.answer.seams == 1
    assert text == " ".join(f"t{number}" for number in range(NUMBERED))


def test_max_tokens_are_kept(box: Sandbox, plain: Settings) -> None:
    with _client(box.settings(plain)) as client:
        answer = client.complete("hello", max_tokens=20)
    assert answer.finish_reason == "length"
    assert answer.usage.output_tokens <= 20


def test_it_works_in_an_event_loop_too(plain: Settings) -> None:
    async def ask() -> str:
        async with Sandbox(faults={"gemini": "cut"}) as box:
            client = Segue(box.settings(plain), ledger=MemoryStore())
            answer = await client.acomplete("hello")
            await client.aclose()
            return answer.target

    assert asyncio.run(ask()) == "openai"


def test_nothing_listens_and_no_thread_runs_after_its_end(plain: Settings) -> None:
    before = threading.active_count()
    with Sandbox(faults={"gemini": "hang"}) as box:
        urls = [box.base_url(name) for name in box.providers]
        assert all(map(_listens, urls))
        with socket.create_connection(("127.0.0.1", urlsplit(urls[0]).port or 0)) as open_one:
            open_one.sendall(
                b"POST /v1beta/models/m:generateContent HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
            )
    assert not any(map(_listens, urls))
    assert threading.active_count() == before


def test_it_can_be_started_again(plain: Settings) -> None:
    box = Sandbox()
    for _ in range(2):
        with box, _client(box.settings(plain)) as client:
            assert client.complete("hello").simulated


def test_ports_can_be_chosen() -> None:
    for port in range(21_000, 29_000, 97):
        try:
            with Sandbox(port=port) as box:
                assert box.base_url("gemini") == f"http://127.0.0.1:{port}"
                assert box.base_url("openai") == f"http://127.0.0.1:{port + 1}/v1"
                return
        except ConfigurationError:
            continue  # taken by someone else
    pytest.fail("not one port could be had")


def test_a_taken_port_is_a_configuration_error_that_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=str(port)), Sandbox(port=port):
            pass


@pytest.mark.parametrize("faults", [{"gemeni": "cut"}, {"gemini": "explode"}])
def test_an_unknown_provider_or_fault_is_refused_at_once(faults: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean|use one of"):
        Sandbox(faults=faults)


def test_breaking_an_unknown_provider_is_refused(box: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean|use one of"):
        box.break_provider("gemeni")


def test_it_says_that_it_does_not_run() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        Sandbox().base_url("gemini")


def test_a_wrong_request_is_the_callers_fault(box: Sandbox, plain: Settings) -> None:
    with _client(box.settings(plain)) as client, pytest.raises(InvalidRequestError):
        client.complete([], chain=["claude"])
