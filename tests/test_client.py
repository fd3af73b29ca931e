"""The library's entry: options, chains, both ways of reading, and what a client remembers."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segue import (
    Answer,
    Citation,
    ConfigurationError,
    Finished,
    InvalidRequestError,
    LLMServiceUnavailableError,
    OutputSchema,
    Segue,
    TextDelta,
    system,
    user,
)
from segue.ledger.stores.memory import MemoryStore
from segue.ledger.stores.sqlite import SqliteStore
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Reply
from segue.wire.codec import WireRequest

KEYS = {"GEMINI_API_KEY": "g-secret", "OPENAI_API_KEY": "o-secret", "CLAUDE_API_KEY": "c-secret"}


def says(*pieces: str, finish: str | None = "stop") -> Reply:
    """An answer in OpenAI's dialect."""
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    if finish is not None:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        chunks.append({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 100}})
    head = {"id": "c1", "object": "chat.completion.chunk", "model": "gpt-4.1"}
    body = [b"data: " + json.dumps(head | chunk).encode() + b"\n\n" for chunk in chunks]
    return Reply(headers={"content-type": "text/event-stream"}, steps=[*body, b"data: [DONE]\n\n"] if finish else body)


def refuses(status: int, code: str = "", message: str = "no") -> Reply:
    body = {"error": {"message": message, "code": code, "type": code}}
    return Reply(status=status, headers={"content-type": "application/json"}, steps=[json.dumps(body).encode()])


