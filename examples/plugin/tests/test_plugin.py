"""What `segue.testing` asks of a plug-in of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from segue_example.dialect import Ingress, Upstream
from segue_example.policy import alphabetical
from segue_example.store import JsonlStore

from segue.ext import Finished, FinishReason, TextDelta
from segue.testing import check_ingress, check_policy, check_upstream
from segue.testing.stores import LedgerStoreContract

ANSWER = '{"say": "Gute "}\n{"say": "Nacht, 안녕"}\n{"end": "stop", "read": 3, "wrote": 2}\n'.encode()


def test_the_dialect_is_understood_however_it_is_split_and_never_passes_cut() -> None:
    check_upstream(Upstream(), answer=ANSWER, content_type="application/x-ndjson", text="Gute Nacht, 안녕")


def test_the_dialect_is_answered() -> None:
    streamed, whole = check_ingress(
        Ingress(),
        path="/v1/ask",
        body=b'{"model": "m", "turns": [["user", "Hello"]]}',
        events=[TextDelta("Hel"), TextDelta("lo"), Finished(FinishReason.STOP)],
    )
    assert streamed == whole == b'{"say": "Hel"}\n{"say": "lo"}\n{"end": "stop", "read": 0, "wrote": 0}\n'


def test_the_policy_orders() -> None:
    check_policy(alphabetical)


class TestTheStore(LedgerStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[JsonlStore]:
        store = JsonlStore(tmp_path / "attempts.jsonl")
        yield store
        store.close()
