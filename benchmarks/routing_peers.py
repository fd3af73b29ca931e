"""Other offline rules on the same application prompts: does hard work score above light work?

    pip install 'litellm[proxy]' wayfinder-router llm-dispatch msgspec        (in a separate environment; they pin much)
    PYTHONPATH=src:. python -m benchmarks.routing_peers

Prints, for each rule and language, the share of pairs in which the hard prompt scores above the light one (a tie counts half), over the
tasks that Segue's weights did not see. No rule was trained on these prompts; the words of Segue's were chosen by the people who wrote them.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MIX = Path(__file__).parent / "data" / "application_mix.jsonl"
Rule = Callable[[str], float]


def segue() -> Rule:
    from segue import ChatRequest, user
    from segue.routing.complexity import of_request

    def score(text: str) -> float:
        found = of_request(ChatRequest(messages=(user(text),)))
        return 0.5 if found is None else found

    return score


def litellm() -> Rule:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it asks the network for prices otherwise
    router = importlib.import_module("litellm.router_strategy.complexity_router.complexity_router")
    rule = router.ComplexityRouter(
        model_name="auto", litellm_router_instance=SimpleNamespace(), complexity_router_config={}, default_model="m"
    )
    return lambda text: float(rule.classify(text)[1])


def wayfinder() -> Rule:
    complexity = importlib.import_module("wayfinder_router.complexity")
    return lambda text: float(complexity.score_complexity(text).score)


def llm_dispatch() -> Rule:
    rule = importlib.import_module("llmrouter.scorer").complexity_score
    return lambda text: float(rule(text))


def length() -> Rule:
    return lambda text: float(len(text))


RULES = {"Segue": segue, "LiteLLM": litellm, "wayfinder": wayfinder, "llm-dispatch": llm_dispatch, "length": length}


def kept() -> list[dict[str, Any]]:
    mix = [json.loads(line) for line in MIX.read_text(encoding="utf-8").splitlines()]
    tasks = list(dict.fromkeys(asked["task"] for asked in mix))[1::2]
    return [asked for asked in mix if asked["task"] in tasks]


def main() -> None:
    prompts = kept()
    languages = list(dict.fromkeys(asked["language"] for asked in prompts))
    print("| rule | " + " | ".join(languages) + " |\n|---|" + "---|" * len(languages))
    for name, make in RULES.items():
        try:
            rule = make()
        except ImportError as error:
            print(f"| {name} | not installed: {error} |")
            continue
        shares = []
        for language in languages:
            light, hard = (
                [rule(asked["text"]) for asked in prompts if asked["language"] == language and asked["hard"] is which]
                for which in (False, True)
            )
            shares.append(statistics.mean((low < high) + 0.5 * (low == high) for low in light for high in hard))
        print(f"| {name} | " + " | ".join(f"{share:.2f}" for share in shares) + " |")


if __name__ == "__main__":
    main()
