"""After a rest requests come back gradually."""

from __future__ import annotations

from segue.chat.failure import Failure, FailureKind
from segue.health.book import HealthBook
from segue.health.breaker import Permit
from segue.health.ramp import ENOUGH, Ramp
from segue.health.target import HealthKeys
from segue.policy import BreakerPolicy

A = HealthKeys("api.openai.com", "work", "gpt-6-luna")
B = HealthKeys("api.openai.com", "work", "gpt-6-terra")


def send_all(ramp: Ramp) -> int:
    sent = 0
    while ramp.room and sent < ENOUGH:
        ramp.admitted()
        sent += 1
    return sent


def test_without_a_rest_there_is_no_limit() -> None:
    ramp = Ramp()
    for _ in range(1000):
        ramp.admitted()
    assert ramp.room == ENOUGH


def test_after_a_rest_each_request_that_shows_content_lets_in_two_more_until_the_limit_is_gone() -> None:
    ramp = Ramp()
    ramp.rest(10.0)
    batches = []
    while ramp.active:
        batches.append(sent := send_all(ramp))
        for _ in range(sent):
            ramp.proved(11.0)
            ramp.ended(11.0)
    assert batches == [1, 2, 4, 8, 16, 32]
    assert ramp.room == ENOUGH


def test_a_request_that_streams_on_keeps_its_place() -> None:
    ramp = Ramp()
    ramp.rest(10.0)
    ramp.admitted()
    assert ramp.room == 0
    ramp.proved(11.0)
    assert ramp.room == 1


def test_what_was_sent_before_the_rest_neither_proves_nor_frees_anything() -> None:
    ramp = Ramp()
    ramp.rest(10.0)
    ramp.admitted()
    ramp.proved(9.0)
    ramp.ended(9.0)
    assert ramp.room == 0


def test_a_failure_on_the_way_back_begins_again_with_one() -> None:
    ramp = Ramp()
    ramp.rest(10.0)
    for _ in range(3):
        ramp.admitted()
        ramp.proved(11.0)
        ramp.ended(11.0)
    assert ramp.room == 4
    ramp.failed()
    assert ramp.room == 1


def test_a_key_that_cools_brings_all_its_models_back_gradually() -> None:
    health = HealthBook(BreakerPolicy())
    for keys in (A, B):
        assert health.admit(keys, 0.0) is Permit.YES
        health.succeeded(keys, 0.5, started=0.0)
    rate = Failure(kind=FailureKind.MONEY, message="", retry_after=60.0)
    health.failed(A, rate, 1.0, started=0.0)
    assert (health.room(A, 2.0), health.room(A, 62.0), health.room(B, 62.0)) == (0, 1, ENOUGH)


def test_a_probes_first_content_is_its_success_and_counts_once() -> None:
    health = HealthBook(BreakerPolicy())
    for _ in range(3):
        health.admit(A, 0.0)
        health.failed(A, Failure(kind=FailureKind.OVERLOAD, message=""), 0.0, started=0.0)
    assert health.admit(A, 3.0) is Permit.PROBE
    assert health.proved(A, 4.0, started=3.0)
    assert health.admit(A, 4.0) is Permit.PROBE, "the next one need not wait for the first one's end"
    health.succeeded(A, 9.0, started=3.0, proven=True)
    assert health.look(A, 9.0).barred, "the second probe is still out"
    assert health.proved(A, 9.5, started=4.0)
    assert health.admit(A, 9.5) is Permit.YES


def test_a_probe_that_breaks_off_after_its_first_content_opens_again() -> None:
    health = HealthBook(BreakerPolicy())
    for _ in range(3):
        health.admit(A, 0.0)
        health.failed(A, Failure(kind=FailureKind.OVERLOAD, message=""), 0.0, started=0.0)
    health.admit(A, 3.0)
    assert health.proved(A, 4.0, started=3.0)
    health.failed(A, Failure(kind=FailureKind.BROKEN, message=""), 5.0, started=3.0, proven=True)
    assert health.look(A, 5.0).recovers_at == 10.0
