"""A provider breaks behind the gateway: what its callers see of it, over real sockets and with the official SDKs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import msgspec
import openai
import pytest
from google import genai

from segue import Sandbox
from segue.policy import StallPolicy
from segue.server.exchange import Bounds
from segue.settings import Settings

from .conftest import served

MESSAGES = [{"role": "user", "content": "Count the ways"}]
FAULTS = ["503", "429", "reset", "refused", "garbage", "empty", "cut:after=5", "drop:after=5", "break:after=5"]
FAULTS += ["error_event:after=5", "raw_error:after=5", "malformed:after=5", "silence", "freeze:after=5"]
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "auto", "messages": MESSAGES}),
    "responses": ("/v1/responses", {"model": "auto", "input": "Count the ways"}),
    "claude": ("/v1/messages", {"model": "auto", "max_tokens": 1000, "messages": MESSAGES}),
    "gemini": ("/v1beta/models/auto:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Count"}]}]}),
}


def hasty(settings: Settings) -> Settings:
    """The same, with little patience for silence and none for second rounds."""
    stall = StallPolicy(
        first_hedge=(0.1, 0.2), first_hedge_unknown=0.1, first_give_up=1.0, gap_hedge=(0.1, 0.2), gap_give_up=1.0
    )
    return msgspec.structs.replace(settings, policy=settings.policy.replace(rounds=1, stall=stall))


@pytest.fixture
def gateway(settings: Settings) -> Iterator[str]:
    with served(hasty(settings)) as address:
        yield address


@pytest.fixture(scope="module")
def reference(box: Sandbox) -> str:
    """What a healthy provider says."""
    with openai.OpenAI(base_url=box.base_url("openai"), api_key="any", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-6-luna", messages=MESSAGES)
        return answer.choices[0].message.content or ""


def ask(gateway: str, headers: dict[str, str] | None = None, dialect: str = "chat", **more: Any) -> httpx.Response:
    path, body = BODIES[dialect]
    return httpx.post(gateway + path, json=body | more, headers=headers or {}, timeout=10)


def break_all(box: Sandbox, fault: str = "503") -> None:
    for name in ("gemini", "openai", "claude"):
        box.break_provider(name, fault)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_text_is_whole_whatever_breaks(box: Sandbox, gateway: str, reference: str, fault: str) -> None:
    with openai.OpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0) as client:
        box.break_provider("gemini", fault)
        chunks = list(client.chat.completions.create(model="auto", messages=MESSAGES, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == reference


@pytest.mark.parametrize("fault", ["503", "cut:after=5"])
def test_every_dialect_streams_the_whole_text(box: Sandbox, gateway: str, reference: str, fault: str) -> None:
    box.break_provider("gemini", fault)
    with (
        anthropic.Anthropic(base_url=gateway, api_key="any", max_retries=0) as client,
        client.messages.stream(model="auto", max_tokens=1000, messages=MESSAGES) as stream,
    ):
        assert "".join(stream.text_stream) == reference
    with (
        openai.OpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0) as other,
        other.responses.stream(model="auto", input=MESSAGES) as streamed,
    ):
        assert streamed.until_done().get_final_response().output_text == reference
    with genai.Client(api_key="any", http_options=genai.types.HttpOptions(base_url=gateway)) as third:
        chunks = third.models.generate_content_stream(model="auto", contents="Count the ways")
        assert "".join(chunk.text or "" for chunk in chunks) == reference


def test_the_head_tells_who_answered_and_after_how_many_attempts(box: Sandbox, gateway: str) -> None:
    well = ask(gateway)
    assert (well.headers["x-segue-target"], well.headers["x-segue-attempts"]) == ("gemini", "1")
    box.break_provider("gemini", "503")
    failed_over = ask(gateway)
    assert (failed_over.headers["x-segue-target"], failed_over.headers["x-segue-attempts"]) == ("openai", "2")
    assert failed_over.headers["x-request-id"] == failed_over.headers["request-id"] != well.headers["x-request-id"]
    with httpx.stream("POST", gateway + BODIES["chat"][0], json=BODIES["chat"][1] | {"stream": True}) as streamed:
        assert (streamed.headers["x-segue-target"], streamed.headers["x-segue-simulated"]) == ("openai", "true")


@pytest.mark.parametrize("dialect", list(BODIES))
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_with_all_broken_the_answer_is_an_honest_500(box: Sandbox, gateway: str, dialect: str, stream: bool) -> None:
    break_all(box)
    if dialect == "gemini":
        path = BODIES[dialect][0].replace("generate", "streamGenerate") if stream else BODIES[dialect][0]
        answer = httpx.post(gateway + path, json=BODIES[dialect][1])
    else:
        answer = ask(gateway, dialect=dialect, stream=stream)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (500, "false")
    message = answer.json()["error"]["message"]
    assert all(name in message for name in ("gemini", "openai", "claude", "503")), message
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == id_in(answer.json()) != ""


def id_in(document: dict[str, Any]) -> str:
    """The request's id in the body of an error, wherever the dialect has it."""
    details = document["error"].get("details")
    infos = [one["requestId"] for one in details if "requestId" in one] if isinstance(details, list) else []
    return str(document.get("request_id") or document["error"].get("request_id") or "".join(infos))


