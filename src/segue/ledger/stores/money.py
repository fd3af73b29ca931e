"""Dollars as whole numbers, for sums.

A price of $0.003625 a million tokens is 3.625 nano-dollars a token, so nano-dollars would round most cached prompts; pico-dollars
(1e-12) hold every published price exactly. 63 bits of them reach $9.2 million, enough for an attempt but not for a sum: sums are
taken of whole micro-dollars and of the rest apart, and put together again in Python.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

PICO_DIGITS: Final = 12
_PICO: Final = Decimal(10**PICO_DIGITS)


def to_pico(dollars: Decimal) -> int:
    """Rounds what is finer than a pico-dollar half to even. Raises `ValueError` or `OverflowError` for NaN and infinity."""
    return round(dollars * _PICO)


def from_pico(pico: int) -> Decimal:
    """Without trailing zeros and without an exponent: `Decimal("0.0015")`, `Decimal("10")`."""
    dollars = Decimal(pico).scaleb(-PICO_DIGITS).normalize()
    return dollars.quantize(Decimal(1)) if dollars == dollars.to_integral_value() else dollars
