"""What a model's answer is made of, as it arrives.

Two streams speak these values. A *decoder* (wire) turns upstream bytes into `UpstreamEvent`s. The *engine* turns those of one or
more attempts into the `ChatEvent`s that a caller sees: one `Started`, content, then exactly one `Finished`; errors are raised.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from segue.chat.failure import Failure
from segue.chat.messages import ToolCall
from segue.chat.usage import Usage


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    """The provider or the model declined: a safety filter or a refusal."""
    PAUSE = "pause"
    """The provider paused a long turn; sending the transcript back continues it."""


class Started(msgspec.Struct, frozen=True, tag=True):
    """The answer has an id and a model, as the provider names them; either may be empty."""

    id: str = ""
    model: str = ""


class TextDelta(msgspec.Struct, frozen=True, tag=True):
    """A piece of the answer's text, as long or short as the provider sent it. `phase` is as `Text.phase`."""

    text: str
    phase: str = ""


class ThinkingDelta(msgspec.Struct, frozen=True, tag=True):
    """A piece of reasoning. A `signature` or `redacted` text closes the block it belongs to.

    Both are proofs for the dialect that made them and no other: `dialect` says which, where there is one.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    dialect: str = ""

    def for_dialect(self, dialect: str) -> ThinkingDelta:
        """What of it a client of `dialect` may be given: all, or only the text."""
        return self if self.dialect in ("", dialect) else ThinkingDelta(self.text)


class ToolCallDelta(msgspec.Struct, frozen=True, tag=True):
    """A piece of the tool call number `index` (from 0, in order of appearance).

    The first piece carries `id` and `name`; a later one that carries them too replaces them.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    signature: str = ""


class ToolCallEnd(msgspec.Struct, frozen=True, tag=True):
    """The arguments of tool call number `index` are whole."""

    index: int


class Citation(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A source of the text before it: `start` and `end` are places in the answer's text, in characters; None where none is named.

    `quote` is what the source says. A source that has no address, such as a document of the request, has an empty `url`. `native` is the
    citation as `dialect` says it, for callers of that dialect.
    """

    url: str
    title: str = ""
    start: int | None = None
    end: int | None = None
    quote: str = ""
    native: dict[str, Any] = {}
    dialect: str = ""


class TopLogprob(msgspec.Struct, frozen=True, gc=False):
    """A token that was likely at its place. `logprob` is the natural logarithm of its probability, `bytes` its UTF-8."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


class TokenLogprob(msgspec.Struct, frozen=True, gc=False):
    """A token of the answer, and the likeliest ones at its place."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top_logprobs: tuple[TopLogprob, ...] = ()


class Logprobs(msgspec.Struct, frozen=True, tag=True):
    """The log probabilities of the tokens of the text that comes next."""

    tokens: tuple[TokenLogprob, ...]


class UsageReport(msgspec.Struct, frozen=True, tag=True):
    """Tokens consumed so far: cumulative, replaces earlier reports of the same attempt."""

    usage: Usage


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The provider's stop reason: with it the answer is whole. `raw` is its word for the reason.

    From an upstream, usage may follow, and so may content with or without another stop reason: servers that put one on every chunk exist.
    All of it counts, and the last reason. `stop` is the caller's stop sequence that ended the answer, if the provider names it. `provisional`: everything begun so far is complete, but more may be begun; content revokes it.
    """

    reason: FinishReason
    raw: str = ""
    refusal: str = ""
    provisional: bool = False
    stop: str = ""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The answer is broken off: an error inside the stream, or a stream that is none. Nothing follows."""

    failure: Failure


UpstreamEvent: TypeAlias = (
    Started
    | TextDelta
    | ThinkingDelta
    | ToolCallDelta
    | ToolCallEnd
    | Citation
    | Logprobs
    | UsageReport
    | Finished
    | Failed
)


class ToolCalled(msgspec.Struct, frozen=True, tag=True):
    """Tool call number `index`, whole: the engine holds calls back until their arguments are complete."""

    index: int
    call: ToolCall


class Seam(msgspec.Struct, frozen=True, tag=True):
    """From here on another attempt speaks: target `source` broke off, `target` goes on.

    `at` is the number of characters of text delivered before. `restarted` is True where only thinking had been shown and the
    answer begins again; False where the text goes on from exactly where it stopped.
    """

    source: str
    target: str
    at: int
    restarted: bool = False


ChatEvent: TypeAlias = (
    Started | TextDelta | ThinkingDelta | ToolCalled | Citation | Logprobs | UsageReport | Seam | Finished
)
