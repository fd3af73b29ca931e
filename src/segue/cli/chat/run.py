"""One question to the chain, with all that is shown of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from segue.answer import Answer
from segue.catalog.providers import LOCAL
from segue.chat.events import TextDelta
from segue.cli.chat.advice import advice
from segue.cli.cleaning import clean
from segue.cli.display import attempts_table, label, notes, write_json
from segue.cli.held import held_warnings
from segue.cli.progress import Waiting
from segue.cli.simulated import NO_KEY, chain_names, ready
from segue.client import Segue
from segue.embedded.model_file import SMALL_MODEL, is_installed, model_file
from segue.errors import AttemptSummary, ConfigurationError, InvalidRequestError, LLMServiceUnavailableError
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.ledger.daily import Where
from segue.ledger.record import AttemptRecord
from segue.settings import Settings
from segue.settings_loading import load

PACE = 0.015
"""Seconds between the tokens of a stand-in, so that its answer is seen to stream."""


def converse(
    question: str,
    options: dict[str, Any],
    *,
    chain: str | None,
    local: bool,
    sandbox: bool,
    faults: Sequence[str],
    as_json: bool,
) -> None:
    """Asks, and shows the answer. What `Segue.stream` raises goes on, once what there is to show was shown.

    With `local` the chain is the model on this machine, by default the small one.
    """
    settings = with_local_model(load()) if local else load()
    names = chain_names(settings, chain)
    if chain is not None:
        options["chain"] = names if "," in chain else chain
    pace = 0.0 if as_json else PACE
    with held_warnings(), ready(settings, names, forced=sandbox, faults=faults, delay=pace) as (settings, notice):
        if notice:
            click.echo(notice, err=True)
            if notice == NO_KEY and is_installed():
                click.echo("a small real model is installed: --local asks it", err=True)
        conversation = _Conversation(settings, simulated=bool(notice), as_json=as_json)
        try:
            conversation.ask(question, options)
        finally:
            conversation.close()


def with_local_model(settings: Settings) -> Settings:
    """The settings with a target `local` that is a file on this machine. Raises `ConfigurationError` where the file isn't there."""
    target = settings.target(LOCAL)
    file = target.file or SMALL_MODEL
    model_file(file)
    target = msgspec.structs.replace(target, file=file)
    return msgspec.structs.replace(settings, targets={**settings.targets, LOCAL: target})


class _Conversation:
    def __init__(self, settings: Settings, *, simulated: bool, as_json: bool) -> None:
        self._waiting = Waiting()
        self._requests = _Requests(self._waiting)
        self._all_simulated = simulated
        self._simulated = frozenset(name for name, target in settings.targets.items() if target.simulated)
        self._as_json = as_json
        self._client = Segue(settings, listeners=[self._requests])

    def ask(self, question: str, options: dict[str, Any]) -> None:
        try:
            if self._as_json:
                _print_json(self._document(self._client.complete(question, **options)))
            else:
                self._show(self._stream(question, options))
        except (LLMServiceUnavailableError, InvalidRequestError) as error:
            if self._as_json:
                rows = self._rows(error.attempts)
                _print_json({"error": error.message, "simulated": self._all_simulated, "attempts": rows})
            for line in advice(error.attempts, self._client.settings):
                error.add_note(line)
            error.attempts = self._labelled(error.attempts)
            raise

    def close(self) -> None:
        self._waiting.close()
        self._client.close()

    def _stream(self, question: str, options: dict[str, Any]) -> Answer:
        stream = self._client.stream(question, **options)
        last = "\n"
        try:
            for event in stream:
                if isinstance(event, TextDelta) and event.text:
                    self._waiting.close()
                    sys.stdout.write(clean(event.text))
                    sys.stdout.flush()
                    last = event.text
        finally:
            if not last.endswith("\n"):
                sys.stdout.write("\n")
                sys.stdout.flush()
        return stream.answer

    def _show(self, answer: Answer) -> None:
        notes.print()
        notes.print(self._title(answer), style="bold", markup=False)
        try:
            ledger = self._client.ledger
            records = [record for id in self._requests.ids for record in ledger.records(where=Where(request_id=id))]
        except ConfigurationError:  # the ledger can't be read, which is reported below
            records = self._requests.records
        for shown in attempts_table(answer.attempts, records, simulated=self._simulated):
            notes.print(shown)

    def _title(self, answer: Answer) -> str:
        title = f"answered by {label(answer.target, answer.simulated)}"
        if answer.seams:
            title += f", {answer.seams} seam{'s' if answer.seams > 1 else ''}"
        if answer.finish_reason != "stop":
            title += f", ended by {answer.finish_reason}"
        if answer.omitted:
            title += f", without {', '.join(answer.omitted)} (not taken by this model)"
        return title + ("; nothing was charged" if self._all_simulated else "")

    def _document(self, answer: Answer) -> dict[str, Any]:
        return {
            "text": answer.text,
            "target": answer.target,
            "model": answer.model,
            "simulated": answer.simulated,
            "finish_reason": answer.finish_reason,
            "refusal": answer.refusal,
            "usage": answer.usage,
            "cost": answer.cost,
            "cost_bound": answer.cost_bound,
            "seams": answer.seams,
            "hedges": answer.hedges,
            "rounds": answer.rounds,
            "omitted": answer.omitted,
            "route": answer.route,
            "request_id": answer.request_id,
            "attempts": self._rows(answer.attempts),
        }

    def _rows(self, attempts: Sequence[AttemptSummary]) -> list[dict[str, Any]]:
        return [
            msgspec.structs.asdict(attempt) | {"simulated": attempt.target in self._simulated} for attempt in attempts
        ]

    def _labelled(self, attempts: Sequence[AttemptSummary]) -> tuple[AttemptSummary, ...]:
        """For the error's text, in which a stand-in must be recognisable, too."""
        return tuple(
            msgspec.structs.replace(attempt, target=label(attempt.target, attempt.target in self._simulated))
            for attempt in attempts
        )


class _Requests:
    """A listener that remembers which requests were made, and says who is being asked while nothing has arrived."""

    def __init__(self, waiting: Waiting) -> None:
        self.ids: dict[str, None] = {}
        self.records: list[AttemptRecord] = []
        self._waiting = waiting
        self._failed = ""

    def attempt_started(self, start: AttemptStart) -> None:
        self.ids[start.request_id] = None
        asked = f"asking {label(start.target.name, start.target.simulated)} ({start.target.model.id}) …"
        self._waiting.say(f"{self._failed}; {asked}" if self._failed else asked)

    def attempt_ended(self, end: AttemptEnd) -> None:
        if end.failure is not None:
            self._failed = f"{end.start.target.name}: {end.failure.message}"

    def attempt_booked(self, _: AttemptEnd, record: AttemptRecord) -> None:
        self.records.append(record)


def _print_json(document: dict[str, Any]) -> None:
    write_json(document)
