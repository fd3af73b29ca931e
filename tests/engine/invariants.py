"""What must hold for every request, whatever its providers did. `violations` says what does not, in plain sentences.

1. The text is the reference's, exactly; of an answer that ended with an error, a beginning of it. So is its thinking, where shown.
2. One start, one terminal, tool calls numbered through and valid JSON; no seam in what is given out whole.
3. The next target is asked within a second of a failure, and the request ends by its deadline.
4. No more attempts than chain, rounds, second tries and hedges allow; a barred target sees nothing but its permitted probe.
5. Every attempt is settled once, and what is booked is no less than what the provider charges.
6. No task or connection outlives its request by a tenth of a second.
7. No success without a provider's terminal.
8. If a capable target is healthy, the request is answered: judged by the caller, who knows the script (`must_answer`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from segue.catalog.prices import cost
from segue.chat.events import Finished, Seam, Started, TextDelta, ThinkingDelta
from segue.chat.usage import Usage
from segue.failover.budget import CONTINUATION, HEDGE

from .world import PRICES, Outcome, World

DISPATCH = 1.0
LATE = 0.1
BUDGET = 10.0
EARNED = 0.05


def violations(world: World, outcome: Outcome, *, must_answer: bool | None = None) -> list[str]:
    """Everything that is wrong with a request, after the world has settled. `must_answer` None leaves liveness unjudged."""
    found = [
        *_text(outcome),
        *_thinking(outcome),
        *_order(outcome),
        *_times(outcome),
        *_attempts(outcome),
        *_books(world, outcome),
        *_leftovers(world, outcome),
        *_terminal(world, outcome),
    ]
    if must_answer is True and not outcome.answered:
        found.append(f"8: not answered: {outcome.error!s}")
    return found


def violations_of(world: World) -> Iterator[str]:
    """What is wrong with the world as a whole, once all its requests have ended."""
    for name, provider in world.providers.items():
        for complaint in provider.complaints:
            yield f"1: {name} was {complaint}"
    for trespass in world.health.trespasses:
        yield f"4: {trespass}"
    if left := asyncio.all_tasks() - {asyncio.current_task()}:
        yield f"6: tasks are left: {left}"
    if world.transport.open:
        yield f"6: {len(world.transport.open)} connections are left"
    answered = sum(1 for outcome in world.outcomes for _, end in outcome.ends if end.outcome in ("ok", "cancelled"))
    hedges = sum(
        CONTINUATION if start.continuation else HEDGE
        for outcome in world.outcomes
        for _, start in outcome.starts
        if start.hedge and not world.beside_a_probe(start.attempt_id)
    )
    if hedges > BUDGET + EARNED * answered + 1e-6:
        yield f"4: hedges cost {hedges} for {answered} successes"


def _text(outcome: Outcome) -> Iterator[str]:
    text, wanted = outcome.text, outcome.reference.text
    whole = outcome.answered and not outcome.refused and not _ended_by_tools(outcome)
    if text != wanted if whole else not wanted.startswith(text):
        yield f"1: the text is {text!r}"
    calls = [event.call for event in outcome.calls]
    plain = [(call.name, msgspec.json.decode(call.arguments)) for call in calls]
    expected = [(call.name, msgspec.json.decode(call.arguments)) for call in outcome.reference.calls]
    if plain != (expected if whole else expected[: len(plain)]):
        yield f"1: the tool calls are {calls!r}"


def _thinking(outcome: Outcome) -> Iterator[str]:
    """What was thought since the answer last restarted is the reference's beginning: dialects may hide it, none may mix it."""
    thought = ""
    for event in outcome.events:
        if isinstance(event, Seam) and event.restarted:
            thought = ""
        elif isinstance(event, ThinkingDelta):
            thought += event.text
    if not outcome.reference.thinking.startswith(thought):
        yield f"1: the thinking is {thought!r}"


def _ended_by_tools(outcome: Outcome) -> bool:
    """The turn ended early, with the calls delivered so far."""
    return 0 < len(outcome.calls) < len(outcome.reference.calls)


