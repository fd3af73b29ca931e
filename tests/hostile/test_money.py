"""A caller who asks for a model that is too dear for what is left does not take the credential from all others."""

from __future__ import annotations

from segue.chat.failure import Failure, FailureKind, Scope
from segue.health.book import HealthBook
from segue.health.target import HealthKeys
from segue.policy import Policy

PAYMENT = Failure(kind=FailureKind.MONEY, message="requires more credits", status=402, scope=Scope.CREDENTIAL)
SPENT = Failure(kind=FailureKind.MONEY, message="insufficient_quota", status=429, scope=Scope.CREDENTIAL)


def rested(*failures: tuple[str, Failure]) -> dict[str, bool]:
    book = HealthBook(Policy().breaker)
    keys = {model: HealthKeys("endpoint", "credential", model) for model in ("dear", "dearer", "usual")}
    for model in keys:
        book.admit(keys[model], 0.0)
        book.release(keys[model])
    for model, failure in failures:
        book.failed(keys[model], failure, 1.0)
    return {model: book.look(one, 2.0).barred for model, one in keys.items()}


def test_a_402_rests_the_model_that_was_asked() -> None:
    assert rested(("dear", PAYMENT)) == {"dear": True, "dearer": False, "usual": False}


def test_a_second_models_402_rests_the_credential() -> None:
    assert all(rested(("dear", PAYMENT), ("dearer", PAYMENT)).values())


def test_a_quota_that_is_spent_rests_the_credential_at_once() -> None:
    assert all(rested(("dear", SPENT)).values())
