"""When events go out to the caller, and in what order."""

from __future__ import annotations

from segue.chat.events import ChatEvent, Seam, Started, TextDelta


class Gate:
    """Withholds what must not be seen too early.

    `Started` and other events without content go out with the first content, a `Seam` with the first content of the attempt
    that it announces. With `hold` nothing goes out until `release()`. `seams` counts those that went out within the text.
    """

    def __init__(self, *, hold: bool) -> None:
        self._hold = hold
        self._opened = False
        self._started = Started()
        self._seam: Seam | None = None
        self._asides: list[ChatEvent] = []
        self._held: list[ChatEvent] = []
        self.seams = 0

    @property
    def anything_shown(self) -> bool:
        return self._opened and not self._hold

    @property
    def open(self) -> bool:
        """Whether content goes out as it comes."""
        return self._opened and self._seam is None and not self._hold

    def started(self, event: Started) -> None:
        """The first event of the current attempt."""
        self._started = event

    def next_attempt(self, seam: Seam | None) -> None:
        """Another attempt is delivered from here on. Without a seam the answer begins with it: what was held is dropped."""
        self._started = Started()
        self._asides = []
        if seam is None:
            self._opened = False
            self._held = []
        elif self._seam is not None:
            # The announced attempt never had content: the one before it is still the source.
            seam = Seam(self._seam.source, seam.target, seam.at, seam.restarted)
        self._seam = seam

    def give(self, event: ChatEvent) -> list[ChatEvent]:
        """Content, or the end."""
        events = [event] if self._opened and self._seam is None else [*self._opening(), event]
        if self._hold:
            self._held += events
            return []
        return events

    def give_aside(self, event: ChatEvent) -> list[ChatEvent]:
        """Events without content: go out now if the attempt has had content, else with its first content."""
        if self._opened and self._seam is None:
            return self.give(event)
        self._asides.append(event)
        return []

    def replace_text(self, text: str) -> None:
        """Replaces the held text of the answer with this one."""
        first = next(place for place, event in enumerate(self._held) if isinstance(event, TextDelta))
        phase = next(event.phase for event in reversed(self._held) if isinstance(event, TextDelta))
        rest = [event for event in self._held[first:] if not isinstance(event, TextDelta)]
        self._held = [*self._held[:first], TextDelta(text, phase), *rest]

    def release(self) -> list[ChatEvent]:
        """What was held."""
        held, self._held = self._held, []
        self._hold = False
        return held

    def _opening(self) -> list[ChatEvent]:
        events: list[ChatEvent] = [] if self._opened else [self._started]
        self._opened = True
        if self._seam is not None:
            events.append(self._seam)
            self.seams += not self._seam.restarted
            self._seam = None
        asides, self._asides = self._asides, []
        return events + asides
