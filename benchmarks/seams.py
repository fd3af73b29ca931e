"""What becomes of a real model's answers when they are cut and gone on with: `python -m benchmarks.seams [--cuts 200]`.

A small model (docs/local.md) answers a dozen questions, token by token, reproducibly. Then each answer is cut: a scripted target
says its beginning and breaks off, and the product has the model's server go on, over a real socket, as it would after a fault. The
text must be the uninterrupted answer, as far as it is looked at. Where it is not, the model's text is requested once more
without the product, to tell another way of going on from text that was lost in trimming.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import closing

import msgspec

from segue import Segue
from segue.chat.events import Failed, Seam, Started, TextDelta, UpstreamEvent
from segue.chat.failure import Failure, FailureKind
from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.embedded.model_file import SMALL_MODEL, model_file
from segue.embedded.process import ModelProcess
from segue.failover.splice.continuation import continuation_request
from segue.failover.upstream import Ask, Receipt
from segue.policy import BreakerPolicy, Policy, StallPolicy
from segue.settings import Settings, TargetSettings

QUESTIONS = (
    "Write a short story about a harbour.",
    "Write a list of ten things to pack for a journey.",
    "Make a table of five fruits with their colours.",
    "Write a song with a refrain about the sea.",
    "Write a Python function that adds two numbers.",
    "Explain in three steps how to make tea.",
    "List the days of the week, each with one sentence.",
    "What is a river? Answer in two paragraphs.",
    "Write a letter to a friend about your garden.",
    "Repeat the line 'row, row, row your boat' six times.",
    "Name ten cities, as a numbered list.",
    "Write a short dialogue between two sailors.",
)
LENGTH = 72
"""Tokens of an uninterrupted answer."""
LOOKED_AT = 12
"""Tokens of a continuation that are compared."""
PATIENT = Policy(
    hedge=False,
    rounds=1,
    deadline=None,
    breaker=BreakerPolicy(consecutive=10**6, minimum=10**6),  # the target that breaks off is asked every time
    stall=StallPolicy(first_give_up=300.0, gap_give_up=300.0, quiet_give_up=300.0, drip_floor=0.0),
)


class Cut(msgspec.Struct, frozen=True):
    """A question, what was shown of its answer, and what comes next in it."""

    question: str
    shown: str
    rest: str
    inside: bool
    """The cut is in the middle of a token."""


class Breaks:
    """A target that says a text and breaks off."""

    def __init__(self) -> None:
        self.text = ""

    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        yield [Started(), TextDelta(self.text)]
        yield [Failed(Failure(kind=FailureKind.TRANSPORT, message="cut"))]

    async def probe(self, *, connect: float) -> Failure | None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seams")
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    with closing(
        ModelProcess(model_file(SMALL_MODEL), ["--reproducible", "--threads", "1", "--slots", "1"])
    ) as process:
        run(process.address(), asked.cuts, random.Random(asked.seed))


def run(address: str, cuts: int, source: random.Random) -> None:
    real = TargetSettings(provider="llamacpp", model=SMALL_MODEL, base_url=f"{address}/v1", temperature=0.0)
    broken = TargetSettings(provider="llamacpp", model="breaks", base_url="http://127.0.0.1:9/v1")
    settings = Settings(
        chain=("broken", "real"), targets={"broken": broken, "real": real}, policy=PATIENT, ledger="none"
    )
    breaks = Breaks()
    began = time.monotonic()
    with (
        closing(Segue(settings, upstreams={"broken": breaks})) as segue,
        closing(Segue(msgspec.structs.replace(settings, chain=("real",)))) as alone,
    ):
        answers = {question: pieces_of(alone, question) for question in QUESTIONS}
        chosen = [cut_of(source, answers) for _ in range(cuts)]
        results = []
        for number, cut in enumerate(chosen, 1):
            results.append(outcome(segue, alone, breaks, cut))
            if results[-1] != "exact" or number % 20 == 0:
                print(f"{number:4} {time.monotonic() - began:5.0f} s  {results[-1]}  …{cut.shown[-30:]!r}", flush=True)
    report(chosen, results)


def pieces_of(segue: Segue, question: str) -> list[str]:
    """The uninterrupted answer's tokens."""
    return [event.text for event in segue.stream(question, max_tokens=LENGTH) if isinstance(event, TextDelta)]


def cut_of(source: random.Random, answers: dict[str, list[str]]) -> Cut:
    question = source.choice(QUESTIONS)
    pieces = answers[question]
    at = source.randrange(1, max(2, len(pieces) - LOOKED_AT))
    shown = "".join(pieces[:at])
    inside = len(pieces[at]) > 2 and source.random() < 0.25
    more = source.randrange(1, len(pieces[at])) if inside else 0
    whole = "".join(pieces[: at + LOOKED_AT])
    shown = whole[: len(shown) + more]
    return Cut(question, shown, whole[len(shown) :], inside)


def outcome(segue: Segue, alone: Segue, breaks: Breaks, cut: Cut) -> str:
    """`exact`, `another` way of going on, text `lost`, or an `error`."""
    breaks.text = cut.shown
    stream = segue.stream(cut.question, max_tokens=10_000)
    text, seams = "", 0
    for event in stream:
        seams += isinstance(event, Seam)
        if isinstance(event, TextDelta):
            text += event.text
        if len(text) >= len(cut.shown) + len(cut.rest):
            stream.close()
            break
    rest = text[len(cut.shown) :][: len(cut.rest)]
    if rest == cut.rest and seams == 1:
        return "exact"
    request = ChatRequest(messages=(user(cut.question),))
    raws = []
    for take_back in (True, False):
        prefilled, taken_back = continuation_request(request, cut.shown, prefill=True, take_back=take_back)
        raw = taken_back_off(alone.complete(prefilled.messages, max_tokens=LOOKED_AT + 8).text, taken_back)
        raws.append(raw)
    kept = any(raw is not None and (raw.startswith(rest) or rest.startswith(raw)) for raw in raws)
    if not rest or seams != 1:
        return "error"
    return "another" if kept else "lost"


def taken_back_off(raw: str, taken_back: str) -> str | None:
    """The model's text after the words that it was to repeat; None if it repeated something else."""
    word = taken_back.strip()
    if not word:
        common = 0
        while common < min(len(raw), len(taken_back)) and raw[common] == taken_back[common]:
            common += 1
        return raw[common:]
    head = raw.lstrip()
    return head[len(word) :] if head.startswith(word) else None


def report(cuts: Sequence[Cut], results: Sequence[str]) -> None:
    for title, inside in (("at a token's end", False), ("inside a token", True)):
        chosen = [result for cut, result in zip(cuts, results, strict=True) if cut.inside is inside]
        counts = {kind: chosen.count(kind) for kind in ("exact", "another", "lost", "error")}
        share = counts["exact"] / max(1, len(chosen))
        print(f"{title}: {len(chosen)} cuts, exact {counts['exact']} ({share:.1%}), {counts}")
    print(f"lost to trimming: {results.count('lost')} of {len(results)}")


if __name__ == "__main__":
    main()
