"""The labelled prompts that the complexity score is made from and judged on, and RouteLLM's measures."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STRONG = ("llama-3.1-nemotron-51b-instruct", "llama-3.3-nemotron-super-49b-v1")
WEAK = (
    "qwen2.5-7b-instruct", "mistral-7b-instruct-v0.3", "gemma-2-9b-it", "llama-3.1-8b-instruct", "codegemma-7b",
    "llama3-chatqa-1.5-8b",
)  # fmt: skip

JUDGED = {
    **dict.fromkeys(("chat", "writing", "roleplay", "rewrite"), -1.0),
    "trivia": 0.0,
    "explain": -0.5,
    **dict.fromkeys(("plan", "cause", "case"), 0.6),
    "word problem": 0.3,
    **dict.fromkeys(("code", "maths", "logic"), 1.0),
}
"""What each kind of our own prompts is taken to gain from a strong model: a judgement, no measurement."""

_FAMILIES = (
    ("zebra puzzles", re.compile(r"Q: There are \d")),
    ("GSM8K", re.compile(r".*put you final answer in \\boxed", re.DOTALL)),
    ("MBPP", re.compile(r"Write a (python )?function|Write a python")),
    ("HumanEval", re.compile(r"(?s:.*)^\s*(def |from \w+ import|import )", re.MULTILINE)),
    ("MATH", re.compile(r".*(\$[^$]+\$|\\\[)", re.DOTALL)),
    ("CommonGen", re.compile(r"([\w-]+, ){8,}")),
    ("Natural Questions", re.compile(r"(?=[^A-Z]*$)(who|when|where|what|which|how|why|is|the|in|name|did|does|was)\b[^?.]*$")),
    ("word problems", re.compile(r"(?=(.*\d){2}).{0,700}$(?<=.)", re.DOTALL)),
    ("long passages", re.compile(r".{500}", re.DOTALL)),
    ("TriviaQA", re.compile(r"(?=.*[a-z] [A-Z])(Who|Which|In which|What was|In what|Whose|The |Name)")),
    ("short questions", re.compile(r".{0,89}$")),
    ("other", re.compile(r"")),
)  # fmt: skip


class Prompts(NamedTuple):
    """Prompts of one source. `group`: the subject or the family of tasks, `strong` and `weak` the scores, 0 to 1, of each."""

    text: list[str]
    group: NDArray[np.str_]
    strong: Array
    weak: Array

    def where(self, mask: NDArray[np.bool_]) -> Prompts:
        return Prompts(
            [text for text, kept in zip(self.text, mask, strict=True) if kept],
            self.group[mask],
            self.strong[mask],
            self.weak[mask],
        )


class Pair(msgspec.Struct):
    """One of our own prompts, in English and in Korean."""

    kind: str
    en: str
    ko: str


def mmlu(folder: Path) -> Prompts:
    """RouteLLM's MMLU: whether GPT-4-1106 (strong) and Mixtral-8x7B (weak) were right. A group is a subject."""
    rows = []
    for file in sorted((folder / "mmlu").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for text, weak, strong in list(csv.reader(lines))[1:]:
                rows.append((text, file.stem.removeprefix("mmlu_"), strong == "True", weak == "True"))
    return _prompts(rows)


def llmrouter(folder: Path) -> Prompts:
    """LLMRouter's prompts with the mean scores of the strong and the weak models. A group is a family of tasks, recognised by its form."""
    rows: list[tuple[str, str, float, float]] = []
    for name in ("llmrouter-train.json", "llmrouter-test.json"):
        for item in json.loads((folder / name).read_text(encoding="utf-8")):
            scores: dict[str, float] = item["scores"]
            strong = float(np.mean([scores[model] for model in STRONG]))
            weak = float(np.mean([scores[model] for model in WEAK]))
            rows.append((item["question"], family(item["question"]), strong, weak))
    return _prompts(rows)


def family(text: str) -> str:
    """Which of LLMRouter's sources a prompt comes from, as far as its form tells."""
    asks_number = re.search(r"[Hh]ow (many|much|old|long|far)|[Hh]ow ", text) is not None
    for name, form in _FAMILIES:
        if name == "word problems" and not asks_number:
            continue
        if form.match(text):
            return name
    raise AssertionError("the last form matches everything")


def pairs() -> list[Pair]:
    """Our own prompts, in English and in Korean."""
    lines = (Path(__file__).parent / "data" / "parallel.jsonl").read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=Pair) for line in lines]


def _prompts(rows: list[Any]) -> Prompts:
    text, group, strong, weak = zip(*rows, strict=True)
    return Prompts(list(text), np.array(group), np.array(strong, dtype=float), np.array(weak, dtype=float))


class Measures(NamedTuple):
    """RouteLLM's measures (arXiv 2406.18665). PGR is the part of the gap between weak and strong that is recovered."""

    apgr: float
    """The mean PGR over the share of strong calls, in ten equal steps; 0.50 at random."""
    cpt50: float
    """The least share of strong calls with which the PGR is 0.5 …"""
    cpt80: float


def measures(score: Array, prompts: Prompts) -> Measures:
    order = np.argsort(-score, kind="stable")
    gained = np.concatenate([[0.0], np.cumsum((prompts.strong - prompts.weak)[order])])
    share = np.arange(len(gained)) / len(score)
    pgr = gained / gained[-1]
    steps = np.interp(np.linspace(0, 1, 11), share, pgr)
    return Measures(
        float(((steps[1:] + steps[:-1]) / 2).mean()),
        float(share[np.argmax(pgr >= 0.5)]),
        float(share[np.argmax(pgr >= 0.8)]),
    )


def intervals(score: Array, prompts: Prompts, *, draws: int = 1000, seed: int = 0) -> list[tuple[float, float]]:
    """The 95 % bootstrap interval of each measure."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        chosen = rng.integers(0, len(score), len(score))
        drawn = Prompts([], prompts.group, prompts.strong[chosen], prompts.weak[chosen])
        found.append(measures(score[chosen], drawn))
    low, high = np.percentile(np.array(found), (2.5, 97.5), axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))
