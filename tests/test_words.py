"""The prose and the names of the code are plain, present-day English: words that readers from elsewhere stumble over stay out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORDS = (
    "anew",
    "anybody",
    "for want of",
    "gone by",
    "in vain",
    "lest",
    "nobody",
    "nought",
    "of its own(?=[.,;:)])",
    "of their own(?=[.,;:)])",
    "said",
    "somebody",
    "told(?!\\s+apart)",
    "thereof",
    "unwell",
    "whatsoever",
    "whence",
    "wherein",
    "whoever",
    "whomever",
)
PATTERN = re.compile(r"\b(?:" + "|".join(WORDS).replace(" ", r"\s+(?:# )?") + r")\b", re.IGNORECASE)
QUOTED = {"benchmarks/agents.py": {"said"}, "career_coach/prompts.py": {"Somebody"}}
"""Files that have such a word in texts for models or of others."""


def sources(*folders: str) -> list[Path]:
    """Without what is installed in hidden folders, and without this file, which names the words."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    hidden = [path for path in found if any(part.startswith(".") for part in path.relative_to(ROOT).parts)]
    return sorted({*found} - {*hidden, Path(__file__)})


def found_in(text: str) -> set[str]:
    text = text.replace("_", " ")
    lower = text.lower()
    if not any(word.split()[-1].partition("(")[0] in lower for word in WORDS):
        return set()  # most files, at a tenth of the pattern's time
    return {" ".join(match.split()) for match in PATTERN.findall(text)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Nothing is sent.", set()),
        ("It is told what is said.", {"told", "said"}),
        ("told apart, lesser, saidness", set()),
        ("a thread of its\n    # own.", {"of its # own"}),
        ("the head of its own line", set()),
        ("Nobody is asked.", {"Nobody"}),
        ("self._told = said", {"told", "said"}),
        ("def test_nobody_is_asked() -> None: ...", {"nobody"}),
        ("async def test_two_are_told_apart() -> None: ...", set()),
    ],
)
def test_a_word_is_found_in_prose_and_in_names_and_over_the_end_of_a_line(text: str, words: set[str]) -> None:
    assert found_in(text) == words


def test_the_sources_are_in_plain_words() -> None:
    """Instead: "no target", "any caller", "again", "is sent", "its own thread", "because there is no"."""
    found = {
        f"{path.relative_to(ROOT)}: {', '.join(sorted(words))}"
        for path in sources("src", "apps", "benchmarks", "examples", "tests")
        if (words := found_in(path.read_text("utf-8")) - _quoted(path))
    }
    assert found == set()


def _quoted(path: Path) -> set[str]:
    return next((words for end, words in QUOTED.items() if path.as_posix().endswith(end)), set())
