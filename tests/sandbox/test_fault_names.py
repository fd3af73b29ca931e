from __future__ import annotations

import pytest

from segue.errors import ConfigurationError
from segue.sandbox.faults import DEFAULT, DEFAULT_AFTER, KINDS, parse_fault


def test_a_fault_is_its_name_with_options() -> None:
    fault = parse_fault("cut:after=20,times=2,probability=0.5")
    assert (fault.name, fault.after, fault.times, fault.probability) == ("cut", 20, 2, 0.5)


def test_what_is_not_set_is_as_usual() -> None:
    fault = parse_fault("")
    assert (fault.name, fault.after, fault.times, fault.probability) == (DEFAULT, DEFAULT_AFTER, None, 1.0)


def test_hyphens_and_spaces_do_no_harm() -> None:
    assert parse_fault(" role-only : times = 1 ").name == "role_only"


def test_how_long_a_stall_and_a_drip_take_can_be_set() -> None:
    assert parse_fault("stall:seconds=0.5").seconds == 0.5
    assert parse_fault("drip").seconds == KINDS["drip"].seconds


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("explode", "is not a fault of the sandbox; use one of auth, bad_gateway"),
        ("cut:when=3", "'when' is not an option; use one of after, probability"),
        ("cut:after=-1", "a number of tokens from 0"),
        ("cut:after=soon", "a number of tokens from 0"),
        ("cut:after", "a number of tokens from 0"),
        ("cut:times=0", "from 1"),
        ("cut:probability=2", "from 0 to 1"),
        ("cut:probability=nan", "from 0 to 1"),
        ("overloaded:after=3", "overloaded takes no after"),
        ("refused:times=3", "refused takes no times"),
        ("cut:seconds=3", "cut takes no seconds"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_what_would(written: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_fault(written)
