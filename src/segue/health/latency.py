"""How long a target usually keeps one waiting: the estimator behind hedge points, give-up points and latency routing.

A `Ring` is a sorted view of the last 256 samples. Forgetting is exact: a regime that ended 256 samples ago has left no trace, which
moving averages and streaming quantile estimators can't promise. At 256 samples the 95th percentile is known to about ±14 %.
Recording a sample or asking for a quantile costs about a microsecond.

The book keeps a ring for each target, for streamed and whole answers, for each reasoning effort and each size of prompt, because
each of these shifts the time to the first content. A size that has been seen too rarely borrows from its neighbours: the samples of
the next smaller and the next larger size are pooled with its own, then those one further away, until there are enough.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil
from typing import Final, NamedTuple

SAMPLES: Final = 256
_KIBI: Final = 10


def prompt_bucket(tokens: int) -> int:
    """The size class of a prompt: 0 below 1 024 tokens, then one more at 1 024, 4 096, 16 384, … (powers of four)."""
    return ((max(tokens, 0) >> _KIBI).bit_length() + 1) >> 1


class LatencyKey(NamedTuple):
    """What makes two waits comparable. `bucket` comes from `prompt_bucket`."""

    target: str
    streams: bool
    effort: str | None
    bucket: int


class Ring:
    """The last `size` samples, always in order."""

    __slots__ = ("_arrived", "_ordered", "_size")

    def __init__(self, size: int = SAMPLES) -> None:
        self._size = size
        self._arrived: deque[float] = deque()
        self._ordered: list[float] = []

    def __len__(self) -> int:
        return len(self._ordered)

    @property
    def ordered(self) -> list[float]:
        """The samples, least first; not to be changed."""
        return self._ordered

    def add(self, sample: float) -> None:
        if len(self._arrived) == self._size:
            oldest = self._arrived.popleft()
            del self._ordered[bisect_left(self._ordered, oldest)]
        self._arrived.append(sample)
        insort(self._ordered, sample)

    def quantile(self, q: float) -> float:
        """The least sample that at least the share `q` (0 to 1) of all samples do not exceed; `IndexError` if empty."""
        return _nearest_rank(self._ordered, q)


def _nearest_rank(ordered: list[float], q: float) -> float:
    # The tiny allowance keeps 0.07 × 100 = 7.000000000000001 from asking for the eighth sample.
    return ordered[max(ceil(q * len(ordered) - 1e-9) - 1, 0)]


class _Rings:
    """One measure's rings, grouped so that the neighbours of a size are at hand."""

    __slots__ = ("_by_kind", "_enough")

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._by_kind: dict[tuple[str, bool, str | None], dict[int, Ring]] = {}

    def add(self, key: LatencyKey, seconds: float) -> None:
        sizes = self._by_kind.setdefault(key[:3], {})
        ring = sizes.get(key.bucket)
        if ring is None:
            ring = sizes[key.bucket] = Ring()
        ring.add(seconds)

    def quantile(self, key: LatencyKey, q: float) -> float | None:
        sizes = self._by_kind.get(key[:3])
        if sizes is None:
            return None
        own = sizes.get(key.bucket)
        if own is not None and len(own) >= self._enough:
            return own.quantile(q)
        pooled = self._pool(sizes, key.bucket)
        return _nearest_rank(pooled, q) if len(pooled) >= self._enough else None

    def _pool(self, sizes: dict[int, Ring], bucket: int) -> list[float]:
        pooled: list[float] = []
        for distance in sorted({abs(other - bucket) for other in sizes}):
            if len(pooled) >= self._enough:
                break
            for neighbour in {bucket - distance, bucket + distance}:
                if neighbour in sizes:
                    pooled += sizes[neighbour].ordered
        pooled.sort()
        return pooled


class LatencyBook:
    """Waits for the first content and gaps within the text, in seconds. `enough` samples (≥ 1) make an estimate."""

    __slots__ = ("_first", "_gaps", "_targets")

    def __init__(self, *, enough: int = 20) -> None:
        self._first = _Rings(enough)
        self._gaps = _Rings(enough)
        self._targets: dict[str, Ring] = {}

    def observe_first(self, key: LatencyKey, seconds: float) -> None:
        """An attempt's wait from its dispatch to its first content."""
        self._first.add(key, seconds)
        ring = self._targets.get(key.target)
        if ring is None:
            ring = self._targets[key.target] = Ring()
        ring.add(seconds)

    def observe_gap(self, key: LatencyKey, seconds: float) -> None:
        """A pause between two pieces of text.

        Every gap, or every n-th, keeps the quantiles true; the longest of each answer alone would raise them.
        """
        self._gaps.add(key, seconds)

    def first(self, key: LatencyKey, q: float) -> float | None:
        """The quantile `q` of the waits for first content; None without enough samples, borrowed ones included."""
        return self._first.quantile(key, q)

    def gap(self, key: LatencyKey, q: float) -> float | None:
        """The quantile `q` of the gaps in the text; None without enough samples, borrowed ones included."""
        return self._gaps.quantile(key, q)

    def slowness(self, target: str) -> float | None:
        """The median wait for first content over the target's last 256 answers of every kind; None before the first."""
        ring = self._targets.get(target)
        return ring.quantile(0.5) if ring else None
