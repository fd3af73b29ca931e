"""The vectors of texts, as the library returns them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from segue.chat.usage import Usage
from segue.embeddings.call import Reply, embed
from segue.embeddings.requests import OpenAIAsked
from segue.errors import AttemptSummary, InvalidRequestError, LLMServiceUnavailableError
from segue.runtime import Runtime
from segue.validation import convert
from segue.wire.lenient import UNREADABLE


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """A vector for each text, in the texts' order.

    `target` and `model` are those that answered. `cost` is what all attempts cost together, in US dollars; None if a price is unknown.
    `cost_bound` is the most that can have been billed. `simulated`: a local stand-in answered, not a model.
    """

    vectors: tuple[tuple[float, ...], ...]
    target: str
    model: str
    request_id: str
    attempts: tuple[AttemptSummary, ...]
    usage: Usage
    cost: Decimal | None
    cost_bound: Decimal | None = None
    simulated: bool = False


class _Vector(msgspec.Struct):
    embedding: tuple[float, ...]
    index: int = 0


class _Answer(msgspec.Struct):
    data: list[_Vector]


async def embeddings_of(
    runtime: Runtime,
    texts: str | Sequence[str],
    model: str,
    *,
    dimensions: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Embeddings:
    """See `Segue.aembed`."""
    values = _checked(texts)
    fields = {"model": convert("model", model, str), "input": values}
    if convert("dimensions", dimensions, int | None) is not None:
        fields["dimensions"] = dimensions
    try:
        body = msgspec.json.encode(fields)
    except UnicodeEncodeError as error:
        half = "a text holds half of a surrogate pair, which cannot be sent: remove it"
        raise InvalidRequestError(half, param="texts") from error
    asked = OpenAIAsked(body)
    got = await embed(runtime, asked, metadata=convert("metadata", metadata or {}, dict[str, str]))
    cost = runtime.take_cost(got.request_id)
    return Embeddings(
        vectors=_vectors(got, len(values)),
        target=got.target.name,
        model=got.target.model.id,
        request_id=got.request_id,
        attempts=got.attempts,
        usage=got.usage or Usage(),
        cost=cost.cost,
        cost_bound=cost.bound,
        simulated=got.target.simulated,
    )


def _checked(texts: str | Sequence[str]) -> list[str]:
    values = [texts] if isinstance(texts, str) else list(texts) if isinstance(texts, Iterable) else []
    if not values or not all(isinstance(text, str) and text for text in values):
        raise InvalidRequestError("texts: give a text, or a list of texts that are not empty", param="texts")
    return values


def _vectors(got: Reply, count: int) -> tuple[tuple[float, ...], ...]:
    try:
        found = sorted(msgspec.json.decode(got.body, type=_Answer).data, key=lambda vector: vector.index)
    except UNREADABLE as error:
        raise _unusable(got, f"an answer that can't be read: {error}") from error
    if [vector.index for vector in found] != [*range(count)]:
        raise _unusable(got, f"{len(found)} vectors for {count} texts")
    return tuple(vector.embedding for vector in found)


def _unusable(got: Reply, what: str) -> LLMServiceUnavailableError:
    error = LLMServiceUnavailableError(f"{got.target.name} sent {what}", attempts=got.attempts)
    error.request_id = got.request_id
    return error
