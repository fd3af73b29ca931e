"""Structured logs: a line for each request and each attempt, and what makes lines of them.

`RequestLog` is a listener that logs to `segue.request` and `segue.attempt`, in the standard library's way: the
application's own handlers see a short message, and the fields as the record's attribute `segue`. `configure_logging` gives the logger `segue` a handler
that writes each record as one line of JSON, or of text; the root logger is never touched. What it writes has no secrets in it.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TextIO

import msgspec

from segue.failover.hooks import AttemptEnd, AttemptStart, RequestEnd
from segue.ledger.record import AttemptRecord
from segue.ledger.recorder import UNKNOWN, RequestCost
from segue.monitoring.redaction import Redactor, redactor_of
from segue.settings import Settings
from segue.settings_loading import load

requests = logging.getLogger("segue.request")
attempts = logging.getLogger("segue.attempt")

BODY: Final = 32_768
"""Characters of a request or an answer that are logged, if any are."""
MARGIN: Final = 512
"""Characters beyond `BODY` that are looked at."""
WAITING: Final = 10_000
"""Lines that wait for a slow reader before lines are dropped: a log that can't be written must not hold up an answer."""

_ROUND: Final = 6
"""Digits of a second."""


class RequestLog:
    """A listener that logs each attempt once it is booked, and each request once it is over.

    `bodies`: with what was asked and answered. `cost` says what a request has cost, as far as it is known.
    """

    def __init__(
        self, redact: Redactor, *, bodies: bool = False, cost: Callable[[str], RequestCost] = lambda _: UNKNOWN
    ) -> None:
        self._redact = redact
        self._bodies = bodies
        self._cost = cost

    def attempt_started(self, start: AttemptStart) -> None:
        pass

    def attempt_ended(self, end: AttemptEnd) -> None:
        pass

    def attempt_booked(self, end: AttemptEnd, record: AttemptRecord) -> None:
        level = logging.INFO if end.failure is None else logging.WARNING
        if not attempts.isEnabledFor(level):
            return
        fields: dict[str, Any] = {
            "event": "attempt",
            "request_id": record.request_id,
            "attempt_id": record.attempt_id,
            "chain": record.chain,
            "target": record.target,
            "provider": record.provider,
            "model": self._redact.name(record.model),
            "outcome": str(record.outcome),
            "seconds": round(record.seconds, _ROUND),
        }
        if record.first_content is not None:
            fields["first_content"] = round(record.first_content, _ROUND)
        if record.status is not None:
            fields["status"] = record.status
        if end.failure is not None:
            fields["reason"] = self._redact(end.failure.message)
        fields |= _usage(record)
        fields["settlement"] = record.settlement.value
        fields |= _money(record.cost, record.most)
        if record.key:
            fields["key_id"] = record.key
        fields |= {name: True for name in ("hedge", "continuation", "shown", "simulated") if getattr(record, name)}
        if self._bodies and end.text:
            fields["answer"] = self._body(end.text)
        attempts.log(
            level,
            "attempt at %s: %s after %.2f s (request %s)",
            record.target,
            record.outcome,
            record.seconds,
            record.request_id,
            extra={"segue": fields},
        )

    def request_ended(self, end: RequestEnd) -> None:
        level = logging.ERROR if end.outcome == "failed" else logging.INFO
        if not requests.isEnabledFor(level):
            return
        start = end.start
        fields: dict[str, Any] = {
            "event": "request",
            "request_id": start.request_id,
            "chain": start.chain,
            **{name: value for name in ("policy", "route") if (value := start.metadata.get(f"segue_{name}"))},
            "target": end.target,
            "model": self._redact.name(end.model),
            "outcome": end.outcome,
            "seconds": round(end.seconds, _ROUND),
        }
        if end.first_content is not None:
            fields["first_content"] = round(end.first_content, _ROUND)
        if end.error is not None:
            fields["error"] = type(end.error).__name__
            fields["reason"] = self._redact(str(end.error))
        fields["attempts"] = len(end.attempts)
        fields |= {name: count for name in ("seams", "hedges") if (count := getattr(end, name))}
        if end.rounds > 1:
            fields["rounds"] = end.rounds
        fields |= _usage(end)
        fields |= _money(*self._cost(start.request_id))
        if key := start.metadata.get("key"):
            fields["key_id"] = key
        if self._bodies:
            fields["messages"] = self._body(msgspec.json.encode(start.request.messages).decode())
            fields["answer"] = self._body(end.text)
        requests.log(
            level,
            "request %s: %s by %s after %.2f s, %d attempts",
            start.request_id,
            end.outcome,
            end.target or "no target",
            end.seconds,
            len(end.attempts),
            extra={"segue": fields},
        )

    def _body(self, text: str) -> str:
        if len(text) <= BODY:
            return self._redact(text)
        # A little more than is kept, so that a secret at the end is known as one before it is cut.
        return f"{self._redact(text[: BODY + MARGIN])[:BODY]}… ({len(text)} characters)"


