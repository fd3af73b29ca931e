"""What an attempt consumed, in the classes that providers bill apart."""

from __future__ import annotations

import msgspec


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
        return self.prompt_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """The sum of two attempts' usage."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})
