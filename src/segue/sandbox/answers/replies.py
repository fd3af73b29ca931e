"""What a simulated provider answers: made from the request alone, the same every time, and never presented as a model's work.

Text is a pure function of the original conversation. A request whose last turns are the beginning of that very text and a demand to
go on (or that beginning alone, a prefill) is answered with the rest of it, after the words that the demand asks to repeat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from segue.chat.events import FinishReason
from segue.chat.messages import Message, ToolCall
from segue.chat.request import ChatRequest, Tool, ToolChoice
from segue.chat.usage import Usage
from segue.failover.splice.phrases import anchor_of, demand
from segue.sandbox.answers.prompt_subjects import material_of
from segue.sandbox.answers.schema_filler import fill

MARK: Final = "(simulated) "
NUMBERED: Final = 60
"""Tokens of a numbered answer."""

_TOKEN = re.compile(r"\s*\S{1,10}|\s+")
_CALL_DEMAND = re.compile(r"Answer by calling (?:the tool `(?P<name>[^`]+)`|one of the tools)\.")
"""The instruction for a model that can't be made to call a tool (see `segue.wire.claude.upstream.request`)."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, in this order. `usage` is what is reported at the end; None counts prompt and answer.

    `continued`: the text goes on with one that had been begun elsewhere.
    """

    thinking: str = ""
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    reason: FinishReason = FinishReason.STOP
    continued: bool = False


ReplyMode: TypeAlias = Literal["prose", "numbered"] | Callable[[ChatRequest], str | Reply]


def reply_to(request: ChatRequest, mode: ReplyMode = "prose") -> Reply:
    """The answer to a request."""
    before, begun = _split_continuation(request.messages)
    if begun is not None:
        whole = _whole(msgspec.structs.replace(request, messages=before), mode)
        demanded = request.messages[-1].text == demand(begun)
        longer = len(whole.text) > len(begun) or demanded or request.messages[-1].role == "assistant"
        if whole.text.startswith(begun) and longer:
            text = (begun[begun.rindex(anchor_of(begun)) :] if demanded and begun.strip() else "") + _stopped(
                whole.text, request.stop
            )[len(begun) :]
            return msgspec.structs.replace(whole, thinking="", text=text, continued=True)
    return _whole(request, mode, stops=request.stop)


def _whole(request: ChatRequest, mode: ReplyMode, *, stops: Sequence[str] = ()) -> Reply:
    """An answer from its beginning. A function that says only a text says it where neither a call nor a schema is asked for."""
    value = mode(request) if callable(mode) else mode
    if isinstance(value, Reply):
        return msgspec.structs.replace(value, reason=FinishReason.TOOL_CALLS) if value.calls else value
    if calls := _calls(request):
        return Reply(calls=calls, reason=FinishReason.TOOL_CALLS)
    return Reply(text=_stopped(_text(request, value, scripted=callable(mode)), stops))


def tokens_of(text: str) -> list[str]:
    """The pieces in which a text is streamed: a word or a part of a long one."""
    return _TOKEN.findall(text)


def _split_continuation(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], str | None]:
    """The conversation before an answer that was begun, and that beginning; None if the last turns are no such thing."""
    end = len(messages) - 1 if messages and messages[-1].role == "user" else len(messages)
    if end < 2 or messages[end - 1].role != "assistant" or messages[end - 1].tool_calls:
        return messages, None
    begun = messages[end - 1].text
    return messages[: end - 1], begun or None


def _stopped(text: str, stops: Sequence[str]) -> str:
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def _calls(request: ChatRequest) -> tuple[ToolCall, ...]:
    """Calls of the tools that the request demands; with a free choice, of the tool that the prompt names, unless it was just used."""
    choice = _demanded(request) or request.tool_choice
    mode = choice.mode if choice else "auto"
    if not request.tools or mode == "none":
        return ()
    wanted = list(request.tools)
    if mode == "tool" and choice is not None:
        wanted = [tool for tool in wanted if tool.name == choice.name]
    elif mode == "auto":
        wanted = [] if request.messages[-1].role == "tool" else _named(request)
    material = material_of(request.messages)
    return tuple(
        ToolCall(
            id=f"call_sandbox{number}",
            name=tool.name,
            arguments=msgspec.json.encode(fill(tool.parameters or {"type": "object"}, material)).decode(),
        )
        for number, tool in enumerate(wanted[:1])
    )


def _demanded(request: ChatRequest) -> ToolChoice | None:
    for message in request.messages:
        if message.role == "system" and (found := _CALL_DEMAND.search(message.text)):
            return ToolChoice(mode="tool" if found["name"] else "required", name=found["name"] or "")
    return None


def _named(request: ChatRequest) -> list[Tool]:
    text = next((message.text.lower() for message in reversed(request.messages) if message.role == "user"), "")
    words = set(re.findall(r"\w+", text))

    def fits(tool: Tool) -> bool:
        return tool.name.lower() in text or any(
            word in words for word in re.split(r"\W|_", tool.name.lower()) if len(word) > 3
        )

    return [tool for tool in request.tools if fits(tool)]


def _text(request: ChatRequest, text: str, *, scripted: bool) -> str:
    """`text` is the text where it is scripted, else the mode."""
    if request.output is not None:
        schema = request.output.schema or {"type": "object", "properties": {"answer": {"type": "string"}}}
        return msgspec.json.encode(fill(schema, material_of(request.messages))).decode()
    if scripted:
        return text
    if text == "numbered":
        return " ".join(f"t{number}" for number in range(NUMBERED))
    return _prose(request)


_PROSE = {
    "en": (
        "No model has read this: a local stand-in answers, so that you can see how an answer arrives. ",
        "You asked: “{asked}” ",
        "A real provider would now reason about {subject}. ",
        "This text has a few sentences more, because an answer that breaks off in the middle must have a middle. ",
        "It is the same on every stand-in, so that another one can go on from the very character where the first stopped. ",
        "Set a key, for instance GEMINI_API_KEY, and a model answers in its place.",
    ),
    "ko": (
        "이 글은 모델이 쓴 것이 아니라, 답변이 어떻게 도착하는지 보여 주는 로컬 모의 서버의 응답입니다. ",
        "질문은 “{asked}”이었습니다. ",
        "실제 모델이라면 지금부터 {subject}에 대해 답했을 것입니다. ",
        "답변이 중간에 끊기는 상황을 보여 주려면 중간이 있어야 하므로 문장이 조금 더 이어집니다. ",
        "모의 서버들은 모두 같은 글을 쓰기 때문에, 한 곳이 끊겨도 다른 곳이 바로 그 글자에서 이어 갈 수 있습니다. ",
        "GEMINI_API_KEY 같은 키를 설정하면 실제 모델이 답합니다.",
    ),
}


def _prose(request: ChatRequest) -> str:
    asked = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    material = material_of(request.messages)
    shown = " ".join(asked.split())
    shown = shown if len(shown) <= 120 else f"{shown[:119]}…"
    subject = ", ".join([*(subject.name for subject in material.subjects), *material.terms][:3]) or (
        "it" if material.language == "en" else "이 질문"
    )
    return MARK + "".join(_PROSE[material.language]).format(asked=shown, subject=subject)