class Upstream:
    """Plays replies in turn, and remembers what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.transport = MemoryTransport(replies)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(exchange.request.body) for exchange in self.transport.requests]

    @property
    def urls(self) -> list[str]:
        return [exchange.request.url for exchange in self.transport.requests]


def client(upstream: Upstream, directory: Path, environ: dict[str, str] | None = None, *, toml: str = "") -> Segue:
    (directory / "segue.toml").write_text(toml, encoding="utf-8")
    names = {"OPENAI_API_KEY": "o-secret", "OPENAI_MODEL": "gpt-4.1"} if environ is None else environ
    return Segue(load(names, directory=directory), ledger=MemoryStore(), transport=upstream.transport)


async def test_a_whole_answer_tells_who_gave_it_and_what_it_cost(tmp_path: Path) -> None:
    answer = await client(Upstream(says("Hello", " there")), tmp_path).acomplete("hi")
    assert (answer.text, answer.target, answer.model) == ("Hello there", "openai", "gpt-4.1")
    assert (answer.usage.prompt_tokens, answer.usage.output_tokens) == (1000, 100)
    assert answer.cost == Decimal("0.0028")  # $2 a million in, $8 a million out
    assert [attempt.outcome for attempt in answer.attempts] == ["ok"]
    assert not answer.simulated


def test_the_same_works_without_a_loop(tmp_path: Path) -> None:
    segue = client(Upstream(says("one"), says("two")), tmp_path)
    assert segue.complete("hi").text == "one"
    stream = segue.stream("hi")
    events = list(stream)
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["two"]
    assert isinstance(events[-1], Finished)
    assert stream.answer.text == "two"
    segue.close()


async def test_a_stream_is_read_with_async_for_and_has_its_answer_at_the_end(tmp_path: Path) -> None:
    stream = client(Upstream(says("a", "b")), tmp_path).stream("hi")
    with pytest.raises(RuntimeError, match="not whole yet"):
        _ = stream.answer
    texts = [event.text async for event in stream if isinstance(event, TextDelta)]
    assert texts == ["a", "b"]
    assert stream.answer.text == "ab"


async def test_leaving_a_stream_early_closes_its_connection(tmp_path: Path) -> None:
    upstream = Upstream(says("a", "b", "c"))
    async with client(upstream, tmp_path).stream("hi") as stream:
        await stream.batch()
    assert upstream.transport.open == []
    assert upstream.transport.requests[0].cancelled


async def test_a_mid_stream_cut_is_gone_on_with_by_the_next_target(tmp_path: Path) -> None:
    toml = '[targets.first]\nprovider = "openai"\nmodel = "gpt-4.1"\n[targets.second]\nprovider = "groq"\nmodel = "m"\n'
    environ = {"FIRST_API_KEY": "k", "SECOND_API_KEY": "k", "SEGUE_CHAIN": "first,second"}
    upstream = Upstream(says("The answer beg", finish=None), says("ins here."))
    stream = client(upstream, tmp_path, environ, toml=toml).stream("hi")
    text = "".join([event.text async for event in stream if isinstance(event, TextDelta)])
    assert text == "The answer begins here."
    assert (stream.answer.seams, stream.answer.target) == (1, "second")
    assert [attempt.outcome for attempt in stream.answer.attempts] == ["broken", "ok"]
    assert upstream.bodies[1]["messages"][1] == {"role": "assistant", "content": "The answer beg"}


async def test_targets_without_a_key_are_left_out_of_the_default_chain(tmp_path: Path) -> None:
    upstream = Upstream(says("hello"))
    assert (await client(upstream, tmp_path).acomplete("hi")).target == "openai"
    assert upstream.urls == ["https://api.openai.com/v1/chat/completions"]


async def test_without_any_key_the_error_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="set one of GEMINI_API_KEY, OPENAI_API_KEY, CLAUDE_API_KEY"):
        await client(Upstream(), tmp_path, {}).acomplete("hi")


async def test_a_named_chain_and_names_of_targets_both_choose_the_chain(tmp_path: Path) -> None:
    toml = '[chains.fast]\ntargets = ["groq"]\n[targets.groq]\nmodel = "llama"\n'
    upstream = Upstream(says("a"), says("b"))
    segue = client(upstream, tmp_path, KEYS | {"GROQ_API_KEY": "k"}, toml=toml)
    assert (await segue.acomplete("hi", chain="fast")).target == "groq"
    assert (await segue.acomplete("hi", chain=["openai"])).target == "openai"
    assert [record.chain for record in segue.ledger.records()] == ["fast", "openai"]


async def test_a_call_may_name_its_model_and_a_pinned_snapshot_stays_pinned(tmp_path: Path) -> None:
    upstream = Upstream(says("a"))
    answer = await client(upstream, tmp_path).acomplete("hi", model="gpt-4.1-2025-04-14")
    assert upstream.bodies[0]["model"] == answer.model == "gpt-4.1-2025-04-14"
    assert answer.cost == Decimal("0.0028")


async def test_fields_of_a_request_and_knobs_of_a_policy_are_options(tmp_path: Path) -> None:
    upstream = Upstream(says("a"))
    segue = client(upstream, tmp_path)
    await segue.acomplete("hi", system="Be brief.", temperature=0.1, max_tokens=9, stop=("x",), deadline=5.0)
    body = upstream.bodies[0]
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert (body["temperature"], body["stop"]) == (0.1, ["x"])


async def test_the_guides_defaults_are_sent_where_nothing_is_set(tmp_path: Path) -> None:
    upstream = Upstream(says("a"))
    await client(upstream, tmp_path).acomplete([system("s"), user("u")])
    assert upstream.bodies[0]["temperature"] == 0.7
    assert upstream.bodies[0]["max_completion_tokens"] == 1500


async def test_an_unknown_option_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'temprature' is not an option of Segue"):
        await client(Upstream(), tmp_path).acomplete("hi", temprature=1.0)


async def test_an_answer_that_fails_its_check_is_its_targets_failure(tmp_path: Path) -> None:
    toml = '[targets.groq]\nmodel = "m"\n'
    environ = KEYS | {"GROQ_API_KEY": "k", "SEGUE_CHAIN": "openai,groq", "OPENAI_MODEL": "gpt-4.1"}
    segue = client(Upstream(says('{"a": 1'), says('{"a": 1}')), tmp_path, environ, toml=toml)

    def validate(text: str) -> str | None:
        try:
            json.loads(text)
        except ValueError as error:
            return f"not JSON: {error}"
        return None

    answer = await segue.acomplete("hi", output=OutputSchema(), validate=validate)
    assert (answer.text, answer.target) == ('{"a": 1}', "groq")
    assert [attempt.outcome for attempt in answer.attempts] == ["invalid", "ok"]


async def test_a_checked_answer_that_its_token_limit_cut_off_is_no_answer(tmp_path: Path) -> None:
    segue = client(Upstream(says('{"a": ', finish="length")), tmp_path)
    with pytest.raises(LLMServiceUnavailableError, match="cut off by its token limit: it is not whole"):
        await segue.acomplete("hi", output=OutputSchema(), validate=lambda text: "it is not whole")


async def test_a_callers_mistake_stops_at_once_and_names_the_field(tmp_path: Path) -> None:
    body = {"error": {"message": "bad messages", "type": "invalid_request_error", "param": "messages"}}
    reply = Reply(status=400, headers={"content-type": "application/json"}, steps=[json.dumps(body).encode()])
    with pytest.raises(InvalidRequestError, match="bad messages") as caught:
        await client(Upstream(reply), tmp_path).acomplete("hi")
    assert (caught.value.param, caught.value.target) == ("messages", "openai")


async def test_a_text_that_is_no_unicode_is_the_callers_mistake_and_no_targets_failure(tmp_path: Path) -> None:
    segue = client(Upstream(), tmp_path)
    with pytest.raises(InvalidRequestError, match="half of a surrogate pair") as caught:
        await segue.acomplete("hi \ud800")
    assert (caught.value.param, caught.value.status) == ("messages", 400)


async def test_when_all_fail_each_reason_is_reported_and_no_key(tmp_path: Path) -> None:
    replies = [refuses(503, message="gone"), refuses(429, "insufficient_quota", "pay first"), refuses(503)]
    segue = client(Upstream(*replies), tmp_path, KEYS)
    with pytest.raises(LLMServiceUnavailableError) as caught:
        await segue.acomplete("hi", rounds=1)
    message = str(caught.value)
    assert message.startswith("All LLM providers failed\n")
    assert "gemini [gemini-3.5-flash-lite]: overload (HTTP 503)" in message
    assert "openai [gpt-6-luna]: money (HTTP 429): pay first" in message
    assert "secret" not in message
    assert caught.value.is_retryable is False
    assert caught.value.retry_after is not None


async def test_a_refused_key_is_probed_for_free_and_comes_back(tmp_path: Path) -> None:
    models = Reply(headers={"content-type": "application/json"}, steps=[b'{"object": "list", "data": []}'])
    asked: list[str] = []

    def script(request: WireRequest) -> Reply:
        asked.append(request.method)
        if request.method == "GET":
            return models
        return refuses(401) if len(asked) == 1 else says("hello")

    settings = load({"OPENAI_API_KEY": "k", "OPENAI_MODEL": "gpt-4.1"}, directory=tmp_path)
    segue = Segue(settings, ledger=MemoryStore(), transport=MemoryTransport(script))
    with pytest.raises(LLMServiceUnavailableError):
        await segue.acomplete("hi")
    (target,) = (segue.targets["openai"],)
    keys = segue.runtime.engine.keys(target)
    assert segue.runtime.engine.health.look(keys, 0.0).hopeless
    failure = await segue.runtime.engine.upstream(target).probe(connect=1.0)
    assert failure is None
    assert asked == ["POST", "GET"]
    segue.runtime.engine.health.probed(keys, 0.0, passed=True)
    assert (await segue.acomplete("hi")).text == "hello"


async def test_the_days_count_of_a_free_quota_outlives_the_process(tmp_path: Path) -> None:
    toml = "[targets.openai.quota]\nrequests_per_day = 3\n"
    (tmp_path / "segue.toml").write_text(toml, encoding="utf-8")
    settings = load({"OPENAI_API_KEY": "k", "OPENAI_MODEL": "gpt-4.1"}, directory=tmp_path)

    async def run(*replies: Reply) -> list[Answer | str]:
        store = SqliteStore(tmp_path / "ledger.sqlite3")
        segue = Segue(settings, ledger=store, transport=MemoryTransport(replies))
        got: list[Answer | str] = []
        for _ in range(2):
            try:
                got.append(await segue.acomplete("hi", rounds=1))
            except LLMServiceUnavailableError as error:
                got.append(str(error))
        store.close()
        return got

    first = await run(says("1"), says("2"))
    assert [answer.text for answer in first if isinstance(answer, Answer)] == ["1", "2"]
    again = await run()
    assert all("its free quota is used up" in str(error) for error in again)


async def test_every_attempt_is_booked_with_the_callers_metadata(tmp_path: Path) -> None:
    replies = [refuses(503), says("hello")]
    toml = '[targets.groq]\nmodel = "m"\n'
    environ = {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "OPENAI_MODEL": "gpt-4.1", "SEGUE_CHAIN": "groq,openai"}
    segue = client(Upstream(*replies), tmp_path, environ, toml=toml)
    answer = await segue.acomplete("hi", metadata={"user": "u-1"})
    records = segue.ledger.records(where=_of(answer))
    assert [(record.target, record.outcome, record.settlement.value) for record in records] == [
        ("groq", "overload", "free"),
        ("openai", "ok", "settled"),
    ]
    assert all(record.metadata == {"user": "u-1"} for record in records)


def _of(answer: Answer) -> Any:
    from segue.ledger.daily import Where

    return Where(request_id=answer.request_id)


async def test_a_chain_that_is_asked_for_by_name_says_which_of_its_targets_have_no_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segue = Segue(
        load({**KEYS, "SEGUE_LEDGER": "none"}, directory=tmp_path),
        transport=MemoryTransport(lambda request: says("hi")),
    )
    for _ in range(2):
        answer = await segue.acomplete("hello", chain=["groq", "openai"])
        assert answer.target == "openai"
        assert answer.notices[0].startswith("groq has no key (GROQ_API_KEY), and was left out of the chain")
    assert [entry.message for entry in caplog.records if "groq" in entry.message] == [
        "openai: groq has no key (GROQ_API_KEY), and was left out of the chain"
    ]
    assert not (await segue.acomplete("hello", chain=["openai"])).notices


def test_without_a_key_a_sandbox_answers_and_an_error_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI", "GOOGLE", "OPENAI", "CLAUDE", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    with Segue(sandbox=True) as segue:
        answer = segue.complete("Why is the sky blue?")
        assert answer.simulated
        assert [record.simulated for record in segue.ledger.records()] == [True]
    with Segue() as segue, pytest.raises(ConfigurationError, match=r"to try Segue without one: Segue\(sandbox=True\)"):
        segue.complete("Why is the sky blue?")


def cited(text: str, url: str, logprob: float) -> Reply:
    likely = {"content": [{"token": text, "logprob": logprob, "bytes": None, "top_logprobs": []}]}
    source = {"type": "url_citation", "url_citation": {"url": url, "title": "A", "start_index": 0, "end_index": 5}}
    choices = [
        {"index": 0, "delta": {"content": text}, "logprobs": likely},
        {"index": 0, "delta": {"annotations": [source]}, "finish_reason": "stop"},
    ]
    body = [
        b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n" for choice in choices
    ]
    return Reply(headers={"content-type": "text/event-stream"}, steps=body)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_carries_its_sources_and_log_probabilities(tmp_path: Path, stream: bool) -> None:
    segue = client(Upstream(cited("Hello", "https://a.example", -0.5)), tmp_path)
    if stream:
        streamed = segue.stream("hi")
        events = [event async for event in streamed]
        assert [event for event in events if isinstance(event, Citation)] == list(streamed.answer.citations)
        answer = streamed.answer
    else:
        answer = await segue.acomplete("hi")
    assert answer.citations == (Citation(url="https://a.example", title="A", start=0, end=5),)
    assert [(one.token, one.logprob) for one in answer.logprobs] == [("Hello", -0.5)]
