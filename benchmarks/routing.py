"""What the complexity score is worth on prompts it was not made from, what it costs in time, and what policies cost over a day.

    python -m benchmarks.routing DIR [--draws 1000]     measures; half a minute
    python -m benchmarks.routing --train DIR            makes the weights that ship (see routing_train.py)

DIR holds the labelled prompts: `llmrouter-train.json`, `llmrouter-test.json` and `mmlu/*.csv` (routing_data.py says what they are). Every
score is given to prompts that its weights were not made from: MMLU in six parts by subject, LLMRouter in six by family of tasks, each
part scored by weights from all others; and, harder, each source by weights from the other alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing_data import Array, Prompts, intervals, llmrouter, measures, mmlu, pairs
from benchmarks.routing_day import ENVIRON, replay
from benchmarks.routing_prompts import LANGUAGES, Asked, application_mix, blind_mix, request_of
from benchmarks.routing_train import Lesson, fit, lesson, own_lesson, score, taught_and_kept, write
from segue import Segue, load, user
from segue.chat.request import ChatRequest
from segue.failover.job import Job
from segue.ledger.stores.memory import MemoryStore
from segue.policy import Policy
from segue.routing import classes
from segue.routing.complexity import of_request

PARTS, HALVES = 6, 40
SEED = 7
RUNS = 30
LINE = 0.6
"""Where `smart` draws it by default."""
LEAST_FAMILY = 240
"""Prompts: a smaller family says too little by itself."""


class Held:
    """The sources, and the scores of each by weights that have not seen it: calibrated, 0 to 1."""

    def __init__(self, folder: Path) -> None:
        self.mmlu, self.llmrouter = mmlu(folder), llmrouter(folder)
        taught, self.kept = taught_and_kept(pairs())
        self._own = own_lesson(taught)
        self._lessons = {"mmlu": lesson(self.mmlu), "llmrouter": lesson(self.llmrouter)}
        self.by_group = self._by_group()
        self.by_source = {
            "mmlu": self._scored([self._lessons["llmrouter"], self._own], self._lessons["mmlu"].features),
            "llmrouter": self._scored([self._lessons["mmlu"], self._own], self._lessons["llmrouter"].features),
        }

    def _by_group(self) -> dict[str, Array]:
        found = {name: np.zeros(len(one.gain)) for name, one in self._lessons.items()}
        parts = {name: self._parts(self._prompts(name)) for name in found}
        for part in range(PARTS):
            lessons = [_without(one, parts[name] == part) for name, one in self._lessons.items()]
            for name, one in self._lessons.items():
                out = parts[name] == part
                found[name][out] = self._scored([*lessons, self._own], one.features[out])
        return found

    def scored_without(self, out: NDArray[np.bool_]) -> Array:
        """The scores of some of MMLU's prompts by weights from the others and LLMRouter."""
        one = self._lessons["mmlu"]
        lessons = [_without(one, out), self._lessons["llmrouter"], self._own]
        return self._scored(lessons, one.features[out])

    def _prompts(self, name: str) -> Prompts:
        return self.mmlu if name == "mmlu" else self.llmrouter

    @staticmethod
    def _parts(prompts: Prompts) -> Array:
        """The part of each prompt; a group is in one part as a whole."""
        groups = np.random.default_rng(SEED).permutation(np.unique(prompts.group))
        part = {group: place % PARTS for place, group in enumerate(groups.tolist())}
        return np.array([part[group] for group in prompts.group.tolist()])

    @staticmethod
    def _scored(lessons: list[Lesson], features: Array) -> Array:
        weights = fit(lessons)
        return np.interp(score(weights, features), weights.quantiles, np.linspace(0, 1, 101))


def _without(one: Lesson, out: Array) -> Lesson:
    return Lesson(one.features[~out], one.gain[~out], one.weight)


def show_held_out(held: Held, draws: int) -> None:
    print("| held-out prompts | n | router | APGR | CPT50 | CPT80 |\n|---|---|---|---|---|---|")
    for name, prompts, by_group, by_source in (
        ("MMLU, by subject", held.mmlu, held.by_group["mmlu"], held.by_source["mmlu"]),
        ("LLMRouter, by family", held.llmrouter, held.by_group["llmrouter"], held.by_source["llmrouter"]),
    ):
        length = np.array([len(text) for text in prompts.text], dtype=float)
        rows = [("Segue", by_group), ("Segue, made from the other source alone", by_source), ("length", length)]
        rows += [("random", _random(prompts)), ("oracle", prompts.strong - prompts.weak)]
        _show_rows(name, prompts, rows, draws)
    for family in np.unique(held.llmrouter.group).tolist():
        inside = held.llmrouter.group == family
        if inside.sum() >= LEAST_FAMILY:
            _show_rows(family, held.llmrouter.where(inside), [("Segue", held.by_group["llmrouter"][inside])], draws)


def _show_rows(name: str, prompts: Prompts, rows: list[tuple[str, Array]], draws: int) -> None:
    for router, scores in rows:
        cells = [
            f"{value:.3f} ({low:.3f} to {high:.3f})"
            for value, (low, high) in zip(
                measures(scores, prompts), intervals(scores, prompts, draws=draws), strict=True
            )
        ]
        print(f"| {name} | {len(scores)} | {router} | {' | '.join(cells)} |")
        name = ""


