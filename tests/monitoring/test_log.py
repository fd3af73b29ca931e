"""A line for each request and attempt, without secrets, from any source."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.server.conftest import served

from segue import LLMServiceUnavailableError, Sandbox, user
from segue.client import Segue
from segue.errors import ConfigurationError
from segue.monitoring import log
from segue.monitoring.log import BODY, LineFormatter, LineHandler, configure_logging
from segue.monitoring.otel import OpenTelemetry
from segue.monitoring.redaction import GONE, Redactor, redactor_of
from segue.server.auth import Gatekeeper
from segue.server.keys.sqlite import FileKeyRing
from segue.settings import Settings
from segue.settings_loading import load

JSON = {"SEGUE_LEDGER": "none", "SEGUE_CHAIN": "gemini,openai", "SEGUE_LOG": "json"}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply="numbered") as made:
        yield made


@pytest.fixture(autouse=True)
def healed(box: Sandbox) -> Iterator[None]:
    yield
    for name in box.providers:
        box.heal(name)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Loggers as they were; the root's were never touched."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    assert (root.handlers, root.level) == (handlers, level)
    for name in ("segue", "uvicorn"):
        logger = logging.getLogger(name)
        for handler in [*logger.handlers]:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


class Log:
    """What was written, read back."""

    def __init__(self, settings: Settings, *, loggers: tuple[str, ...] = ("segue",)) -> None:
        self.stream = io.StringIO()
        handler = configure_logging(settings, stream=self.stream, loggers=loggers)
        assert handler is not None
        self._handler = handler

    @property
    def text(self) -> str:
        self._handler.flush()
        return self.stream.getvalue()

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for each in self.text.splitlines() if (line := json.loads(each))["event"] == event]


def settings_of(box: Sandbox, **environ: str) -> Settings:
    return box.settings(load({**JSON, **environ}, directory="/nonexistent"))


async def test_a_request_that_failed_over_leaves_a_line_for_each_attempt_and_one_for_itself(box: Sandbox) -> None:
    settings = settings_of(box)
    written = Log(settings)
    segue = Segue(settings)
    await segue.warm_up()
    box.break_provider("gemini", "unavailable")
    answer = await segue.acomplete("Hello", metadata={"key": "key_1"})
    await segue.aclose()
    failed, answered = written.lines("attempt")
    (request,) = written.lines("request")
    assert (failed["outcome"], failed["status"], failed["level"], failed["cost"]) == ("overload", 503, "warning", 0.0)
    assert failed["reason"]
    assert (answered["outcome"], answered["target"], answered["shown"]) == ("ok", "openai", True)
    assert answered["cost"] == request["cost"] == float(answer.cost or 0) > 0
    assert answered["output_tokens"] == request["output_tokens"] == answer.usage.output_tokens
    assert {line["request_id"] for line in (failed, answered, request)} == {answer.request_id}
    assert [attempt.attempt_id for attempt in answer.attempts] == [failed["attempt_id"], answered["attempt_id"]]
    assert {line["key_id"] for line in (failed, answered, request)} == {"key_1"}
    assert (request["outcome"], request["target"], request["chain"], request["attempts"]) == (
        "ok",
        "openai",
        "default",
        2,
    )
    assert 0 < answered["first_content"] <= answered["seconds"] <= request["seconds"]
    assert "Hello" not in written.text
    assert answer.text not in written.text


async def test_a_request_that_a_policy_ordered_is_logged_with_the_policy_and_its_reason(box: Sandbox) -> None:
    settings = settings_of(box)
    written = Log(settings)
    segue = Segue(settings)
    answer = await segue.acomplete("Hello", policy="weights", weights={"gemini": 0.0})
    await segue.acomplete("Hello")
    await segue.aclose()
    routed, plain = written.lines("request")
    assert answer.route is not None
    assert (routed["policy"], routed["route"]) == ("weights", answer.route.reason)
    assert not plain.keys() & {"policy", "route"}


async def test_bodies_are_logged_only_where_that_is_switched_on_and_only_so_much_of_them(box: Sandbox) -> None:
    settings = settings_of(box, SEGUE_LOG_BODIES="true")
    written = Log(settings)
    segue = Segue(settings)
    answer = await segue.acomplete([user("Hello, my password: hunter2x"), user("x" * 2 * BODY)])
    await segue.aclose()
    (request,) = written.lines("request")
    assert f"Hello, my password: {GONE}" in request["messages"]
    assert len(request["messages"]) < BODY + 100
    assert request["messages"].endswith(" characters)")
    assert request["answer"] == answer.text


async def test_a_secret_at_the_end_of_what_is_kept_is_not_cut_before_it_is_known(box: Sandbox) -> None:
    settings = settings_of(box, SEGUE_LOG_BODIES="true", GEMINI_API_KEY="uncommonkey")
    written = Log(settings)
    segue = Segue(settings)
    await segue.acomplete("uncommonkey" * BODY)
    await segue.aclose()
    (request,) = written.lines("request")
    assert GONE in request["messages"]
    assert "unc" not in request["messages"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_fork_writes_its_lines() -> None:
    program = """
