"""What a refusal means in every dialect: statuses that none of them defines, and what a server lacks, by any server's message. Servers

use one another's dialects: llama.cpp reports in all three of its dialects that a prompt is too long, and a proxy answers a request of any
dialect with a page of HTML. So this is judged before a dialect's own codes.
"""

from __future__ import annotations

import re
from typing import Final

from segue.chat.failure import FailureKind

_ODD: Final = {407: FailureKind.TRANSPORT, 410: FailureKind.MODEL_GONE, 451: FailureKind.AUTH}
"""What some of them mean; the others (405, 406, 415, 421, 423, 425, 426, 499 …) are faults of the target."""
_DEFINED: Final = frozenset({400, 401, 402, 403, 404, 408, 409, 412, 413, 422, 424, 429, 498})
"""The refusals whose meaning a dialect may define by its codes …"""
_AMBIGUOUS: Final = frozenset({400, 422})
"""… and those that a page or an empty body leaves open."""
_SURE: Final = frozenset({401, 402, 403, 429})
"""Statuses that are never about the request's content, whatever the message is."""

_VAGUE: Final = frozenset(
    {None, FailureKind.CALLER, FailureKind.CAPABILITY, FailureKind.OVERLOAD, FailureKind.MODEL_GONE}
)
"""What codes may mean that are less specific than the message."""

_PAGE: Final = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)

MONEY_CODES: Final = frozenset(
    {"insufficient_quota", "insufficient_credits", "billing_error", "credit_balance_exhausted"}
)
"""OpenAI's and Anthropic's codes for an empty account, which gateways send in any dialect."""
WINDOW_CODES: Final = frozenset({"context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"})

_WINDOW: Final = re.compile(
    r"context[ _-](?:length|window|size|limit)s?\b.{0,40}\b(?:exceed|overflow|full|too)"
    r"|(?:exceed|overflow|longer than|larger than|greater than|beyond|too large for|does not fit)\w{0,12}\b.{0,60}\bcontext\b"
    r"|maximum (?:context|model|prompt|input) (?:length|window|tokens?)|max_model_len|context the overflows"
    r"|(?:prompt|input|messages?|request)s? (?:is |are |was |were |has become |contains? |length )?(?:\(?\d+ tokens?\)? )?(?:is |are )?too (?:long|many tokens)"
    r"|too many (?:input |prompt |total )?tokens|reduce the length of|exceeded (?:model )?(?:max(?:imum)? )?token limit"
    r"|(?:input|prompt|token) (?:token )?count\b.{0,60}\bexceed|input is longer than|inputs` tokens \+ `max_new_tokens"
    r"|(?:input|prompt) tokens exceed|range of input length"
    r"|\bcontext (?:size|window|length) (?:is|of) (?:only )?\d+ tokens|requested tokens \(\d+\) exceed|prompt is \d+ tokens but",
    re.IGNORECASE,
)
_INPUT: Final = re.compile(
    r"\b(?:image|images|image_url|vision|picture|audio|input_audio|video|multi-?modal|pdf|file|document)s?\b(?: (?:input|content|type|part|file|url|modality)s?){0,3}"
    r"(?: (?:is|are|was|were))? ?(?:not|n't|un)[ -]?(?:yet )?(?:support|accept|allow|enabled|available|configured)"
    r"|\b(?:does not|doesn't|do not|don't|cannot|can't|not able to|unable to) (?:yet )?(?:support|accept|take|process|handle|read|see)s? "
    r"(?:\w+ ){0,2}(?:image|vision|picture|audio|video|multi-?modal|pdf)"
    r"|(?:not a|isn't a) (?:multi-?modal|vision)|unknown variant [`'\"]?(?:image_url|input_audio|file)|image_url is only supported"
    r"|\bat most 0 (?:image|audio|video)|no endpoints found that support (?:image|audio|video|file)|provide the mmproj|required for image input|configured with a mmproj",
    re.IGNORECASE,
)
_TOOLS: Final = re.compile(
    r"\b(?:does not|doesn't) support (?:tools|tool use|tool calling|function calling)|requires --jinja|requires `?--enable-auto-tool-choice"
    r"|no endpoints found that support tool",
    re.IGNORECASE,
)

MOST: Final = 2000
"""Characters of a message that are read."""

LACKS: Final = "request"
"""The `param` of a refusal because the model lacks a kind of input: no field that could be left out, and not a matter of length."""


def meaning(
    status: int | None, message: str, *codes: str | None, known: FailureKind | None = None, body: bytes = b""
) -> FailureKind | None:
    """What a refusal means in every dialect alike; None leaves it to the dialect.

    `status` is None for an error inside an answer; `message` and `codes` are what could be read of `body`, `known` what the codes
    mean in the dialect, if they are known.
    """
    if status not in _SURE and known in _VAGUE and (is_for_room(message, *codes) or is_for_lack(message)):
        return FailureKind.CAPABILITY
    if status is None or not 300 <= status < 500 or status in _DEFINED - _AMBIGUOUS:
        return None
    if status < 400:
        return FailureKind.MODEL_GONE
    if status not in _DEFINED:
        return _ODD.get(status, FailureKind.OVERLOAD)
    if known in (FailureKind.CALLER, None) and _PAGE.match(body):
        return FailureKind.OVERLOAD
    # No reason is given: trying one more target costs a round trip, stopping wrongly costs the answer.
    return None if message or any(codes) else FailureKind.CAPABILITY


def is_for_room(message: str, *codes: str | None) -> bool:
    """Whether a refusal means that the prompt is longer than the model's window."""
    return bool(WINDOW_CODES.intersection(codes)) or _WINDOW.search(message[:MOST]) is not None


def is_for_lack(message: str) -> bool:
    """Whether a refusal means that the server lacks what the request needs: images, recordings, tools."""
    return _INPUT.search(message[:MOST]) is not None or _TOOLS.search(message[:MOST]) is not None
