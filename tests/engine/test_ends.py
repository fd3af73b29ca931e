"""Where an answer ends: with its stop reason, whatever becomes of the rest, and not before all of it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from segue.chat.events import Finished, TextDelta, ToolCalled
from segue.chat.messages import user
from segue.chat.request import ChatRequest, Tool
from segue.failover.engine import Engine
from segue.failover.fast_path import start
from segue.failover.job import Job
from segue.failover.upstream import HttpUpstream
from segue.health.book import HealthBook
from segue.policy import Policy
from segue.routing.target import Target
from segue.transport.memory import Hang, MemoryTransport, Pause, Reply, Reset
from segue.wire.codec import WireRequest
from segue.wire.dialects import upstream

from .faults import Step, act
from .provider import Provider

pytestmark = pytest.mark.looptime(start=0.0)

DONE = b"data: [DONE]\n\n"


class Heard(msgspec.Struct, kw_only=True):
    """What a caller was given, who was asked, and when it was over."""

    text: str = ""
    calls: list[str] = []
    asked: list[str] = []
    ended: float = 0.0


def chunk(text: str = "", stop: str | None = None, **delta: object) -> bytes:
    choice = {"index": 0, "delta": {"content": text, **delta}, "finish_reason": stop}
    return b"data: " + msgspec.json.encode({"id": "x", "model": "m", "choices": [choice]}) + b"\n\n"


def call(number: int, arguments: str, name: str = "") -> dict[str, object]:
    function = {"name": name or None, "arguments": arguments}
    return {"tool_calls": [{"index": number, "id": f"call_{number}", "function": function}]}


ASKED = ChatRequest(messages=(user("hi"),), tools=(Tool(name="f"), Tool(name="g")))


async def tell(*steps: Step) -> Heard:
    """Asks a provider that says this, before one that would go on with other words."""
    heard = Heard()

    def serve(wire: WireRequest) -> Reply:
        heard.asked.append(wire.url.split("/")[2].removesuffix(".test"))
        reply: Sequence[Step] = steps if len(heard.asked) == 1 else [chunk(" And more."), chunk(stop="stop"), DONE]
        return Reply(headers={"content-type": "text/event-stream"}, steps=[*reply])

    transport = MemoryTransport(serve)
    made: dict[str, Target] = {name: Provider(name, "openai_chat", act).target for name in ("a", "b")}
    engine = Engine(
        lambda target: HttpUpstream(target, upstream(target.dialect), transport, lambda: 0.0),
        health=HealthBook(Policy().breaker),
    )
    relay = start(engine, Job(request=ASKED, targets=tuple(made.values())))
    finishes = 0
    while events := await relay.next():
        heard.text += "".join(event.text for event in events if isinstance(event, TextDelta))
        heard.calls += [event.call.arguments for event in events if isinstance(event, ToolCalled)]
        finishes += sum(isinstance(event, Finished) for event in events)
    assert finishes == 1
    heard.ended = asyncio.get_running_loop().time()
    return heard


@pytest.mark.parametrize(
    ("after", "waited"),
    [((), 0.0), ((DONE,), 0.0), ((Reset(),), 0.0), ((b'{"error":{"message":"x"}}\n',), 0.0), ((Hang(),), 0.5)],
    ids=["the end", "the last word", "a reset", "an error", "silence"],
)
async def test_with_its_stop_reason_an_answer_is_whole(after: tuple[Step, ...], waited: float) -> None:
    heard = await tell(chunk("Take "), Pause(0.1), chunk("50 mg"), chunk(stop="stop"), *after)
    assert (heard.text, heard.asked) == ("Take 50 mg", ["a"])
    assert heard.ended == pytest.approx(0.1 + waited, abs=0.01)


@pytest.mark.parametrize(
    "after", [(), (Reset(),), (b'{"error":{"message":"x"}}\n',)], ids=["the end", "a reset", "an error"]
)
async def test_without_a_stop_reason_an_answer_was_cut(after: tuple[Step, ...]) -> None:
    heard = await tell(chunk("Take 50 mg"), *after)
    assert (heard.text, heard.asked) == ("Take 50 mg And more.", ["a", "b"])


@pytest.mark.parametrize("pause", [0.0, 0.4, 3.0])
@pytest.mark.parametrize("last", [(DONE,), ()], ids=["the last word", "the end"])
async def test_content_after_a_stop_reason_is_content(pause: float, last: tuple[Step, ...]) -> None:
    pieces = [chunk("Take 5", "stop"), Pause(pause), chunk("0 ", "stop"), Pause(pause), chunk("mg"), *last]
    heard = await tell(*pieces)
    assert (heard.text, heard.asked) == ("Take 50 mg", ["a"])


@pytest.mark.parametrize("end", [Reset(), b'{"error":{"message":"x"}}\n'], ids=["a reset", "an error"])
async def test_where_stop_reasons_prove_nothing_a_failure_is_one(end: Step) -> None:
    heard = await tell(chunk("Take 5", "stop"), chunk("0 mg,", "stop"), end)
    assert (heard.text, heard.asked) == ("Take 50 mg, And more.", ["a", "b"])


async def test_a_stop_reason_before_any_content_says_nothing() -> None:
    heard = await tell(chunk(stop="stop"), Pause(2.0), chunk("Take 50 mg"), chunk(stop="stop"), DONE)
    assert (heard.text, heard.asked) == ("Take 50 mg", ["a"])


async def test_a_stop_reason_without_content_and_then_the_end_is_an_empty_answer() -> None:
    heard = await tell(chunk(stop="stop"), DONE)
    assert (heard.text, heard.asked) == (" And more.", ["a", "b"])


async def test_parallel_calls_with_a_stop_reason_each_are_all_delivered() -> None:
    heard = await tell(
        chunk(stop="tool_calls", **call(0, '{"a":1}', "f")), chunk(stop="tool_calls", **call(1, "{}", "g")), DONE
    )
    assert (heard.calls, heard.asked) == (['{"a":1}', "{}"], ["a"])


async def test_a_call_that_comes_in_pieces_with_a_stop_reason_each_is_whole() -> None:
    pieces = [call(0, "", "f"), call(0, '{"a":'), call(0, "1}")]
    heard = await tell(*(chunk(stop="tool_calls", **piece) for piece in pieces), DONE)
    assert (heard.calls, heard.asked) == (['{"a":1}'], ["a"])


async def test_a_call_without_arguments_is_delivered_though_nothing_follows_its_stop_reason() -> None:
    heard = await tell(chunk(**call(0, "", "f")), Pause(0.1), chunk(stop="tool_calls"), Hang())
    assert (heard.calls, heard.asked) == (["{}"], ["a"])
    assert heard.ended == pytest.approx(0.6, abs=0.01)
