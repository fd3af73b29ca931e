"""Segue's books against the bill of simulated providers, attempt by attempt.

    python -m benchmarks.reconciliation [--attempts 10000]        # about two minutes

The sandbox's three providers keep their own bill: what each request made them generate, read or not. Callers ask for
streams and whole answers while the providers refuse, break off, stall, send nonsense and fall silent at random; some callers leave
half-way; hedges and continuations follow. Then, for every request and provider:

- where every attempt is settled or free, what is booked equals the bill to the last pico-dollar;
- where one is estimated, the bill is not above what is settled plus the bounds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from segue.catalog.prices import UnitPrices
from segue.client import Segue
from segue.errors import SegueError
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.memory import MemoryStore
from segue.policy import BreakerPolicy, Policy, StallPolicy
from segue.sandbox import Sandbox
from segue.sandbox.bill import BillEntry
from segue.settings import Settings

PRICES = {
    "gemini": {"input": "0.30", "output": "2.50", "cache_read": "0.03"},
    "openai": {"input": "2.00", "output": "8.00"},
    "claude": {"input": "3.00", "output": "15.00", "cache_write": "3.75", "cache_write_1h": "6.00"},
}
"""US dollars a million tokens."""

POLICY = Policy(
    deadline=4.0,
    round_wait=(0.05, 0.1),
    quick_retry=(0.001, 0.01),
    breaker=BreakerPolicy(consecutive=50, minimum=500, open_for=(0.2,)),
    stall=StallPolicy(
        first_hedge=(0.05, 0.1), first_hedge_unknown=0.1, first_give_up=0.4, gap_hedge=(0.05, 0.1), gap_give_up=0.4
    ),
)
"""Impatient, and slow to open a breaker, so that many attempts run into the provider's faults."""

FAULTS = (
    "cut:after=4", "drop:after=7", "break:after=2", "error_event:after=5", "raw_error:after=3", "malformed:after=6",
    "freeze:after=5", "stall:after=4,seconds=0.3", "silence", "role_only", "empty", "garbage", "hang", "reset", "split",
    "rate", "error", "bad_gateway", "unavailable", "overloaded",
)  # fmt: skip
SHARE = 0.3
"""Of a provider's requests that its fault strikes."""
WAVE = 100
"""Requests at once, between two changes of the faults."""
LEAVE = 0.15
"""Share of callers who leave half-way."""


class Account(msgspec.Struct, kw_only=True):
    """A request's dealings with one provider."""

    records: list[AttemptRecord] = []
    entries: list[BillEntry] = []

    @property
    def exact(self) -> bool:
        """Whether nothing of it is estimated."""
        return all(record.settlement in (Settlement.SETTLED, Settlement.FREE) for record in self.records)


async def ask(segue: Segue, number: int, rng: random.Random) -> None:
    """One caller: a whole answer or a stream, read to its end or not."""
    prompt = f"#{number} " + "Tell me of the sea. " * rng.randint(1, 30)
    options = {"max_tokens": rng.randint(5, 60), "metadata": {"number": str(number)}}
    try:
        if rng.random() < 0.3:
            async with asyncio.timeout(0.02 if rng.random() < LEAVE else None):
                await segue.acomplete(prompt, **options)
            return
        leave_after = rng.randint(1, 12) if rng.random() < LEAVE else None
        async with segue.stream(prompt, **options) as stream:
            seen = 0
            while events := await stream.batch():
                seen += len(events)
                if leave_after is not None and seen >= leave_after:
                    return
    except (SegueError, TimeoutError):
        pass


