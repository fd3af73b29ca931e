"""What an attempt consumed, in the classes that providers bill apart."""

from __future__ import annotations

from typing import Any, Final

import msgspec

MOST_TOKENS: Final = (1 << 27) - 1
"""More than any answer can consume of one class: 134 million, where the largest context window of a published model is 10 million."""


class ImpossibleCount(ValueError):
    """What was reported is not a number of tokens that an answer can have consumed."""


def token_count(reported: Any) -> int:
    """A count as a provider reports it, in any JSON type: null, "" and the like are 0. Raises `ImpossibleCount`."""
    if reported is None:
        return 0
    if type(reported) is not int:
        reported = _number(reported)
    if not 0 <= reported <= MOST_TOKENS:
        raise ImpossibleCount(f"{reported:.6g} tokens")
    return int(reported)


def _number(reported: Any) -> float:
    """Some providers count in floats or in text."""
    if not reported:
        return 0
    if isinstance(reported, bool) or not isinstance(reported, (int, float, str)):
        raise ImpossibleCount(f"{reported!r:.60} is no count")
    try:
        return float(reported)
    except (ValueError, OverflowError):
        raise ImpossibleCount(f"{reported!r:.60} is no count") from None


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts of one attempt, cumulative: a newer report replaces an older one.

    The four input counts do not overlap; their sum is the prompt. `output_tokens` includes `reasoning_tokens`.
    """

    input_tokens: int = 0
    """Prompt tokens neither read from nor written to a cache."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    """Written to the cache with the short (5 minute) lifetime."""
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All input: the four input counts together."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens + self.cache_write_1h_tokens

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.cache_write_1h_tokens
            + self.output_tokens
        )

    @property
    def plausible(self) -> bool:
        """Whether it counts something, and no more than an answer can consume."""
        inputs = self.input_tokens | self.cache_read_tokens | self.cache_write_tokens | self.cache_write_1h_tokens
        return 0 < inputs | self.output_tokens | self.reasoning_tokens <= MOST_TOKENS  # all bits of all counts

    def __add__(self, other: Usage) -> Usage:
        """The sum of two attempts' usage."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})
