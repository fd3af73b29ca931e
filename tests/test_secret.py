"""Secrets stay secret."""

from __future__ import annotations

import pickle

import pytest

from segue.secret import Secret


def test_no_way_of_printing_a_secret_shows_it() -> None:
    secret = Secret("sk-hidden")
    for shown in (str(secret), repr(secret), f"{secret}", f"{[secret]}", "%s" % secret):  # noqa: UP031
        assert "hidden" not in shown


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("sk-hidden"))


def test_equal_secrets_are_equal_and_share_a_fingerprint_that_tells_nothing() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a").fingerprint == Secret("a").fingerprint != Secret("b").fingerprint
    assert len(Secret("a").fingerprint) == 12


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")