async def traffic(box: Sandbox, store: MemoryStore, attempts: int, seed: int) -> None:
    """Requests until so many attempts are booked."""
    rng = random.Random(seed)
    settings = msgspec.structs.replace(
        box.settings(Settings()), policy=POLICY, prices={f"{name}/*": table for name, table in PRICES.items()}
    )
    segue = Segue(settings, ledger=store)
    await segue.warm_up()
    number = 0
    while len(store.records(limit=None)) < attempts:
        for name in PRICES:
            await asyncio.to_thread(_change, box, name, rng.choice((None, *FAULTS)))
        await asyncio.gather(*(ask(segue, number + place, rng) for place in range(WAVE)))
        number += WAVE
    await segue.aclose()


def _change(box: Sandbox, name: str, fault: str | None) -> None:
    if fault is None:
        box.heal(name)
    else:
        box.break_provider(name, f"{fault}{',' if ':' in fault else ':'}probability={SHARE}")


def run(attempts: int, seed: int) -> tuple[list[AttemptRecord], list[BillEntry]]:
    """The books and the bill of so many attempts."""
    store = MemoryStore(limit=None)
    with Sandbox(reply="prose", seed=seed, delay=0.002) as box:
        asyncio.run(traffic(box, store, attempts, seed))
        time.sleep(0.5)  # until providers have noticed who left
        bill = list(box.bill)
    return store.records(limit=None), bill


def accounts(records: Iterable[AttemptRecord], bill: Iterable[BillEntry]) -> dict[tuple[str, str], Account]:
    """By the request's number and provider."""
    found: dict[tuple[str, str], Account] = defaultdict(Account)
    for record in records:
        found[record.metadata["number"], record.provider].records.append(record)
    for entry in bill:
        found[entry.prompt.split(" ")[0].removeprefix("#"), entry.provider].entries.append(entry)
    return found


def unit_prices() -> dict[str, UnitPrices]:
    million = Decimal(1_000_000)
    return {
        name: UnitPrices(**{kind: Decimal(price) / million for kind, price in table.items()})
        for name, table in PRICES.items()
    }


def faults(found: dict[tuple[str, str], Account]) -> list[str]:
    """Where books and bill disagree."""
    wrong = []
    prices = unit_prices()
    for (number, provider), account in found.items():
        billed = sum((entry.charge(prices[provider]) for entry in account.entries), Decimal(0))
        settled = sum((record.cost or Decimal(0) for record in account.records), Decimal(0))
        most = sum((record.bound or record.cost or Decimal(0) for record in account.records), Decimal(0))
        if account.exact and settled != billed:
            wrong.append(f"request {number} at {provider}: booked {settled}, billed {billed}: {_how(account)}")
        elif billed > most:
            wrong.append(f"request {number} at {provider}: at most {most}, billed {billed}: {_how(account)}")
    return wrong


def _how(account: Account) -> str:
    booked = ", ".join(f"{record.outcome} {record.settlement}" for record in account.records)
    billed = ", ".join(f"{entry.status} {entry.fault} {entry.usage.total_tokens}" for entry in account.entries)
    return f"[{booked}] against [{billed}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    records, bill = run(options.attempts, options.seed)
    found = accounts(records, bill)
    wrong = faults(found)
    prices = unit_prices()
    exact = [account for account in found.values() if account.exact]
    loose = [account for account in found.values() if not account.exact]
    print(f"{len(records)} attempts: {dict(Counter(record.settlement.options for record in records))}")
    print(f"  {dict(Counter(record.outcome for record in records))}")
    print(f"  {sum(r.hedge for r in records)} hedges, {sum(r.continuation for r in records)} continuations")
    for name, group in (("settled and free", exact), ("with an estimate", loose)):
        booked = sum((r.cost or Decimal(0) for a in group for r in a.records), Decimal(0))
        most = sum((r.bound or r.cost or Decimal(0) for a in group for r in a.records), Decimal(0))
        billed = sum((e.charge(prices[e.provider]) for a in group for e in a.entries), Decimal(0))
        print(f"{name}: {len(group)} accounts, booked ${booked}, billed ${billed}, at most ${most}")
    print("\n".join(wrong[:20]) or "books and bill agree: equal where settled, within the bound where estimated")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