def _random(prompts: Prompts) -> Array:
    return np.random.default_rng(SEED).random(len(prompts.text))


def show_other_subjects(held: Held) -> None:
    """MMLU's subjects parted at random: weights from one half and LLMRouter, judged on the other half."""
    subjects = np.unique(held.mmlu.group)
    rng, found = np.random.default_rng(SEED), []
    for _ in range(HALVES):
        out = np.isin(held.mmlu.group, rng.permutation(subjects)[: len(subjects) // 2])
        scores = held.scored_without(out)
        found.append(measures(scores, held.mmlu.where(out)).apgr)
    low, high = np.quantile(found, (0.05, 0.95))
    print(
        f"\nHalf of MMLU's {len(subjects)} subjects, not seen, {HALVES} times: APGR {np.mean(found):.3f}, nine in ten {low:.3f} to {high:.3f}"
    )


def show_mixes() -> None:
    """Application prompts whose tasks were kept from words and weights, by language: blind writers', and our own."""
    for title, (_, kept) in (("blind writers'", blind_mix()), ("our own", application_mix())):
        print(
            f"\n| {title} prompts | n | hard above light, of pairs | light to the strong target | hard to the cheap one |"
        )
        print("|---|---|---|---|---|")
        _show_mix(kept)


def _show_mix(kept: list[Asked]) -> None:
    for language in ("all", *LANGUAGES):
        chosen = [asked for asked in kept if language in ("all", asked.language)]
        light, hard = ([_score(asked) for asked in chosen if asked.hard is which] for which in (False, True))
        apart = statistics.mean(float(low < high) for low in light for high in hard)
        up, down = (
            statistics.mean(map(float, sides))
            for sides in ([one >= LINE for one in light], [one < LINE for one in hard])
        )
        print(f"| {language} | {len(chosen)} | {apart:.3f} | {up:.2f} | {down:.2f} |")


def _score(asked: Asked) -> float:
    """A prompt's score; what is unknown stands in the middle."""
    found = of_request(request_of(asked))
    return 0.5 if found is None else found


def show_times(held: Held) -> None:
    """CPU, the least of `RUNS` runs: the machine has other work."""
    segue = Segue(load(ENVIRON, directory="/nonexistent"), ledger=MemoryStore())
    targets, smart = segue.targets.chain(None)[1], Policy(policy="smart")
    print("\n| prompts | the score | with words not met before | all of `smart`, three targets |\n|---|---|---|---|")
    for title, texts in _texts(held.llmrouter.text):
        jobs = [Job(request=ChatRequest(messages=(user(text),)), targets=targets, policy=smart) for text in texts]
        alone = _microseconds(jobs, lambda job: of_request(job.request))
        whole = _microseconds(jobs, lambda job: segue.runtime.router.routed(job, 1.0))
        print(f"| {title} | {alone:.0f} µs | {_microseconds_of_new_words(jobs):.0f} µs | {whole:.0f} µs |")
    segue.close()


def _microseconds(jobs: list[Job], decide: Callable[[Job], object]) -> float:
    times = []
    decide(jobs[0])  # reads prices and weights
    for _ in range(RUNS):
        began = time.process_time()
        for job in jobs:
            decide(job)
        times.append((time.process_time() - began) / len(jobs) * 1e6)
    return min(times)


def _microseconds_of_new_words(jobs: list[Job]) -> float:
    """The worst case: no word of a prompt was met in an earlier one."""
    least = [float("inf")] * len(jobs)
    for _ in range(RUNS):
        for place, job in enumerate(jobs):
            classes.forget()
            began = time.perf_counter()
            of_request(job.request)
            least[place] = min(least[place], time.perf_counter() - began)
    return statistics.mean(least) * 1e6


def _texts(all_texts: list[str]) -> Iterator[tuple[str, list[str]]]:
    yield "English, 350 characters", [text for text in all_texts if 340 <= len(text) <= 360][:40]
    for language, name in (("ko", "Korean"), ("ja", "Japanese")):
        own = [asked.text for asked in application_mix()[1] if asked.language == language]
        yield f"{name}, 350 characters", [" ".join(own[start:] + own[:start])[:350] for start in range(20)]
    long = [text for text in all_texts if len(text) > 500]
    yield "English, 8,000 characters", [("\n".join(long[at : at + 20]) * 3)[:8000] for at in range(0, 400, 20)]
    own = [asked.text for asked in application_mix()[1] if asked.language == "ko"]
    yield "Korean, 8,000 characters", [(" ".join(own[at:] + own[:at]) * 20)[:8000] for at in range(20)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", action="store_true", help="make the weights instead")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    options = parser.parse_args()
    if options.train:
        write(options.folder)
        return
    held = Held(options.folder)
    show_held_out(held, options.draws)
    print()
    show_other_subjects(held)
    show_mixes()
    print()
    show_times(held)
    print()
    replay(held)


if __name__ == "__main__":
    main()
