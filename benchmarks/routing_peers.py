"""Other offline rules on the same application prompts: does hard work score above light work?

    pip install 'litellm[proxy]' wayfinder-router llm-dispatch msgspec        (in a separate environment; they pin much)
    PYTHONPATH=src:. python -m benchmarks.routing_peers

Prints, for each rule and language, the share of pairs in which the hard prompt scores above the light one (a tie counts half), over the
prompts that Segue's weights and words did not see: those of blind writers, then our own. No other rule was made from such prompts either.
Each rule is given what its own router gives it: LiteLLM the user's turn and the system prompt apart, wayfinder both as one text, llm-dispatch
the user's turn.
"""

from __future__ import annotations

import importlib
import os
import statistics
from collections.abc import Callable
from types import SimpleNamespace

from benchmarks.routing_prompts import LANGUAGES, Asked, application_mix, blind_mix

Rule = Callable[[Asked], float]


def segue() -> Rule:
    from benchmarks.routing_prompts import request_of
    from segue.routing.complexity import of_request

    def score(asked: Asked) -> float:
        found = of_request(request_of(asked))
        return 0.5 if found is None else found

    return score


def litellm() -> Rule:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it asks the network for prices otherwise
    router = importlib.import_module("litellm.router_strategy.complexity_router.complexity_router")
    rule = router.ComplexityRouter(
        model_name="auto", litellm_router_instance=SimpleNamespace(), complexity_router_config={}, default_model="m"
    )
    return lambda asked: float(rule.classify(asked.text, asked.system or None)[1])


def wayfinder() -> Rule:
    complexity = importlib.import_module("wayfinder_router.complexity")
    return lambda asked: float(complexity.score_complexity(f"{asked.system}\n\n{asked.text}".strip()).score)


def llm_dispatch() -> Rule:
    rule = importlib.import_module("llmrouter.scorer").complexity_score
    return lambda asked: float(rule(asked.text))


def length() -> Rule:
    return lambda asked: float(len(asked.text))


RULES = {"Segue": segue, "LiteLLM": litellm, "wayfinder": wayfinder, "llm-dispatch": llm_dispatch, "length": length}


def apart(rule: Rule, prompts: list[Asked], language: str) -> float:
    """The share of pairs in which the hard prompt scores above the light one."""
    light, hard = (
        [rule(asked) for asked in prompts if asked.language == language and asked.hard is which]
        for which in (False, True)
    )
    return statistics.mean((low < high) + 0.5 * (low == high) for low in light for high in hard)


def main() -> None:
    rules: dict[str, Rule] = {}
    for name, make in RULES.items():
        try:
            rules[name] = make()
        except ImportError as error:
            print(f"{name} is not installed: {error}")
    for title, (_, prompts) in (("blind writers'", blind_mix()), ("our own", application_mix())):
        print(f"\n| rule, {title} prompts | {' | '.join(LANGUAGES)} | mean |\n|---|{'---|' * (len(LANGUAGES) + 1)}")
        for name, rule in rules.items():
            shares = [apart(rule, prompts, language) for language in LANGUAGES]
            print(f"| {name} | {' | '.join(f'{share:.2f}' for share in (*shares, statistics.mean(shares)))} |")


if __name__ == "__main__":
    main()
