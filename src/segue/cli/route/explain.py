"""What a prompt's complexity rests on, and the order each policy would ask in."""

from __future__ import annotations

import time

import msgspec

from segue.catalog.prices import read_overrides
from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.cli.display import console, table, write_json
from segue.cli.simulated import chain_names
from segue.failover.engine import Engine
from segue.failover.job import Job
from segue.failover.upstream import Upstream
from segue.health.book import HealthBook
from segue.health.latency import LatencyKey
from segue.ledger.stores.factory import ledger_of
from segue.router import Router
from segue.routing import resolve
from segue.routing.complexity import Share, of_request
from segue.routing.complexity import explain as shares_of
from segue.routing.policy import Route, names
from segue.routing.target import Target
from segue.settings import Settings
from segue.settings_loading import load

SHOWN = 8
"""Features in the table; JSON has them all."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`complexity` is None where the prompt does not tell. `threshold` is the complexity from which `smart` takes a request to be hard. Features add standard deviations of the score."""

    complexity: float | None
    threshold: float
    features: list[Share]
    routes: list[Route]


def show_explanation(text: str, *, chain: str | None, as_json: bool) -> None:
    found = explanation(load(), text, chain)
    if as_json:
        write_json(found)
        return
    if found.complexity is None:
        value = "complexity unknown: the prompt is short and has no word of work, or is in a language that is not read"
    else:
        side = "hard" if found.complexity >= found.threshold else "not hard"
        value = f"complexity {found.complexity:.2f}: {side}"
    console.print(f"{value} (smart draws the line at {found.threshold:.2f})\n")
    features = table("", "than usual there is", "which adds", right=("which adds",))
    for share in found.features[:SHOWN]:
        features.add_row(f"{'more' if share.more else 'less'} {share.feature}", f"{share.adds:+.2f}")
    console.print(features)
    console.print()
    routes = table("", "policy", "order", "why", prose=("why",))
    for route in found.routes:
        routes.add_row(route.policy, " > ".join(route.order), route.reason)
    console.print(routes)


def explanation(settings: Settings, text: str, chain: str | None) -> Explanation:
    """Raises `ConfigurationError` for a target that can't be described. The waits for first content are the ledger's."""
    request = ChatRequest(messages=(user(text),))
    policy = settings.chains[chain].policy if chain in settings.chains else settings.policy
    targets = tuple(resolve.target(name, settings.target(name)) for name in chain_names(settings, chain))
    engine = Engine(
        _upstream,
        health=HealthBook(policy.breaker),
        limits_of=lambda target: resolve.quota(target, settings.target(target.name)),
    )
    for record in ledger_of(settings).records(limit=1000, newest_first=True)[::-1]:
        if record.first_content is not None and not record.simulated:
            key = LatencyKey(f"{record.target}/{record.model}", True, None, 0)
            engine.latency.observe_first(key, record.first_content)
    router = Router.of_settings(engine, settings, overrides=read_overrides(settings.prices))
    score = of_request(request) if policy.complexity is None else policy.complexity
    jobs = [Job(request=request, targets=targets, policy=policy.replace(policy=name)) for name in names()]
    return Explanation(
        complexity=score,
        threshold=1.0 - policy.strong_share,
        features=shares_of(request),
        routes=[router.decide(job, score, time.monotonic()) for job in jobs],
    )


def _upstream(target: Target) -> Upstream:
    raise AssertionError(f"explaining asks no target, not {target.name}")