import logging, os, sys
from segue.monitoring.log import configure_logging
from segue.settings_loading import load
handler = configure_logging(load({"SEGUE_LOG": "text"}, directory="/nonexistent"), stream=sys.stdout)
logging.getLogger("segue").warning("one of the parent's")
handler.flush()
if os.fork() == 0:
    logging.getLogger("segue").warning("one of the child's")
else:
    os.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.count("one of the parent's") == done.stdout.count("one of the child's") == 1


async def test_no_one_answering_is_an_error_with_each_reason(box: Sandbox) -> None:
    settings = settings_of(box)
    written = Log(settings)
    for name in ("gemini", "openai"):
        box.break_provider(name, "auth")
    segue = Segue(settings)
    with pytest.raises(LLMServiceUnavailableError):
        await segue.acomplete("Hello")
    await segue.aclose()
    (request,) = written.lines("request")
    assert (request["level"], request["outcome"], request["error"]) == ("error", "failed", "AuthenticationError")
    assert "gemini" in request["reason"]
    assert request["target"] == ""


def test_text_is_one_line_too(box: Sandbox) -> None:
    settings = settings_of(box, SEGUE_LOG="text")
    written = Log(settings)
    logging.getLogger("segue.server").warning("a line\nand another, key=%s", "sk-abcdefghijkl")
    logging.getLogger("segue").info(
        "plain", extra={"segue": {"event": "attempt", "target": "gemini", "reason": "a b", "n": 1}}
    )
    first, second = written.text.splitlines()
    assert first.endswith(f'warning message message="a line\\nand another, key={GONE}"')
    assert second.endswith('info    attempt target=gemini reason="a b" n=1')


