"""The request that asks another model to continue an answer that broke off."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from segue.catalog.tokens import estimate_tokens
from segue.chat.messages import Message, Text, assistant, user
from segue.chat.request import ChatRequest
from segue.failover.splice.phrases import demand

LEAST_TOKENS: Final = 16
"""Output tokens a continuation is allowed in any case: some models refuse fewer."""

LONGEST_WORD: Final = 32
"""Characters of a word that is taken back; anything longer is not a word."""

_UNSPACED: Final = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, kana, ideographs: without spaces between words there is none to take back."""

_BOUNDARY: Final = re.compile(rf"[\s{_UNSPACED}]")
_INSIDE: Final = re.compile(rf"(?![{_UNSPACED}])[\w*`#=~-]")
"""What a text cut within a word ends in: a letter, a digit, or a mark that is often repeated."""


def continuation_request(
    request: ChatRequest,
    delivered: str,
    *,
    prefill: bool,
    take_back: bool = True,
    spent: Callable[[int], int] | None = None,
) -> tuple[ChatRequest, str]:
    """The request, and the end of `delivered` that the new model is not

    shown. With `prefill` the delivered text is sent as the beginning of the model's turn, without trailing whitespace, which is
    refused there, and with `take_back` without the word that it ends in, which may be half of one: a model that is shown half a word
    rarely goes on with the other half. Else it is sent as a finished turn, followed by one that asks for the rest. If only
    whitespace was delivered, there is nothing to continue, and the request is the original one. `max_tokens`
    is reduced by the tokens `spent` on what was delivered without that end (None for an estimate), to no less than 16.
    """
    shown = delivered.rstrip()
    if not shown:
        return request, delivered
    taken_back = ""
    if prefill:
        shown = _without_half_word(delivered) if take_back else shown
        taken_back = delivered[len(shown) :]
        messages = _with_answer(request.messages, shown)
    else:
        messages = (*_with_answer(request.messages, delivered), user(demand(delivered)))
    used = estimate_tokens(shown) if spent is None else spent(len(taken_back))
    limit = _left(request.max_tokens, used)
    return msgspec.structs.replace(request, messages=messages, max_tokens=limit), taken_back


def _without_half_word(text: str) -> str:
    """`text` without the word or the marks at its end and the whitespace before them, unless nothing would be left."""
    if not text or _INSIDE.fullmatch(text[-1]) is None:
        return text.rstrip()
    start = len(text)  # everything since the last space, because a model's tokens begin there
    while start and _BOUNDARY.match(text[start - 1]) is None:
        start -= 1
        if len(text) - start > LONGEST_WORD:
            return text.rstrip()
    return text[:start].rstrip() or text.rstrip()


def _with_answer(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """The transcript with the delivered text as the model's turn: joined to a beginning that the caller sent, if it ends with one."""
    if not messages or messages[-1].role != "assistant":
        return (*messages, assistant(text))
    last = messages[-1]
    parts = last.parts
    if parts and isinstance(parts[-1], Text):
        parts = (*parts[:-1], Text(parts[-1].text + text))
    else:
        parts = (*parts, Text(text))
    return (*messages[:-1], Message("assistant", parts))


def _left(max_tokens: int | None, spent: int) -> int | None:
    if max_tokens is None:
        return None
    return min(max_tokens, max(LEAST_TOKENS, max_tokens - spent))
