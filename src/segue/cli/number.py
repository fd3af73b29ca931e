"""Numbers in options: a range that "nan" is not in."""

from __future__ import annotations

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A float from `min` to `max`. Every comparison with nan is false, so click's own range lets it through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number
