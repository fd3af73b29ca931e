"""What the fake models know by heart: one reference answer for each kind of content, and the request that calls for it.

Every text is made of numbered tokens, so that a gap or a repeat of even one is seen when it is compared with the original.
"""

from __future__ import annotations

from typing import Any

import msgspec

from segue.chat.messages import ToolCall, user
from segue.chat.request import ChatRequest, OutputSchema, Tool


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: thinking, then text, then tool calls, each of which may be missing. `inside` is a place in the middle of a word."""

    name: str
    thinking: str = ""
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    inside: int = 0
    output: OutputSchema | None = None

    def request(self, number: int, *, padding: int = 0, **options: Any) -> ChatRequest:
        """Asks for this answer, with so many words around it. The mark lets the far side see which request it serves."""
        tools = (Tool(name="look_up", parameters={"type": "object", "properties": {"key": {"type": "string"}}}),)
        return ChatRequest(
            messages=(user(f"{mark(number, self.name)} say it as JSON{' please' * padding}"),),
            tools=tools if self.calls else (),
            output=self.output,
            **options,
        )


def mark(number: int, name: str) -> str:
    return f"<<{number}:{name}>>"


def tokens(count: int, word: str = "t") -> str:
    return " ".join(f"{word}{number}" for number in range(count))


def _inside(text: str, word: str) -> int:
    """The place after the first character of a word."""
    return text.index(word) + len(word) - 1


_PROSE = tokens(30)
_CODE = (
    "Here it is:\n\n```python\n" + "\n".join(f"    v{n} = f({n})" for n in range(9)) + "\n```\n\nThat was " + tokens(6)
)
_TABLE = (
    "| key | value |\n|---|---|\n" + "\n".join(f"| k{n} | w{n} |" for n in range(9)) + "\n\nSo much for " + tokens(4)
)
_KOREAN = " ".join(f"항목{number}입니다" for number in range(12)) + " 🙂👩‍💻 é café " + tokens(5)
_SPACED = "\n\n".join(f"p{n} " + tokens(3, f"s{n}x") for n in range(6)) + "\n"
_ROWS = "| a | b |\n|---|---|\n" + "| no | nothing here |\n" * 12
_REFRAIN = "and on and on, the road goes on,\n" * 8
_JSON = '{"items": [' + ", ".join(f'{{"n": {n}, "s": "u{n}"}}' for n in range(8)) + "]}"
_CALLS = (
    ToolCall(id="call_0", name="look_up", arguments='{"key":"k0","deep":{"a":[1,2,3]}}'),
    ToolCall(id="call_1", name="look_up", arguments='{"key":"k1"}'),
)
_SCHEMA = OutputSchema(schema={"type": "object", "properties": {"items": {"type": "array"}}, "required": ["items"]})

REFERENCES = {
    reference.name: reference
    for reference in (
        Reference(name="prose", text=_PROSE, inside=_inside(_PROSE, "t15")),
        Reference(name="code", text=_CODE, inside=_inside(_CODE, "v5 = f(5)")),
        Reference(name="table", text=_TABLE, inside=_inside(_TABLE, "w5")),
        Reference(name="korean", text=_KOREAN, inside=_inside(_KOREAN, "항목7입")),
        Reference(name="spaced", text=_SPACED, inside=_inside(_SPACED, "s3x1")),
        Reference(name="rows", text=_ROWS, inside=len(_ROWS) // 2),
        Reference(name="refrain", text=_REFRAIN, inside=len(_REFRAIN) // 2),
        Reference(name="thinking", thinking=tokens(12, "h"), text=_PROSE, inside=_inside(_PROSE, "t15")),
        Reference(name="tools", text="I look: " + tokens(4), calls=_CALLS, inside=10),
        Reference(name="bare tools", calls=_CALLS),
        Reference(name="json", text=_JSON, inside=_inside(_JSON, "u4"), output=_SCHEMA),
    )
}

REPETITIVE = frozenset({"rows", "refrain"})
"""Those in which only a model that takes a prefill can go on exactly: asked by a prompt, its repetitions can't be distinguished from new text."""