def _money(cost: Decimal | None, bound: Decimal | None) -> dict[str, float | None]:
    """The cost, and beside an estimate the most that can have been billed."""
    fields = {"cost": None if cost is None else float(cost)}
    return fields if bound in (cost, None) else {**fields, "cost_bound": float(bound)}


def _usage(source: AttemptRecord | RequestEnd) -> dict[str, int]:
    """The counts that are not 0, by the names of `Usage`."""
    return {name: count for name in source.usage.__struct_fields__ if (count := getattr(source.usage, name))}


class LineFormatter(logging.Formatter):
    """A record as one line without secrets: `as_json`, or as text with `name=value` for each field."""

    def __init__(self, redact: Redactor, *, as_json: bool) -> None:
        super().__init__()
        self._redact = redact
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] | None = getattr(record, "segue", None)
        result = fields if fields is not None else {"event": "message", "message": record.getMessage()}
        if record.exc_info:
            result = {**result, "traceback": self.formatException(record.exc_info)}
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level = record.levelname.lower()
        if self._as_json:
            line = msgspec.json.encode({"time": moment, "level": level, "logger": record.name, **result}).decode()
        else:
            words = " ".join(f"{name}={_word(value)}" for name, value in result.items() if name != "event")
            line = f"{moment} {level:7} {result['event']} {words}"
        # What `RequestLog` makes of free text is clean already; what others say is not.
        return self._redact.known(line) if fields is not None and not record.exc_info else self._redact(line)


def _word(value: Any) -> str:
    """A value on one line, quoted where it has spaces in it."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if isinstance(value, str) and (not text or not text.isprintable() or " " in text or '"' in text):
        return msgspec.json.encode(text).decode()
    return text


class LineHandler(logging.Handler):
    """Writes lines to `stream` from its own thread: logging never waits for the disk or for a reader.

    More than `WAITING` lines are dropped, and their number is logged once there is room again.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._begin()
        atexit.register(self.flush)
        _handlers.add(self)

    def _begin(self) -> None:
        self._lines: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="segue-log", daemon=True)

    def after_fork(self) -> None:
        """In the child: the thread stayed with the parent, and so did the lines that waited for it."""
        self._begin()

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() >= WAITING:
            self._dropped += 1
            return
        try:
            self._lines.put(self.format(record))
            if self._thread.ident is None:
                self._thread.start()
        except Exception:
            self.handleError(record)

    def flush(self, timeout: float = 2.0) -> None:
        """Waits until all that was logged before is written, but no longer than `timeout` seconds."""
        if self._thread.ident is None:
            return
        done = threading.Event()
        self._lines.put(done)
        done.wait(timeout)

    def close(self) -> None:
        atexit.unregister(self.flush)
        self.flush()
        super().close()

    def _run(self) -> None:
        while True:
            items = [self._lines.get()]
            items += [self._lines.get_nowait() for _ in range(self._lines.qsize())]
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                items.append(f"segue: {dropped} lines of this log were dropped: it is not read fast enough")
            self._write([item for item in items if isinstance(item, str)])
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()

    def _write(self, lines: Sequence[str]) -> None:
        try:
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()
        except (OSError, ValueError):  # the reader is gone, and a log has nowhere else to report it
            pass


_handlers: weakref.WeakSet[LineHandler] = weakref.WeakSet()


def _after_fork() -> None:
    for handler in _handlers:
        handler.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def configure_logging(
    settings: Settings | None = None, *, stream: TextIO | None = None, loggers: Sequence[str] = ("segue",)
) -> LineHandler | None:
    """Has `loggers` written to `stream` (standard error) as the settings say; takes the place of an earlier call's handler.

    Gives the handler, None where the settings name no form of log. Records go no further up: a handler of the root logger would write them again.
    """
    settings = settings if settings is not None else load()
    value = settings.monitoring
    if value.log is None:
        return None
    handler = LineHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(redactor_of(settings), as_json=value.log == "json"))
    for name in loggers:
        logger = logging.getLogger(name)
        for before in [each for each in logger.handlers if isinstance(each, LineHandler)]:
            logger.removeHandler(before)
            before.close()
        logger.addHandler(handler)
        logger.setLevel(value.log_level.upper())
        logger.propagate = False
    return handler