def test_a_level_and_a_form_are_kept_to_and_a_wrong_one_is_named(box: Sandbox) -> None:
    written = Log(settings_of(box, SEGUE_LOG_LEVEL="error"))
    logging.getLogger("segue").warning("not to be seen")
    assert written.text == ""
    assert configure_logging(load({}, directory="/nonexistent")) is None
    for environ, message in (
        ({"SEGUE_LOG": "xml"}, "SEGUE_LOG=xml is wrong: use json, text"),
        ({"SEGUE_LOG_BODIES": "maybe"}, "SEGUE_LOG_BODIES=maybe is wrong: use true or false"),
        ({"SEGUE_HEALTH_CHECK": "-1"}, "SEGUE_HEALTH_CHECK=-1 is out of range: use seconds, up to 86400; 0 for none"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            load(environ, directory="/nonexistent")


def test_configuring_twice_writes_each_line_once(box: Sandbox) -> None:
    first, second = Log(settings_of(box)), Log(settings_of(box))
    logging.getLogger("segue").error("once")
    assert (first.text, second.text.count("once")) == ("", 1)


def test_a_program_with_handlers_of_its_own_gets_a_message_and_the_fields(
    box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "segue"):
        segue = Segue(settings_of(box))
        answer = segue.complete("Hello")
        segue.close()
    request = next(record for record in caplog.records if record.name == "segue.request")
    assert request.getMessage().startswith(f"request {answer.request_id}: ok by gemini after")
    assert request.segue["target"] == "gemini"  # type: ignore[attr-defined]


def test_nothing_is_logged_where_it_is_not_asked_for(box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "segue"):
        segue = Segue(box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent")))
        segue.complete("Hello")
        segue.close()
    assert [record.name for record in caplog.records if record.name in ("segue.request", "segue.attempt")] == []


class Stuck(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def write(self, text: str) -> int:
        self.free.wait(10)
        return super().write(text)


def test_a_log_without_a_reader_holds_up_no_request_and_what_was_dropped_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "WAITING", 3)
    stream = Stuck()
    handler = LineHandler(stream)
    handler.setFormatter(LineFormatter(Redactor(), as_json=True))
    for number in range(50):
        handler.emit(logging.makeLogRecord({"msg": f"line {number}", "name": "segue"}))
    stream.free.set()
    handler.close()
    lines = stream.getvalue().splitlines()
    written = sum('"message":"line ' in line for line in lines)
    assert written <= 3 + 3
    assert any(f"segue: {50 - written} lines of this log were dropped" in line for line in lines)


SECRETS = {
    "GEMINI_API_KEY": "gemini key, not shaped like one",
    "OPENAI_API_KEY": "sk-proj-0123456789abcdefghij",
    "CLAUDE_API_KEY": 'with "quotes" and \\ and é',
    "MONGODB_URL": "mongodb://user:pa55word@host/db",
}
CALLERS = ("sk-segue-ofacaller0123456789abcdefghij", "AIzaSyOfAnotherCaller0123456789abcdef")
UNSHAPED = "a.callers-0wn"
"""Nothing tells it from a word but the place where it stands."""


def test_no_secret_gets_out_by_any_path(box: Sandbox, tmp_path: Any) -> None:
    """Keys of providers and of callers, in headers, queries, paths, model names, bodies, refusals and tracebacks; into the log, traces,
    metrics and whatever the gateway tells of itself."""
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    places = {f"{name.upper()}_BASE_URL": box.base_url(name) for name in ("gemini", "openai", "claude")}
    plain = load(
        {**JSON, **SECRETS, **places, "SEGUE_LOG_BODIES": "true", "SEGUE_LOG_LEVEL": "debug"}, directory="/nonexistent"
    )
    written = Log(plain, loggers=("segue", "uvicorn"))
    ring = FileKeyRing(tmp_path / "keys.sqlite3")
    key, secret = ring.create("caller")
    everything = [*SECRETS.values(), *CALLERS, UNSHAPED, secret.reveal(), "pa55word"]
    ours = " ".join(each for each in everything if each != UNSHAPED)
    body = {"model": "auto", "messages": [{"role": "user", "content": f"Mine are {ours}"}]}
    watching = OpenTelemetry(tracer_provider=tracers, content=True, redact=redactor_of(plain))
    gateway = served(plain, gatekeeper=Gatekeeper(ring), listeners=[watching])
    with gateway as address, httpx.Client(base_url=address) as client:
        for presented in everything[:-2]:
            for place in ("authorization", "x-api-key", "x-goog-api-key"):
                value = f"Bearer {presented}" if place == "authorization" else presented
                client.post("/v1/chat/completions", json=body, headers={place: value.encode()})
            client.post("/v1/chat/completions", params={"key": presented}, json=body)
            path = "/v1/models" if presented == UNSHAPED else f"/v1/models/{presented}"
            client.get(path, params={"key": presented})
        mine = {"authorization": f"Bearer {secret.reveal()}"}
        for model in ("auto", f"openai/{CALLERS[0]}", f"openai/{SECRETS['OPENAI_API_KEY']}", f"unknown/{CALLERS[1]}"):
            client.post("/v1/chat/completions", json={**body, "model": model}, headers=mine)
        box.break_provider("gemini", "auth")
        client.post("/v1/chat/completions", json=body, headers=mine)
        done = [client.get(path, headers=mine).text for path in ("/metrics", "/health/ready", "/health/history")]
        try:
            raise RuntimeError(ours)
        except RuntimeError:
            logging.getLogger("segue.server").exception("a defect with %s", ours)
        logging.getLogger("uvicorn.error").error("GET /v1?key=%s Authorization: Bearer %s", UNSHAPED, UNSHAPED)
    text = written.text
    assert len(written.lines("request")) >= 3
    assert len(written.lines("http")) >= 20
    assert len([line for line in written.lines("message") if line["level"] == "error"]) == 2
    assert key.id in text
    done += [text, *(span.to_json() for span in exporter.get_finished_spans())]
    assert len(done) > 10
    assert "gen_ai.input.messages" in done[-1] + done[-2]
    for each in everything:
        assert [line for line in done if each in line or json.dumps(each)[1:-1] in line] == []
