"""`segue chat`: one question, answered by the chain."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segue.cli.standin import chain_names, ready
from segue.cli.status import guarded
from segue.errors import ConfigurationError, InvalidRequestError, LLMServiceUnavailableError

if TYPE_CHECKING:
    from segue.answer import Answer
    from segue.client import Segue
    from segue.errors import AttemptSummary
    from segue.failover.listener import AttemptEnd, AttemptStart
    from segue.ledger.record import AttemptRecord

PACE = 0.015
"""Seconds between the tokens of a stand-in, so that its answer is seen to stream."""


@guarded
def chat(
    prompt: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    chain: Annotated[str | None, typer.Option(help="A chain of segue.toml, or targets: claude,openai")] = None,
    model: Annotated[str | None, typer.Option(help="Another model for the first target.")] = None,
    system: Annotated[str | None, typer.Option(help="A system text before the question.")] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds for the whole request.", min=0.001)] = None,
    no_fallback: Annotated[bool, typer.Option("--no-fallback", help="Ask the first target only.")] = False,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--break",
            metavar="NAME[=FAULT]",
            help="Let stand-ins answer, and break one; see segue sandbox --list-faults.",
        ),
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Let stand-ins answer though a key is set.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole answer as JSON, instead of its text as it comes.")
    ] = False,
) -> None:
    """Ask once; the answer streams to standard output, what became of each attempt is told on standard error."""
    from segue.settings import load

    question = sys.stdin.read() if prompt == "-" else prompt
    if not question.strip():
        raise ConfigurationError("there is no question: give it as text, or - to read it from standard input")
    settings = load()
    names = chain_names(settings, chain)
    options: dict[str, Any] = {"model": model, "system": system, "deadline": deadline}
    options = {name: value for name, value in options.items() if value is not None}
    if chain is not None:
        options["chain"] = chain if chain in settings.chains else names
    if no_fallback:
        options["fallback"] = False
    pace = 0.0 if as_json else PACE
    with ready(settings, names, forced=sandbox, faults=faults or (), delay=pace) as (settings, notice):
        _Conversation(settings, notice, as_json=as_json).ask(question, options)


class _Conversation:
    """One question with all that is shown of it."""

    def __init__(self, settings: Any, notice: str, *, as_json: bool) -> None:
        from segue.client import Segue
        from segue.ledger.stores.memory import MemoryStore

        self._watch = _Watch()
        self._notice = notice
        self._as_json = as_json
        self._simulated = frozenset(name for name, target in settings.targets.items() if target.simulated)
        # The books are the user's; what stand-ins do is no business of theirs.
        ledger = MemoryStore() if notice else None
        self._client: Segue = Segue(settings, ledger=ledger, listeners=[self._watch])

    def ask(self, question: str, options: dict[str, Any]) -> None:
        try:
            if self._notice:
                typer.echo(self._notice, err=True)
            answer = self._client.complete(question, **options) if self._as_json else self._stream(question, options)
        except (LLMServiceUnavailableError, InvalidRequestError) as error:
            if self._as_json:
                self._print_json({"error": error.message, "attempts": self._rows(error.attempts)})
            error.attempts = self._labelled(error.attempts)
            raise
        else:
            self._show(answer)
        finally:
            self._client.close()

    def _stream(self, question: str, options: dict[str, Any]) -> Answer:
        from segue.chat.events import TextDelta

        stream = self._client.stream(question, **options)
        written = ""
        try:
            for event in stream:
                if isinstance(event, TextDelta):
                    sys.stdout.write(event.text)
                    sys.stdout.flush()
                    written = event.text or written
        finally:
            if written and not written.endswith("\n"):
                sys.stdout.write("\n")
                sys.stdout.flush()
        return stream.answer

    def _show(self, answer: Answer) -> None:
        if self._as_json:
            self._print_json(self._document(answer))
            return
        from segue.cli.display import attempts_table, label, notes

        title = f"answered by {label(answer.target, answer.simulated)}"
        if answer.finish_reason != "stop":
            title += f", ended by {answer.finish_reason}"
        if answer.seams:
            title += f", {answer.seams} seam{'s' if answer.seams > 1 else ''}"
        if answer.omitted:
            title += f", without {', '.join(answer.omitted)} (not taken by this model)"
        if self._simulated:
            title += "; nothing was charged"
        notes.print()
        notes.print(title, style="bold", markup=False)
        for shown in attempts_table(answer.attempts, self._records(), simulated=self._simulated):
            notes.print(shown)

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
            "seams": answer.seams,
            "hedges": answer.hedges,
            "rounds": answer.rounds,
            "omitted": answer.omitted,
            "request_id": answer.request_id,
            "attempts": self._rows(answer.attempts),
        }

    def _rows(self, attempts: tuple[AttemptSummary, ...]) -> list[dict[str, Any]]:
        import msgspec

        simulated = self._simulated
        return [msgspec.structs.asdict(attempt) | {"simulated": attempt.target in simulated} for attempt in attempts]

    def _labelled(self, attempts: tuple[AttemptSummary, ...]) -> tuple[AttemptSummary, ...]:
        """For the error's text, in which a stand-in must be told from a provider, too."""
        import msgspec

        from segue.cli.display import label

        return tuple(
            msgspec.structs.replace(attempt, target=label(attempt.target, attempt.target in self._simulated))
            for attempt in attempts
        )

    def _print_json(self, document: dict[str, Any]) -> None:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())

    def _records(self) -> list[AttemptRecord]:
        from segue.ledger.store import Where

        return [
            record
            for request in self._watch.requests
            for record in self._client.ledger.records(where=Where(request_id=request))
        ]


class _Watch:
    """A listener that remembers which requests were made."""

    def __init__(self) -> None:
        self.requests: dict[str, None] = {}

    def attempt_started(self, start: AttemptStart) -> None:
        self.requests[start.request_id] = None

    def attempt_ended(self, end: AttemptEnd) -> None:
        """What became of it is in the answer and in the books."""