@pytest.mark.parametrize("dialect", list(BODIES))
def test_a_request_that_never_began_has_an_id_too(gateway: str, dialect: str) -> None:
    answer = httpx.post(gateway + BODIES[dialect][0], content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["x-request-id"] == id_in(answer.json()) != ""


def test_where_all_rest_and_none_was_asked_the_caller_is_asked_to_come_again(box: Sandbox, gateway: str) -> None:
    break_all(box)
    answers = [ask(gateway)]
    assert (answers[0].status_code, answers[0].headers["x-should-retry"]) == (500, "false")
    while answers[-1].headers["x-should-retry"] == "false":  # on a slow machine a breaker may be over its rest by then
        assert len(answers) < 50
        answers.append(ask(gateway))
    assert answers[-1].status_code == 500
    assert 0 <= int(answers[-1].headers["retry-after"]) <= 3


@pytest.mark.parametrize("dialect", ["chat", "responses", "claude"])
def test_while_all_have_failed_and_a_round_is_waited_for_no_head_is_sent(
    box: Sandbox, settings: Settings, dialect: str
) -> None:
    waits = settings.policy.replace(rounds=2, round_wait=(0.6, 0.8))
    break_all(box)
    with served(msgspec.structs.replace(settings, policy=waits), bounds=Bounds(ping=0.1)) as address:
        answer = ask(address, dialect=dialect, stream=True)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/json")


def test_where_a_target_has_answered_its_head_a_silent_stream_shows_a_sign_of_life(
    box: Sandbox, settings: Settings
) -> None:
    for name in ("gemini", "openai", "claude"):
        box.break_provider(name, "silence")
    with (
        served(settings, bounds=Bounds(ping=0.1)) as address,
        httpx.stream("POST", address + BODIES["claude"][0], json=BODIES["claude"][1] | {"stream": True}) as streamed,
    ):
        assert streamed.status_code == 200
        assert next(streamed.iter_bytes())


def test_no_official_sdk_tries_again_what_the_chain_has_tried(box: Sandbox, gateway: str) -> None:
    break_all(box)
    before = len(box.bill)
    with (
        openai.OpenAI(base_url=f"{gateway}/v1", api_key="any") as client,
        pytest.raises(openai.InternalServerError, match="All LLM providers failed"),
    ):
        client.chat.completions.create(model="auto", messages=MESSAGES)
    asked = len(box.bill) - before
    assert asked == 3
    with (
        anthropic.Anthropic(base_url=gateway, api_key="any") as other,
        pytest.raises(anthropic.InternalServerError, match="All LLM providers failed"),
    ):
        other.messages.create(model="auto", max_tokens=10, messages=MESSAGES)
    assert len(box.bill) - before == 2 * asked


def test_retry_after_is_sent_when_it_is_known(box: Sandbox, gateway: str) -> None:
    break_all(box, "429")
    answer = ask(gateway)
    assert int(answer.headers["retry-after"]) >= 1


def test_without_fallback_the_first_target_is_asked_alone(box: Sandbox, gateway: str) -> None:
    box.break_provider("openai", "503")
    answer = ask(gateway, {"x-segue-fallback": "false"}, model="openai")
    assert answer.status_code == 500
    assert "gemini" not in answer.json()["error"]["message"]
    assert ask(gateway, {"x-segue-fallback": "true"}, model="openai").headers["x-segue-target"] == "gemini"


def test_a_deadline_is_kept(box: Sandbox, gateway: str) -> None:
    break_all(box, "hang")
    began = time.monotonic()
    answer = ask(gateway, {"x-segue-deadline": "0.2"})
    assert time.monotonic() - began < 8.0, "the ask itself gives up after 10 s"
    assert answer.status_code == 500


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-segue-deadline", wrong) for wrong in ("soon", "0", "-1", "nan", "inf", "")]
    + [("x-segue-fallback", "perhaps")],
)
def test_a_malformed_header_is_the_callers_mistake(gateway: str, name: str, value: str) -> None:
    answer = ask(gateway, {name: value})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)


class TestAStreamThatCannotBeContinued:
    """It ends with its dialect's error, never as if it were whole."""

    @pytest.fixture(autouse=True)
    def broken(self, box: Sandbox) -> None:
        box.break_provider("gemini", "cut:after=8")
        box.break_provider("openai", "503")
        box.break_provider("claude", "503")

    def test_chat_completions(self, gateway: str) -> None:
        with openai.OpenAI(base_url=f"{gateway}/v1", api_key="any") as client:
            stream = client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
            with pytest.raises(openai.APIError):
                for chunk in stream:
                    assert not chunk.choices or chunk.choices[0].finish_reason is None

    def test_responses(self, gateway: str) -> None:
        with openai.OpenAI(base_url=f"{gateway}/v1", api_key="any") as client:
            stream = client.responses.create(model="auto", input=MESSAGES, stream=True)
            kinds = []
            try:
                kinds = [event.type for event in stream]
            except openai.APIError:
                return
            assert kinds[-1] in ("response.failed", "error")

    def test_messages(self, gateway: str) -> None:
        with (
            anthropic.Anthropic(base_url=gateway, api_key="any") as client,
            pytest.raises(anthropic.APIError),
            client.messages.stream(model="auto", max_tokens=1000, messages=MESSAGES) as stream,
        ):
            list(stream)

    def test_gemini(self, gateway: str) -> None:
        with genai.Client(api_key="any", http_options=genai.types.HttpOptions(base_url=gateway)) as client:
            chunks = []
            with pytest.raises(genai.errors.APIError):
                for chunk in client.models.generate_content_stream(model="auto", contents="Count the ways"):
                    chunks.append(chunk)
            assert all(not chunk.candidates or chunk.candidates[0].finish_reason is None for chunk in chunks)

    def test_the_bytes_hold_no_terminal(self, gateway: str) -> None:
        answer = ask(gateway, stream=True)
        events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
        assert "error" in json.loads([event for event in events if event != "[DONE]"][-1])
