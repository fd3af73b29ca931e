"""A day of mixed traffic, replayed under each policy: what it costs and how often the strong model is asked.

The day has chat and other light work from our own prompts, and prompts of MMLU and LLMRouter, whose labels say what a weak and a strong
model make of them. Targets, prices and the free tier are the catalogue's. No model is asked: output tokens and waits are drawn, the same
for every policy. Decisions are made by the real router, over the real quota and latency books, on the day's own clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from segue import Segue, load, user
from segue.catalog.prices import cost, price_of
from segue.catalog.tokens import estimate_tokens
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.failover.job import Job, latency_key
from segue.ledger.stores.memory import MemoryStore
from segue.policy import Policy
from segue.router import Router
from segue.routing.complexity import complexity
from segue.routing.target import Target

if TYPE_CHECKING:
    from benchmarks.routing import Held

REQUESTS = 3000
STRONG = "claude"
CHAIN = ("gemini", "openai", "claude")
ENVIRON = {
    "GEMINI_API_KEY": "g", "GEMINI_TIER": "free", "OPENAI_API_KEY": "o", "CLAUDE_API_KEY": "c", "SEGUE_LEDGER": "none",
}  # fmt: skip
WAITS = {"gemini": 0.5, "openai": 0.7, "claude": 1.1}
"""Median seconds to the first content. Made up: what counts is that they differ."""
MIDNIGHT = 1_795_856_400.0
"""In Los Angeles, where the free tier's day begins."""


class Asked(NamedTuple):
    """One request of the day: `second` of the day, `score` held out; `weak` and `strong` the labels, None for our own prompts."""

    second: float
    text: str
    score: float
    output: int
    wait: float
    weak: float | None
    strong: float | None


class Outcome(NamedTuple):
    dollars: float
    strong_calls: float
    recovered: float
    wait: float


def traffic(held: Held) -> list[Asked]:
    """A day: four in ten requests are our own prompts of light work, the others MMLU's and LLMRouter's in equal parts."""
    rng = random.Random(5)
    light = [pair for pair in held.kept if pair.kind in ("chat", "trivia", "writing", "roleplay", "rewrite", "explain")]
    sources = ((held.mmlu, held.by_group["mmlu"]), (held.llmrouter, held.by_group["llmrouter"]))
    day = []
    for place in range(REQUESTS):
        second = 86_400 * (place + rng.random()) / REQUESTS
        output, wait = int(min(rng.lognormvariate(5.5, 0.8), 1500)), rng.lognormvariate(0, 0.3)
        if rng.random() < 0.4:
            pair = rng.choice(light)
            text = rng.choice((pair.en, pair.ko))
            day.append(Asked(second, text, complexity(text) or 0.5, output, wait, None, None))
        else:
            prompts, scores = rng.choice(sources)
            chosen = rng.randrange(len(prompts.text))
            labels = float(prompts.weak[chosen]), float(prompts.strong[chosen])
            day.append(Asked(second, prompts.text[chosen], float(scores[chosen]), output, wait, *labels))
    return day


def run(day: list[Asked], chain: tuple[str, ...], policy: Policy) -> Outcome:
    clock = MIDNIGHT
    segue = Segue(load(ENVIRON, directory="/nonexistent"), ledger=MemoryStore())
    engine = segue.runtime.engine
    engine.wall = lambda: clock
    engine.rng.seed(11)
    router = Router(engine, overrides={}, is_free=lambda name: name == "gemini")
    targets = tuple(segue.targets[name] for name in chain)
    spent = waited = gained = possible = 0.0
    strong = 0
    for asked in day:
        clock = MIDNIGHT + asked.second
        request = ChatRequest(messages=(user(asked.text),))
        tokens = estimate_tokens(asked.text)
        job = Job(request=request, targets=targets, policy=policy.replace(complexity=asked.score))
        order = router.routed(job, asked.second).targets if router.concerns(job) else targets
        target = next(one for one in order if engine.reserve(one, tokens, asked.second) == 0.0)
        wait = WAITS[target.name] * asked.wait
        engine.latency.observe_first(latency_key(target, request, tokens), wait)
        waited += wait
        strong += target.name == STRONG
        if target.name != "gemini":
            spent += _dollars(target, tokens, asked.output)
        if asked.weak is not None and asked.strong is not None:
            possible += asked.strong - asked.weak
            gained += (asked.strong - asked.weak) * (target.name == STRONG)
    segue.close()
    return Outcome(spent, strong / len(day), gained / possible, waited / len(day))


def _dollars(target: Target, tokens: int, output: int) -> float:
    import datetime

    prices = price_of(target.provider, target.model.id, datetime.datetime.fromtimestamp(MIDNIGHT, datetime.UTC))
    assert prices is not None
    return float(cost(Usage(input_tokens=tokens, output_tokens=output), prices))


def replay(held: Held) -> None:
    day = traffic(held)
    plain = Policy()
    runs: list[tuple[str, Callable[[], Outcome]]] = [
        ("always the strong one (Claude)", lambda: run(day, ("claude", "openai", "gemini"), plain)),
        ("always the cheapest paid one (OpenAI)", lambda: run(day, ("openai", "gemini", "claude"), plain)),
        ("`priority`: Gemini (free tier), OpenAI, Claude", lambda: run(day, CHAIN, plain)),
        ("`cost`", lambda: run(day, CHAIN, plain.replace(policy="cost"))),
        ("`latency`", lambda: run(day, CHAIN, plain.replace(policy="latency"))),
        ("`weights`, equal", lambda: run(day, CHAIN, plain.replace(policy="weights"))),
        *(
            (f"`smart`, strong_share {share}", lambda share=share: run(day, CHAIN, plain.replace(policy="smart", strong_share=share)))
            for share in (0.2, 0.4, 0.6)
        ),
    ]  # fmt: skip
    dearest = None
    print(
        "| policy | US$ a day | of the dearest | strong calls | of the strong model's gain | mean wait |\n|---|---|---|---|---|---|"
    )
    for name, one in runs:
        found = one()
        dearest = dearest or found.dollars
        print(
            f"| {name} | {found.dollars:.2f} | {found.dollars / dearest:.0%} | {found.strong_calls:.0%} | "
            f"{found.recovered:.0%} | {found.wait:.2f} s |"
        )
