"""The estimator of waits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.health.latency import LatencyBook, LatencyKey, Ring, prompt_bucket

KEY = LatencyKey("openai", True, None, 1)


@pytest.mark.parametrize(
    ("tokens", "bucket"),
    [
        (-1, 0),
        (0, 0),
        (1023, 0),
        (1024, 1),
        (4095, 1),
        (4096, 2),
        (16_383, 2),
        (16_384, 3),
        (65_536, 4),
        (262_144, 5),
        (1_048_576, 6),
    ],
)
def test_prompt_sizes_fall_into_powers_of_four(tokens: int, bucket: int) -> None:
    assert prompt_bucket(tokens) == bucket


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 100))
def test_a_quantile_is_the_least_sample_that_enough_do_not_exceed(
    samples: list[float], size: int, percent: int
) -> None:
    ring = Ring(size)
    for sample in samples:
        ring.add(sample)
    kept = samples[-size:]
    enough = [s for s in kept if 100 * sum(other <= s for other in kept) >= percent * len(kept)]
    assert len(ring) == len(kept)
    assert ring.ordered == sorted(kept)
    assert ring.quantile(percent / 100) == min(enough)


def test_rounding_does_not_move_a_quantile_to_the_next_sample() -> None:
    ring = Ring()
    for sample in range(1, 101):
        ring.add(float(sample))
    assert [ring.quantile(percent / 100) for percent in range(1, 101)] == [float(p) for p in range(1, 101)]


def test_an_old_regime_is_forgotten_without_a_trace() -> None:
    ring = Ring()
    for _ in range(1000):
        ring.add(30.0)
    for _ in range(256):
        ring.add(0.5)
    assert (ring.quantile(0.0), ring.quantile(1.0), len(ring)) == (0.5, 0.5, 256)


def test_an_empty_ring_has_no_quantile() -> None:
    with pytest.raises(IndexError):
        Ring().quantile(0.5)


def test_the_95th_percentile_of_256_samples_lies_within_the_stated_band() -> None:
    """Log-normal waits (sigma 0.35), 400 rings: in nine of ten the estimate is within 14 % of the true quantile."""
    rng = random.Random(7)
    truth = 2.718281828 ** (0.35 * 1.644854)
    near = 0
    for _ in range(400):
        ring = Ring()
        for _ in range(256):
            ring.add(rng.lognormvariate(0.0, 0.35))
        near += abs(ring.quantile(0.95) / truth - 1) <= 0.14
    assert near >= 360


def test_there_is_no_estimate_from_too_few_samples() -> None:
    book = LatencyBook(enough=20)
    for _ in range(19):
        book.observe_first(KEY, 1.0)
    assert book.first(KEY, 0.95) is None
    book.observe_first(KEY, 1.0)
    assert book.first(KEY, 0.95) == 1.0


def test_a_rare_size_borrows_from_its_nearest_neighbours_and_keeps_its_own_samples() -> None:
    book = LatencyBook(enough=20)
    for bucket, wait, samples in [(0, 0.5, 12), (1, 1.0, 3), (2, 2.0, 12), (4, 9.0, 100)]:
        for _ in range(samples):
            book.observe_first(KEY._replace(bucket=bucket), wait)
    assert [book.first(KEY, q) for q in (0.0, 12 / 27, 15 / 27, 1.0)] == [0.5, 0.5, 1.0, 2.0]


def test_borrowing_goes_on_outwards_until_there_is_enough() -> None:
    book = LatencyBook(enough=20)
    for bucket, wait, samples in [(0, 0.5, 4), (3, 3.0, 10), (4, 4.0, 10), (6, 9.0, 10)]:
        for _ in range(samples):
            book.observe_first(KEY._replace(bucket=bucket), wait)
    assert book.first(KEY, 1.0) == 4.0
    assert book.first(KEY._replace(bucket=9), 0.0) == 4.0


def test_neighbours_that_do_not_suffice_together_give_no_estimate() -> None:
    book = LatencyBook(enough=20)
    for bucket in (0, 1, 2):
        for _ in range(6):
            book.observe_first(KEY._replace(bucket=bucket), 1.0)
    assert book.first(KEY, 0.5) is None


@pytest.mark.parametrize(
    "other", [KEY._replace(target="claude"), KEY._replace(streams=False), KEY._replace(effort="high")]
)
def test_other_targets_modes_and_efforts_lend_nothing(other: LatencyKey) -> None:
    book = LatencyBook(enough=5)
    for _ in range(50):
        book.observe_first(other, 1.0)
        book.observe_gap(other, 0.1)
    assert book.first(KEY, 0.5) is None
    assert book.gap(KEY, 0.5) is None


def test_a_size_with_enough_samples_borrows_nothing() -> None:
    book = LatencyBook(enough=20)
    for _ in range(20):
        book.observe_first(KEY, 1.0)
        book.observe_first(KEY._replace(bucket=2), 9.0)
    assert book.first(KEY, 1.0) == 1.0


def test_gaps_and_first_waits_are_kept_apart() -> None:
    book = LatencyBook(enough=1)
    book.observe_first(KEY, 2.0)
    book.observe_gap(KEY, 0.05)
    assert (book.first(KEY, 0.5), book.gap(KEY, 0.5)) == (2.0, 0.05)


def test_slowness_is_the_median_over_all_kinds_of_answers_of_a_target() -> None:
    book = LatencyBook()
    assert book.slowness("openai") is None
    book.observe_first(KEY, 1.0)
    book.observe_first(KEY._replace(bucket=3), 2.0)
    book.observe_first(KEY._replace(effort="high"), 30.0)
    book.observe_gap(KEY, 100.0)
    book.observe_first(KEY._replace(target="claude"), 100.0)
    assert book.slowness("openai") == 2.0