def _order(outcome: Outcome) -> Iterator[str]:
    events = outcome.events
    starts = [place for place, event in enumerate(events) if isinstance(event, Started)]
    finishes = [place for place, event in enumerate(events) if isinstance(event, Finished)]
    if starts != ([0] if events else []):
        yield f"2: starts at {starts}"
    if outcome.answered and finishes != [len(events) - 1]:
        yield f"2: terminals at {finishes} of {len(events)} events"
    if not outcome.answered and finishes and not outcome.cancelled:
        yield "2: an error after the terminal"
    if [event.index for event in outcome.calls] != [*range(len(outcome.calls))]:
        yield "2: tool calls are not numbered through"
    seams = [event for event in events if isinstance(event, Seam)]
    if sum(not seam.restarted for seam in seams) > outcome.job.policy.continuations:
        yield f"2: {len(seams)} seams"
    if seams and outcome.job.hold:
        yield "2: a seam in an answer that was to be given out whole"
    shown = 0
    for event in events:
        if isinstance(event, Seam) and event.at != (0 if event.restarted else shown):
            yield f"2: a seam at {event.at} instead of {shown}"
        shown += len(event.text) if isinstance(event, TextDelta) else 0


def _times(outcome: Outcome) -> Iterator[str]:
    for failed, name in outcome.askable:
        next_start = min((at for at, _ in outcome.starts if at >= failed), default=float("inf"))
        if min(next_start, outcome.ended) > failed + DISPATCH:
            yield f"3: a failure at {failed:.2f} and nothing until {next_start:.2f}, although {name} could be asked"
    deadline = outcome.job.policy.deadline
    if deadline is not None and outcome.ended > outcome.began + deadline + LATE:
        yield f"3: took {outcome.ended - outcome.began:.2f} s of {deadline:g}"


def _attempts(outcome: Outcome) -> Iterator[str]:
    report = outcome.relay.report
    hedges = sum(start.hedge for _, start in outcome.starts)
    if hedges != report.hedges:
        yield f"4: {hedges} hedges, {report.hedges} reported"
    # In a round each target is asked once, and once more after a blip or without what it refused.
    most = 2 * len(outcome.job.targets) * report.rounds + hedges
    if len(outcome.starts) > most:
        yield f"4: {len(outcome.starts)} attempts, {most} allowed"
    if report.rounds > outcome.job.policy.rounds:
        yield f"4: {report.rounds} rounds"


def _books(world: World, outcome: Outcome) -> Iterator[str]:
    started = [start.attempt_id for _, start in outcome.starts]
    ended = [end.start.attempt_id for _, end in outcome.ends]
    if sorted(started) != sorted(ended):
        yield f"5: {len(started)} attempts began, {len(ended)} ended"
    for attempt in started:
        if world.store.settlements.get(attempt) != 1:
            yield f"5: attempt {attempt} was settled {world.store.settlements.get(attempt, 0)} times"
    booked = world.cost(outcome)
    billed: dict[str, Usage] = {}
    for service in world.services(outcome):
        billed[service.provider] = billed.get(service.provider, Usage()) + service.billed
    for name, usage in billed.items():
        due = cost(usage, PRICES["*"])
        if booked.get(name, Decimal(0)) < due:
            yield f"5: {name} charges {due} for {usage}, booked are {booked.get(name, 0)}"


def _leftovers(world: World, outcome: Outcome) -> Iterator[str]:
    for service in world.services(outcome):
        closed = service.exchange.closed
        if closed is None or closed > outcome.ended + LATE:
            yield f"6: a connection to {service.provider} is open after the end"


def _terminal(world: World, outcome: Outcome) -> Iterator[str]:
    if not outcome.answered or outcome.refused:
        return
    if outcome.calls:  # a turn may end with the calls that were delivered
        return
    spoke = outcome.relay.report.target
    if not any(service.finished for service in world.services(outcome) if service.provider == spoke):
        yield f"7: success, although {spoke} never sent its terminal"
