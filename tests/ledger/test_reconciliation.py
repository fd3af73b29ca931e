"""The books against the bill of simulated providers; `python -m benchmarks.reconciliation` does the same for 10,000 attempts."""

from __future__ import annotations

from benchmarks.reconciliation import accounts, faults, run

from segue.ledger.record import Settlement

SEED = 6
"""With which its one wave has refusals, breaks and silence."""


def test_what_is_booked_equals_the_providers_bill_where_settled_and_bounds_it_where_estimated() -> None:
    records, bill = run(50, seed=SEED)
    found = accounts(records, bill)
    assert faults(found) == []
    assert {Settlement.SETTLED, Settlement.ESTIMATED} <= {record.settlement for record in records}
    assert sum(account.exact for account in found.values()) > 20
    charged = next(a.entries[0] for a in found.values() if a.exact and a.entries and a.entries[0].usage.total_tokens)
    bill.remove(charged)
    assert len(faults(accounts(records, bill))) == 1, "a missing entry was not found"
