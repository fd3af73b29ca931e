"""The gateway killed under load; `python -m benchmarks.durability` does the same 200 times, and for an outage of MongoDB."""

from __future__ import annotations

from pathlib import Path

from benchmarks.durability import close_books, faults, kill


async def test_every_answer_that_arrived_before_a_kill_9_has_its_record_and_what_was_open_is_settled(
    tmp_path: Path,
) -> None:
    arrived = await kill(tmp_path, 1, seed=3)
    records = close_books(tmp_path)
    assert len(arrived) > 5, "hardly an answer arrived: the test shows nothing"
    assert faults(arrived, records) == []
    assert any(record.outcome == "lost" for record in records), "nothing was under way when it was killed"
    arrived.append(arrived[0].__class__("unknown", 1, False, 0.0, 0.0))
    assert faults(arrived, records) == ["unknown arrived and has no settled record"]
