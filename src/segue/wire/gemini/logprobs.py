"""Log probabilities as Gemini has them, read and written."""

from __future__ import annotations

from typing import Any

import msgspec

from segue.chat.events import TokenLogprob, TopLogprob


class _Candidate(msgspec.Struct, rename="camel", gc=False):
    token: str = ""
    log_probability: float = 0.0

    def read(self) -> TopLogprob:
        return TopLogprob(self.token, self.log_probability)


class _Candidates(msgspec.Struct, gc=False):
    candidates: list[_Candidate] = []


class LogprobsResult(msgspec.Struct, rename="camel", gc=False):
    chosen_candidates: list[_Candidate] | None = None
    top_candidates: list[_Candidates] | None = None

    def read(self) -> tuple[TokenLogprob, ...]:
        chosen, top = self.chosen_candidates or [], self.top_candidates or []
        beside = [*top, *(_Candidates() for _ in chosen[len(top) :])]
        return tuple(
            TokenLogprob(one.token, one.log_probability, None, tuple(other.read() for other in others.candidates))
            for one, others in zip(chosen, beside, strict=False)
        )


def written(tokens: tuple[TokenLogprob, ...]) -> dict[str, Any]:
    return {
        "chosenCandidates": [_written(one) for one in tokens],
        "topCandidates": [{"candidates": [_written(other) for other in one.top_logprobs]} for one in tokens],
    }


def _written(one: TokenLogprob | TopLogprob) -> dict[str, Any]:
    return {"token": one.token, "logProbability": one.logprob}
