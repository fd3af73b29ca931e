"""What a question about a résumé can be about: its projects, skills and companies, and whether a text names one of them.

Names are matched as people write them: without regard to case, spacing and punctuation ("spring boot", "SpringBoot"), with a Korean
particle behind ("Redis를"), by a part that stands for the whole ("Kafka" for "Apache Kafka", two words of a project's name). A word
of everyday English that is also a technology's name ("Go", "React") counts only as the name is spelled.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

_EVERYDAY = frozenset(
    {
        "ada", "angular", "beam", "chef", "consul", "crystal", "dart", "drill", "echo", "elixir", "ember", "express", "fiber",
        "flask", "gin", "go", "helm", "hive", "julia", "meteor", "nest", "next", "packer", "puppet", "ray", "react", "rust",
        "salt", "scala", "spark", "spring", "storm", "svelte", "swift", "vault", "word",
    }
)  # fmt: skip
"""Technologies whose names are also words."""

_FUNCTION_WORDS = frozenset(
    {"a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "the", "to", "via", "with"}
)

_COMPANY_FORM = re.compile(
    r"\(주\)|주식회사|유한회사|,?\s{1,4}(?:inc|ltd|llc|gmbh|corp|co|pty|plc)\b\.?(?:,?\s{0,4}ltd\.?)?", re.IGNORECASE
)
_BRACKETS = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_SEPARATORS = re.compile(r"[,/·•|:;–—]|\s[-+&~]\s")
_VERSION = re.compile(r"\s{1,4}v?\d{1,8}(?:\.[\dx]{1,8}){0,4}\+?$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:\+\+|#)?")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[.+#-]*[A-Za-z0-9+#])*")
_HANGUL = re.compile(r"[가-힣]")
_INNER = re.compile(r".[A-Z]|\d|[.+#]")
_NO_TERM = re.compile(r"(?<!\S)\S{0,254}@\S*|https?://\S*|www\.\S*")

_BEFORE, _AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9]|\+\+|#)"


class Anchors:
    """The names by which a text can refer to a résumé. Without any, every text passes: there is nothing to be held to."""

    def __init__(
        self, *, projects: Iterable[str] = (), companies: Iterable[str] = (), skills: Iterable[str] = ()
    ) -> None:
        self.names = tuple(dict.fromkeys((*projects, *companies)))
        self.skills = tuple(dict.fromkeys(skills))
        loose: set[str] = set()
        exact: set[str] = set()
        for names, technology in ((self.names, False), (self.skills, True)):
            for name in names:
                for phrase, spelled in _phrases(unicodedata.normalize("NFKC", name), technology=technology):
                    (exact if spelled else loose).add(phrase)
        self._loose = _any_of(loose, re.IGNORECASE)
        self._exact = _any_of(exact, re.NOFLAG)

    def named_in(self, text: str) -> bool:
        """Whether the text names one of them."""
        if self._loose is None and self._exact is None:
            return True
        value = " ".join(_WORD.findall(unicodedata.normalize("NFKC", text)))
        return any(pattern is not None and pattern.search(value) for pattern in (self._loose, self._exact))


def terms(text: str) -> list[str]:
    """What looks like the name of a technology or a product in free text, in order of appearance."""
    plain = _NO_TERM.sub(" ", text)
    korean = len(_HANGUL.findall(plain)) > len(plain) / 10
    found = []
    for match in _LATIN.finditer(plain):
        word = match[0].rstrip(".-")
        begins_sentence = (
            not plain[: match.start()].rstrip(" \t\"'(*-•·").endswith((*"abcdefghijklmnopqrstuvwxyz,0123456789",))
        )
        named = bool(_INNER.search(word)) or (word[0].isupper() and not begins_sentence)
        if len(word) > 1 and (korean or named) and word.lower() not in _FUNCTION_WORDS:
            found.append(word)
    return list(dict.fromkeys(found))


def _phrases(name: str, *, technology: bool) -> Iterator[tuple[str, bool]]:
    """The phrases that stand for a name, each with whether it counts only as it is spelled."""
    name = _COMPANY_FORM.sub(" ", name)
    outside = _BRACKETS.sub(" ", name)
    for part in (name, outside, *_BRACKETS.findall(name)):
        for piece in (part, *_SEPARATORS.split(part)):
            words = _WORD.findall(_VERSION.sub("", piece.strip()))
            yield from _whole(words)
            yield from _parts(words, technology=technology)


def _whole(words: list[str]) -> Iterator[tuple[str, bool]]:
    phrase = " ".join(words)
    if len(words) == 1 and phrase.isascii() and (len(phrase) <= 2 or phrase.lower() in _EVERYDAY):
        if phrase.isalpha() or len(phrase) > 1:
            yield (phrase.capitalize() if phrase.islower() else phrase), True
    elif len(phrase) > 1 and not phrase.isdecimal():
        yield phrase, False


def _parts(words: list[str], *, technology: bool) -> Iterator[tuple[str, bool]]:
    """Words that stand for a name of several: technologies ("Kafka"), coined names, and Latin ones in a Korean name."""
    if len(words) < 2:
        return
    korean = any(_HANGUL.search(word) for word in words)
    for word in words:
        telling = _INNER.search(word) or korean or (technology and word[0].isupper())
        if telling and word.isascii() and len(word) > 2 and not word.isdecimal():
            yield word, True
    if len(words) > 2:
        for first, second in pairwise(words):
            if len(first) > 1 and len(second) > 1 and not _FUNCTION_WORDS & {first.lower(), second.lower()}:
                yield f"{first} {second}", False


def _any_of(phrases: set[str], flags: re.RegexFlag) -> re.Pattern[str] | None:
    if not phrases:
        return None
    patterns = sorted((" ?".join(map(re.escape, phrase.split())) for phrase in phrases), key=len, reverse=True)
    return re.compile(f"{_BEFORE}(?:{'|'.join(patterns)}){_AFTER}", flags)
