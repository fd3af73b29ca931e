"""How long providers ask to be left alone, in all the ways they say it."""

from __future__ import annotations

import pytest

from segue.wire import delay

WALL = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("20s", 20.0),
        ("1d", 86400.0),
        ("", None),
        ("6", None),
        ("soon", None),
    ],
)
def test_a_compound_duration_is_read(text: str, seconds: float | None) -> None:
    assert delay.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "2023-11-14T22:13:50Z"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "later"}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
def test_the_error_headers_are_read_the_finer_one_first(headers: dict[str, str], seconds: float | None) -> None:
    assert delay.retry_after(headers, WALL) == pytest.approx(seconds)


@pytest.mark.parametrize(("value", "word"), [("true", True), ("false", False), ("maybe", None)])
def test_the_providers_own_word_on_retrying_is_heard(value: str, word: bool | None) -> None:
    assert delay.should_retry({"x-should-retry": value}) is word
