from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from segue.errors import InvalidRequestError
from segue.server.auth import Gatekeeper
from segue.server.keys.sqlite import FileKeyRing
from segue.wire.dialects import ingress


@pytest.fixture
def ring(tmp_path: Path) -> FileKeyRing:
    return FileKeyRing(tmp_path / "keys.sqlite3")


@pytest.fixture
def keeper(ring: FileKeyRing) -> Gatekeeper:
    return Gatekeeper(ring)


def admit(keeper: Gatekeeper, id: str, model: str = "auto", *, now: float = 0.0) -> None:
    keeper.admit(id, model, now=now)


def refusal(keeper: Gatekeeper, id: str, model: str = "auto", **moment: float) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        admit(keeper, id, model, **moment)
    return caught.value


# Who it is, and what it may ask for.


def test_a_known_key_is_identified(ring: FileKeyRing, keeper: Gatekeeper) -> None:
    key, secret = ring.create("n")
    assert keeper.identify(secret.reveal()) == key.id


@pytest.mark.parametrize(
    ("presented", "pattern"), [("", "Authorization: Bearer"), ("sk-segue-guess", "is unknown or was revoked")]
)
def test_any_other_is_refused_without_repeating_it(keeper: Gatekeeper, presented: str, pattern: str) -> None:
    with pytest.raises(InvalidRequestError, match=pattern) as caught:
        keeper.identify(presented)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert not presented or presented not in str(caught.value)


def test_a_key_that_is_revoked_while_its_request_is_read_is_refused(ring: FileKeyRing, keeper: Gatekeeper) -> None:
    key, secret = ring.create("n")
    assert keeper.identify(secret.reveal()) == key.id
    ring.revoke(key.id)
    assert refusal(keeper, key.id).status == 401
    assert refusal(keeper, "key_unheard_of").status == 401


def test_a_key_for_some_models_may_ask_for_no_other(ring: FileKeyRing, keeper: Gatekeeper) -> None:
    id = ring.create("ci", models=["default", "openai/gpt-6-luna"])[0].id
    for allowed in ("", "auto", "default", "openai/gpt-6-luna", "models/openai/gpt-6-luna"):
        admit(keeper, id, allowed)
    refused = refusal(keeper, id, "gpt-6-luna")
    assert (refused.status, refused.param, refused.code) == (403, "model", "model_not_allowed")
    assert "use default or openai/gpt-6-luna" in str(refused)


def test_a_key_without_models_may_ask_for_all(ring: FileKeyRing, keeper: Gatekeeper) -> None:
    admit(keeper, ring.create("n")[0].id, "anything")


# The rate.


def test_no_more_than_the_rate_is_admitted_in_any_sixty_seconds(ring: FileKeyRing, keeper: Gatekeeper) -> None:
    id = ring.create("n", rate=3)[0].id
    admitted: list[float] = []
    for tenth in range(3000):
        now = tenth / 10
        try:
            admit(keeper, id, now=now)
            admitted.append(now)
        except InvalidRequestError:
            assert sum(before > now - 60 for before in admitted) == 3
    assert len(admitted) == 15
    assert all(sum(moment <= other < moment + 60 for other in admitted) <= 3 for moment in admitted)


def test_a_refusal_for_the_rate_says_when_to_come_again_and_that_is_true(ring: FileKeyRing, keeper: Gatekeeper) -> None:
    id = ring.create("n", rate=2)[0].id
    admit(keeper, id, now=0.0)
    admit(keeper, id, now=15.0)
    refused = refusal(keeper, id, now=20.0)
    assert (refused.status, refused.code, refused.retry_after) == (429, "rate_limit_exceeded", 40.0)
    admit(keeper, id, now=60.0)
    assert refusal(keeper, id, now=60.0).retry_after == 15.0


def test_each_key_has_a_rate_of_its_own_and_refused_requests_do_not_count(
    ring: FileKeyRing, keeper: Gatekeeper
) -> None:
    id = ring.create("n", rate=1, models=["auto"])[0].id
    for _ in range(3):
        assert refusal(keeper, id, "other").status == 403
    admit(keeper, id)
    admit(keeper, ring.create("m", rate=1)[0].id)
    assert refusal(keeper, id).status == 429


def test_a_key_with_a_budget_is_admitted_with_it(ring: FileKeyRing, keeper: Gatekeeper) -> None:
    key = ring.create("ci", daily_budget=Decimal("2.5"))[0]
    (budget,) = keeper.admit(key.id, "auto", now=0.0)
    assert (budget.name, budget.pico, budget.label) == (f"key:{key.id}", 2_500_000_000_000, "the key 'ci'")
    assert keeper.admit(ring.create("free")[0].id, "auto", now=0.0) == ()


# In each dialect.


@pytest.mark.parametrize(
    ("dialect", "kinds"),
    [
        ("openai_chat", ["invalid_request_error", "invalid_request_error", "rate_limit_error"]),
        ("claude", ["authentication_error", "permission_error", "rate_limit_error"]),
        ("gemini", ["UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"]),
    ],
)
def test_refusals_have_their_dialects_kind_and_the_time_to_wait(
    ring: FileKeyRing, keeper: Gatekeeper, dialect: str, kinds: list[str]
) -> None:
    import msgspec

    id = ring.create("n", rate=1, models=["auto"])[0].id
    admit(keeper, id)
    refused = [refusal(keeper, "?"), refusal(keeper, id, "m"), refusal(keeper, id, now=18.5)]
    answers = [ingress(dialect).error(error) for error in refused]
    errors = [msgspec.json.decode(body)["error"] for _, _, body in answers]
    assert [error.get("status" if dialect == "gemini" else "type") for error in errors] == kinds
    assert [status for status, _, _ in answers] == [401, 403, 429]
    assert [headers.get("retry-after") for _, headers, _ in answers] == [None, None, "42"]
    assert not any("x-should-retry" in headers for _, headers, _ in answers)


@pytest.mark.parametrize("dialect", ["openai_chat", "claude", "gemini"])
def test_a_caller_who_would_wait_for_hours_is_asked_not_to_try_again(dialect: str) -> None:
    error = InvalidRequestError("spent", status=429, code="insufficient_quota", retry_after=43200.0)
    _, headers, _ = ingress(dialect).error(error)
    assert (headers["retry-after"], headers["x-should-retry"]) == ("43200", "false")
