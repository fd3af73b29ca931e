"""The health book: what a failure counts where, and what may be asked."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from segue.chat.failure import Failure, FailureKind, Scope
from segue.health.book import MOST_TARGETS, HealthBook
from segue.health.breaker import Permit
from segue.health.target import HEALTHY, HealthKeys, TargetHealth
from segue.policy import BreakerPolicy

YES, PROBE, NO = Permit.YES, Permit.PROBE, Permit.NO
A = HealthKeys("api.openai.com", "work", "gpt-6-luna")
B = A._replace(model="gpt-6-sol")
C = A._replace(model="gpt-6-terra")
A_OTHER_KEY = A._replace(credential="private")
ELSEWHERE = HealthKeys("api.anthropic.com", "work", "claude-sonnet-5-5")


def failure(kind: FailureKind, scope: Scope = Scope.MODEL, retry_after: float | None = None) -> Failure:
    return Failure(kind=kind, message="because", scope=scope, retry_after=retry_after)


OVERLOAD = failure(FailureKind.OVERLOAD)
UNREACHABLE = failure(FailureKind.TRANSPORT, Scope.ENDPOINT)


class Watcher:
    def __init__(self) -> None:
        self.changes: list[tuple[HealthKeys, str, str, str, str, float]] = []

    def __call__(self, keys: HealthKeys, scope: Scope, old: str, new: str, reason: str, now: float) -> None:
        self.changes.append((keys, str(scope), str(old), str(new), reason, now))


def book() -> HealthBook:
    return HealthBook(BreakerPolicy())


def fail(health: HealthBook, keys: HealthKeys, what: Failure, times: int = 3, at: float = 0.0) -> HealthBook:
    for _ in range(times):
        health.failed(keys, what, at, started=at)
    return health


def probe_fails(health: HealthBook, keys: HealthKeys, at: float) -> None:
    assert health.admit(keys, at) is PROBE
    health.failed(keys, OVERLOAD, at, started=at)


def usable(health: HealthBook, keys: HealthKeys, now: float) -> bool:
    return not health.look(keys, now).barred


def test_a_target_that_was_never_asked_is_healthy() -> None:
    health = book()
    assert health.look(A, 0.0) is HEALTHY
    assert health.healthy(A)
    health.release(A)
    assert health.share_open([A], 0.0) == 0.0
    assert health.admit(A, 0.0) is YES


@pytest.mark.parametrize(
    ("kind", "scope", "trips_after"),
    [
        (FailureKind.OVERLOAD, Scope.MODEL, 3),
        (FailureKind.OVERLOAD, Scope.ENDPOINT, 3),
        (FailureKind.BROKEN, Scope.MODEL, 3),
        (FailureKind.TRANSPORT, Scope.MODEL, 3),
        (FailureKind.TRANSPORT, Scope.ENDPOINT, 3),
        (FailureKind.STALL, Scope.MODEL, 6),
    ],
)
def test_how_many_failures_of_a_kind_open_a_target(kind: FailureKind, scope: Scope, trips_after: int) -> None:
    health = fail(book(), A, failure(kind, scope), trips_after - 1)
    assert health.look(A, 0.0) == HEALTHY
    fail(health, A, failure(kind, scope), 1)
    look = health.look(A, 0.0)
    assert (look.barred, look.recovers_at, look.hopeless) == (True, 2.0, False)


@pytest.mark.parametrize("kind", [FailureKind.CAPABILITY, FailureKind.POLICY, FailureKind.CALLER, FailureKind.INVALID])
@pytest.mark.parametrize("scope", list(Scope))
def test_failures_that_are_not_the_targets_count_nothing(kind: FailureKind, scope: Scope) -> None:
    health = fail(book(), A, failure(kind, scope), 50)
    assert health.look(A, 0.0) is HEALTHY
    assert health.healthy(A)


def test_every_kind_of_failure_is_known_to_the_book() -> None:
    for kind in FailureKind:
        fail(book(), A, failure(kind), 20)


@pytest.mark.parametrize(
    ("kind", "scope", "cools_same_key", "cools_other_key"),
    [
        (FailureKind.RATE, Scope.MODEL, False, False),
        (FailureKind.RATE, Scope.CREDENTIAL, True, False),
        (FailureKind.RATE, Scope.ENDPOINT, True, False),
        (FailureKind.MONEY, Scope.MODEL, False, False),
        (FailureKind.MONEY, Scope.CREDENTIAL, True, False),
        (FailureKind.AUTH, Scope.MODEL, True, False),
        (FailureKind.AUTH, Scope.CREDENTIAL, True, False),
        (FailureKind.MODEL_GONE, Scope.MODEL, False, False),
        (FailureKind.MODEL_GONE, Scope.CREDENTIAL, False, False),
    ],
)
def test_what_a_refusal_cools(kind: FailureKind, scope: Scope, cools_same_key: bool, cools_other_key: bool) -> None:
    health = fail(book(), A, failure(kind, scope), 20)
    assert not usable(health, A, 1.0)
    assert usable(health, B, 1.0) is not cools_same_key
    assert usable(health, A_OTHER_KEY, 1.0) is not cools_other_key
    assert usable(health, ELSEWHERE, 1.0)


@pytest.mark.parametrize(
    ("what", "recovers_at", "hopeless", "reason"),
    [
        (failure(FailureKind.RATE), 5.0, False, "model: rate-limited"),
        (failure(FailureKind.RATE, Scope.CREDENTIAL, 33.0), 33.0, False, "credential: rate-limited"),
        (failure(FailureKind.MONEY, Scope.CREDENTIAL), 900.0, True, "credential: out of credit"),
        (failure(FailureKind.MONEY), 900.0, True, "model: out of credit"),
        (failure(FailureKind.AUTH), None, True, "credential: the key is refused"),
        (failure(FailureKind.MODEL_GONE), 600.0, False, "model: there is no such model"),
    ],
)
def test_what_a_look_at_a_cooling_target_tells(
    what: Failure, recovers_at: float | None, hopeless: bool, reason: str
) -> None:
    health = fail(book(), A, what, 1)
    assert health.look(A, 0.0)[:5] == (True, False, recovers_at, reason, hopeless)
    assert health.look(A, 0.0).gone is (what.kind is FailureKind.MODEL_GONE)
    assert health.admit(A, 0.0) is NO
    if recovers_at is not None:
        assert health.look(A, recovers_at) == HEALTHY


def test_refusals_cool_and_never_trip() -> None:
    health = fail(book(), A, failure(FailureKind.RATE, retry_after=1.0), 100)
    assert health.admit(A, 1.0) is YES


def test_of_several_obstacles_the_last_to_go_is_reported() -> None:
    health = fail(book(), A, OVERLOAD)
    fail(health, A, failure(FailureKind.RATE), 1)
    assert health.look(A, 0.0).recovers_at == 5.0
    fail(health, A, failure(FailureKind.MONEY, retry_after=60.0), 1)
    fail(health, A, failure(FailureKind.RATE, retry_after=100.0), 1)
    assert health.look(A, 0.0)[2:5] == (100.0, "model: out of credit", True)


def test_a_target_that_recovers_is_probed_one_request_at_a_time() -> None:
    health = fail(book(), A, OVERLOAD)
    assert health.look(A, 2.0)[:5] == (False, True, None, "half open", False)
    assert health.admit(A, 2.0) is PROBE
    assert health.look(A, 2.5)[:5] == (True, False, 2.5, "model: being probed", False)
    assert health.admit(A, 2.5) is NO
    health.succeeded(A, 3.0, started=2.0)
    assert health.admit(A, 3.0) is PROBE
    health.succeeded(A, 3.5, started=3.0)
    assert health.look(A, 3.5) is HEALTHY


@pytest.mark.parametrize("kind", [FailureKind.CAPABILITY, FailureKind.CALLER, FailureKind.POLICY, FailureKind.INVALID])
def test_a_probe_that_says_nothing_of_the_target_gives_its_slot_back(kind: FailureKind) -> None:
    health = fail(book(), A, OVERLOAD)
    for _ in range(3):
        assert health.admit(A, 2.0) is PROBE
        health.failed(A, failure(kind), 2.0, started=2.0)
    assert health.look(A, 2.0).probing


def test_a_rate_limited_probe_gives_its_slot_back_and_waits() -> None:
    health = fail(book(), A, OVERLOAD)
    assert health.admit(A, 2.0) is PROBE
    health.failed(A, failure(FailureKind.RATE, retry_after=4.0), 3.0, started=2.0)
    assert health.look(A, 3.0).recovers_at == 7.0
    assert health.admit(A, 7.0) is PROBE


def test_a_cancelled_probe_gives_its_slot_back() -> None:
    health = fail(book(), A, OVERLOAD)
    assert health.admit(A, 2.0) is PROBE
    health.release(A, started=2.0)
    assert health.admit(A, 2.0) is PROBE


def test_a_models_failures_leave_its_endpoints_other_models_alone() -> None:
    health = fail(book(), A, OVERLOAD)
    assert usable(health, B, 0.1)


def test_a_new_model_at_an_open_endpoint_is_not_asked() -> None:
    assert book().look(C, 0.0) is HEALTHY
    assert fail(book(), A, UNREACHABLE).look(C, 0.0).barred


def test_an_endpoint_opens_when_two_of_its_models_are_open() -> None:
    health = fail(book(), A, OVERLOAD)
    fail(health, B, OVERLOAD, at=1.0)
    assert health.look(C, 1.0)[:5] == (True, False, 3.0, "endpoint: failed too often", False)
    assert usable(health, ELSEWHERE, 1.0)
    assert health.admit(C, 3.0) is PROBE


def test_the_same_model_under_two_keys_is_one_model() -> None:
    health = fail(book(), A, OVERLOAD)
    fail(health, A_OTHER_KEY, OVERLOAD)
    assert usable(health, C, 0.0)


def test_an_endpoint_that_answered_since_the_first_of_two_models_opened_stays_closed() -> None:
    health = fail(book(), A, OVERLOAD)
    health.admit(C, 0.5)
    health.succeeded(C, 1.0, started=0.5)
    fail(health, B, OVERLOAD, at=1.5)
    assert usable(health, C, 1.5)


def test_a_model_that_recovers_before_the_second_opens_does_not_count() -> None:
    health = fail(book(), A, OVERLOAD)
    fail(health, B, OVERLOAD, at=2.0)
    assert usable(health, C, 2.0)


def test_an_endpoints_half_open_slot_is_shared_by_its_models() -> None:
    health = fail(book(), A, OVERLOAD)
    fail(health, B, OVERLOAD)
    assert health.admit(C, 2.0) is PROBE
    assert health.admit(A, 2.0) is NO
    assert health.look(B, 2.0).reason == "endpoint: being probed"
    health.succeeded(C, 2.5, started=2.0)
    assert health.admit(C, 2.5) is PROBE
    health.succeeded(C, 3.0, started=2.5)
    assert health.admit(C, 3.0) is YES
    assert health.admit(A, 3.0) is PROBE
    assert health.admit(B, 3.0) is PROBE


def test_one_sick_model_alone_does_not_keep_its_endpoint_half_open_for_the_others() -> None:
    health = fail(book(), A, OVERLOAD)
    fail(health, B, OVERLOAD)
    assert health.admit(A, 2.0) is PROBE
    health.failed(A, OVERLOAD, 2.1, started=2.0)
    for now in (2.2, 2.4):
        assert health.admit(C, now) is PROBE
        health.succeeded(C, now + 0.1, started=now)
    assert health.admit(C, 3.0) is YES


def test_an_endpoint_that_is_still_down_opens_again_when_its_second_models_probe_fails() -> None:
    health = fail(book(), A, OVERLOAD)
    fail(health, B, OVERLOAD)
    for keys, now in ((A, 2.0), (B, 2.2)):
        assert health.admit(keys, now) is PROBE
        health.failed(keys, OVERLOAD, now + 0.1, started=now)
    assert health.look(C, 2.3).recovers_at == pytest.approx(7.3)


def test_the_last_two_openings_decide_and_not_one_long_ago() -> None:
    health = fail(book(), A, OVERLOAD)
    health.succeeded(C, 1.0, started=0.5)
    fail(health, B, OVERLOAD, at=1.5)
    fail(health, C, OVERLOAD, at=1.6)
    assert health.look(A._replace(model="gpt-6-sun"), 1.6).barred


def test_of_a_model_under_two_keys_the_later_opening_decides() -> None:
    health = book()
    health.admit(A, 0.0)
    fail(health, A_OTHER_KEY, OVERLOAD)
    health.succeeded(C, 0.5, started=0.0)
    fail(health, B, OVERLOAD, at=1.0)
    assert usable(health, C, 1.0)
    fail(health, A, OVERLOAD, at=1.5)
    assert not usable(health, C, 1.5)


def test_a_late_failure_does_not_open_a_half_open_endpoint_again() -> None:
    health = fail(book(), A, OVERLOAD)
    health.succeeded(C, 0.5, started=0.0)
    fail(health, B, OVERLOAD, at=1.0)
    probe_fails(health, A, at=2.0)  # opens the endpoint until 4
    for now in (4.0, 4.1):
        assert health.admit(C, now) is PROBE
        health.succeeded(C, now, started=now)  # closes it
    probe_fails(health, B, at=4.3)  # open until 9.3
    probe_fails(health, A, at=7.0)  # opens the endpoint until 9, A until 22
    health.failed(A, OVERLOAD, 9.1, started=1.0)
    assert health.admit(C, 9.1) is PROBE


def test_an_unreachable_endpoint_is_off_for_all_its_models_and_keys() -> None:
    health = fail(book(), A, UNREACHABLE)
    for keys in (A, B, A_OTHER_KEY):
        assert health.admit(keys, 1.0) is NO
    assert health.admit(B, 2.0) is PROBE
    health.failed(B, UNREACHABLE, 2.0, started=2.0)
    assert health.look(A, 2.0).recovers_at == 7.0


def test_an_unreachable_endpoint_does_not_leave_its_models_in_disrepute() -> None:
    health = fail(book(), A, UNREACHABLE)
    for now in (2.0, 3.0):
        assert health.admit(A, now) is PROBE
        health.succeeded(A, now, started=now)
    assert health.look(A, 3.0) is HEALTHY


def test_a_models_probe_that_can_not_reach_the_endpoint_gives_its_slot_back() -> None:
    health = fail(book(), A, OVERLOAD)
    assert health.admit(A, 2.0) is PROBE
    health.failed(A, UNREACHABLE, 2.0, started=2.0)
    assert health.admit(A, 2.0) is PROBE


def test_a_target_with_a_failure_since_its_last_success_is_not_due_a_quick_second_try() -> None:
    health = fail(book(), A, OVERLOAD, 1)
    assert not health.healthy(A)
    health.succeeded(A, 1.0, started=0.5)
    assert health.healthy(A)
    fail(health, B, UNREACHABLE, 1, at=1.0)
    assert not health.healthy(A)


@pytest.mark.parametrize("scope", [Scope.MODEL, Scope.CREDENTIAL])
def test_an_answer_after_running_out_of_money_clears_the_doubling(scope: Scope) -> None:
    health = fail(book(), A, failure(FailureKind.MONEY, scope), 1)
    health.succeeded(A, 901.0, started=900.0)
    fail(health, A, failure(FailureKind.MONEY, scope), 1, at=1000.0)
    assert health.look(A, 1000.0).recovers_at == 1900.0
    fail(health, A, failure(FailureKind.MONEY, scope), 1, at=1900.0)
    assert health.look(A, 1900.0).recovers_at == 3700.0


@pytest.mark.parametrize(
    ("what", "allowed"),
    [
        (OVERLOAD, True),
        (UNREACHABLE, True),
        (failure(FailureKind.RATE), True),
        (failure(FailureKind.MODEL_GONE), True),
        (failure(FailureKind.MONEY), False),
        (failure(FailureKind.MONEY, Scope.CREDENTIAL), False),
        (failure(FailureKind.AUTH), False),
    ],
)
def test_a_last_resort_is_for_targets_that_luck_can_help(what: Failure, allowed: bool) -> None:
    health = fail(book(), A, what)
    assert health.last_resort(A, 0.5) is allowed


def test_a_last_resort_goes_once_a_second_for_each_target() -> None:
    health = fail(book(), A, OVERLOAD)
    granted = [now for now in (10.0, 10.25, 10.5, 10.75, 11.0, 11.5, 12.0) if health.last_resort(A, now)]
    assert granted == [10.0, 11.0, 12.0]
    assert health.last_resort(B, 10.25)


def test_a_last_resort_that_answers_brings_the_target_back() -> None:
    health = fail(book(), A, OVERLOAD)
    assert health.last_resort(A, 0.5)
    health.succeeded(A, 1.0, started=0.5)
    assert health.admit(A, 1.0) is PROBE
    health.succeeded(A, 1.2, started=1.0)
    assert health.admit(A, 1.2) is YES


def test_a_last_resort_that_fails_does_not_put_the_recovery_off() -> None:
    health = fail(book(), A, OVERLOAD)
    assert health.last_resort(A, 0.5)
    health.failed(A, OVERLOAD, 1.0, started=0.5)
    assert health.look(A, 1.0).recovers_at == 2.0


def test_a_refused_key_comes_back_when_a_free_probe_passes() -> None:
    health = fail(book(), A, failure(FailureKind.AUTH), 2)
    assert health.due_probes(29.9) == []
    assert health.due_probes(30.0) == [A]
    health.probed(A, 30.0, passed=False)
    assert health.due_probes(89.9) == []
    assert health.due_probes(90.0) == [A]
    health.probed(B, 90.0, passed=True)
    assert health.due_probes(1e6) == []
    assert health.look(A, 90.0) == HEALTHY


def test_a_probe_of_a_key_that_was_never_refused_changes_nothing() -> None:
    health = book()
    health.probed(A, 0.0, passed=False)
    health.probed(A, 0.0, passed=True)
    assert health.look(A, 0.0) == HEALTHY
    assert health.due_probes(1e6) == []


@pytest.mark.parametrize(("sick", "share"), [((), 0.0), ((A,), 0.25), ((A, ELSEWHERE), 0.5)])
def test_the_share_of_open_targets(sick: tuple[HealthKeys, ...], share: float) -> None:
    health = book()
    for keys in sick:
        fail(health, keys, OVERLOAD)
    assert health.share_open([A, B, C, ELSEWHERE], 1.0) == share
    assert health.share_open([A, B, C, ELSEWHERE], 2.0) == 0.0
    assert health.share_open([], 1.0) == 0.0


def test_changes_of_a_breaker_are_reported_with_their_reason() -> None:
    watcher = Watcher()
    health = fail(HealthBook(BreakerPolicy(), on_change=watcher), A, OVERLOAD)
    for now in (2.0, 3.0):
        health.admit(A, now)
        health.succeeded(A, now, started=now)
    assert watcher.changes == [
        (A, "model", "closed", "open", "overload: because", 0.0),
        (A, "model", "open", "half_open", "time to probe", 2.0),
        (A, "model", "half_open", "closed", "answered", 3.0),
    ]


def test_an_endpoints_change_is_reported_along_with_the_models() -> None:
    watcher = Watcher()
    health = fail(HealthBook(BreakerPolicy(), on_change=watcher), A, OVERLOAD)
    fail(health, B, OVERLOAD)
    assert [(change[0], *change[1:4]) for change in watcher.changes] == [
        (A, "model", "closed", "open"),
        (B, "endpoint", "closed", "open"),
        (B, "model", "closed", "open"),
    ]


def test_a_cooldown_is_reported_once_an_episode_and_its_end_when_a_probe_passes() -> None:
    watcher = Watcher()
    health = HealthBook(BreakerPolicy(), on_change=watcher)
    fail(health, A, failure(FailureKind.RATE), 5)
    fail(health, A, failure(FailureKind.RATE), 1, at=5.0)
    fail(health, A, failure(FailureKind.AUTH), 5, at=5.0)
    health.probed(A, 35.0, passed=True)
    assert watcher.changes == [
        (A, "model", "ready", "rate", "because", 0.0),
        (A, "model", "ready", "rate", "because", 5.0),
        (A, "credential", "ready", "auth", "because", 5.0),
        (A, "credential", "auth", "ready", "the free probe passed", 35.0),
    ]


class BookMachine(RuleBasedStateMachine):
    """Whatever happens, a look agrees with what `admit` then does, one probe is out at most, and everything recovers."""

    targets = (A, B, C, A_OTHER_KEY, ELSEWHERE)

    @initialize()
    def begin(self) -> None:
        self.now = 100.0
        self.health = book()
        self.under_way: list[tuple[HealthKeys, float, Permit]] = []

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0, 5.0, 61.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(keys=st.sampled_from(targets))
    def a_request_asks_to_go(self, keys: HealthKeys) -> None:
        look = self.health.look(keys, self.now)
        permit = self.health.admit(keys, self.now)
        assert permit is (NO if look.barred else PROBE if look.probing else YES)
        if permit is not NO:
            self.under_way.append((keys, self.now, permit))

    @precondition(lambda self: self.under_way)
    @rule(
        which=st.integers(0, 50),
        kind=st.none() | st.sampled_from(list(FailureKind)),
        scope=st.sampled_from(list(Scope)),
    )
    def an_attempt_ends(self, which: int, kind: FailureKind | None, scope: Scope) -> None:
        keys, started, _ = self.under_way.pop(which % len(self.under_way))
        if kind is None:
            self.health.succeeded(keys, self.now, started=started)
        else:
            self.health.failed(keys, failure(kind, scope), self.now, started=started)

    @rule(keys=st.sampled_from(targets), kind=st.sampled_from([FailureKind.OVERLOAD, FailureKind.STALL]))
    def a_target_fails_again_and_again(self, keys: HealthKeys, kind: FailureKind) -> None:
        for _ in range(6):
            if self.health.admit(keys, self.now) is not NO:
                self.health.failed(keys, failure(kind), self.now, started=self.now)

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 50))
    def an_attempt_is_cancelled(self, which: int) -> None:
        keys, started, _ = self.under_way.pop(which % len(self.under_way))
        self.health.release(keys, started=started)

    @invariant()
    def no_target_has_two_probes_out(self) -> None:
        if not hasattr(self, "under_way"):
            return
        probes = [keys for keys, _, permit in self.under_way if permit is PROBE]
        assert len(probes) == len(set(probes))

    @invariant()
    def a_moment_of_recovery_is_never_past_and_hopeless_targets_are_open(self) -> None:
        for keys in self.targets:
            look = self.health.look(keys, self.now)
            assert look.recovers_at is None or look.recovers_at >= self.now
            assert look.barred or not look.hopeless
            assert bool(look.reason) is (look.barred or look.probing)

    def teardown(self) -> None:
        if not hasattr(self, "under_way"):
            return
        for keys, started, _ in self.under_way:
            self.health.release(keys, started=started)
        for keys in self.targets:
            self.health.probed(keys, self.now, passed=True)
        self.now += 7 * 3600.0
        for _ in range(2):
            for keys in self.targets:
                assert self.health.admit(keys, self.now) is not NO
                self.health.succeeded(keys, self.now, started=self.now)
        assert all(self.health.look(keys, self.now) is HEALTHY for keys in self.targets)


TestBookUnderAnyHistory = BookMachine.TestCase
TestBookUnderAnyHistory.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_any_number_of_models_that_callers_make_up_are_not_kept_for_ever() -> None:
    health = fail(book(), A, OVERLOAD)
    for number in range(3 * MOST_TARGETS):
        health.failed(A._replace(model=f"made-up-{number}"), failure(FailureKind.MODEL_GONE), 1.0, started=1.0)
    kept = [each for each in gc.get_objects() if isinstance(each, TargetHealth) and each.keys.endpoint == A.endpoint]
    assert len(kept) <= MOST_TARGETS
    assert not usable(health, A, 1.0), "what failed is remembered"
