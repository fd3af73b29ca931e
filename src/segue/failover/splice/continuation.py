"""The request that asks another model to go on with an answer that broke off."""

from __future__ import annotations

from typing import Final

import msgspec

from segue.chat.messages import Message, Text, assistant, user
from segue.chat.request import ChatRequest

INSTRUCTION: Final = (
    "A technical fault cut your answer off before it was complete. Go on from exactly where it stops, even if that is in the middle of "
    "a word: begin with the very next character, which may be a space or a line break. If it stops inside a code block or a table, "
    "you are still inside it; do not open it a second time. Keep to the language and the format of what you have written. "
    "Repeat nothing of it, and do not mention the interruption."
)

LEAST_TOKENS: Final = 16
"""Output tokens a continuation is allowed in any case: some models refuse fewer."""

_BYTES_PER_TOKEN: Final = 4


def continuation_request(request: ChatRequest, delivered: str, *, prefill: bool) -> tuple[ChatRequest, str]:
    """What to ask, and the whitespace at the end of `delivered` that the new model is not shown.

    With `prefill` the delivered text is given as the beginning of the model's own turn, without trailing whitespace, which is
    refused there; else as a finished turn, followed by one that explains. Where nothing but whitespace was delivered, there is
    nothing to go on from, and the request is the original one. `max_tokens` is lessened by an estimate of what was delivered
    (a token for four bytes of UTF-8), to no less than 16.
    """
    shown = delivered.rstrip()
    if not shown:
        return request, delivered
    stripped = delivered[len(shown) :] if prefill else ""
    messages = _with_answer(request.messages, shown if prefill else delivered)
    if not prefill:
        messages += (user(INSTRUCTION),)
    return msgspec.structs.replace(
        request, messages=messages, max_tokens=_left(request.max_tokens, delivered)
    ), stripped


def _with_answer(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """The transcript with the delivered text as the model's turn: joined to a beginning that the caller gave, if it ends with one."""
    if not messages or messages[-1].role != "assistant":
        return (*messages, assistant(text))
    last = messages[-1]
    parts = last.parts
    if parts and isinstance(parts[-1], Text):
        parts = (*parts[:-1], Text(parts[-1].text + text))
    else:
        parts = (*parts, Text(text))
    return (*messages[:-1], Message("assistant", parts))


def _left(max_tokens: int | None, delivered: str) -> int | None:
    if max_tokens is None:
        return None
    spent = len(delivered.encode(errors="surrogatepass")) // _BYTES_PER_TOKEN
    return min(max_tokens, max(LEAST_TOKENS, max_tokens - spent))
