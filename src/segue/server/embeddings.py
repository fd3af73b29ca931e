"""Embeddings through the gateway: a provider's answer passes unchanged; its refusal is translated to the caller's dialect."""

from __future__ import annotations

from collections.abc import Sequence

from segue.budgets.lease import Budget
from segue.embeddings import call
from segue.embeddings.requests import Asked, GeminiAsked, OpenAIAsked
from segue.errors import SegueError
from segue.runtime import Runtime
from segue.server.exchange import Reply
from segue.wire.dialects import ingress


def read(body: bytes, *, dialect: str, path: str) -> Asked:
    """A caller's request, with its `model`. Raises `InvalidRequestError` for one that names none or can't be read."""
    return GeminiAsked(body, path) if dialect == GeminiAsked.dialect else OpenAIAsked(body)


async def forward(
    runtime: Runtime, asked: Asked, *, key: str = "", budgets: Sequence[Budget] = (), regions: Sequence[str] = ()
) -> Reply:
    """The provider's answer to a request, or an error in the caller's dialect.

    `key` is the id of the caller's key, for the ledger. `regions`: where it may be processed, () is anywhere.
    """
    try:
        got = await call.embed(runtime, asked, metadata={"key": key} if key else {}, budgets=budgets, regions=regions)
    except SegueError as error:
        return ingress(asked.dialect).error(error)
    return got.status, {"content-type": got.content_type, **_about(got)}, got.body


def _about(got: call.Reply) -> dict[str, str]:
    """The headers of an answer, as for any other request."""
    headers = {
        "x-request-id": got.request_id,
        "request-id": got.request_id,
        "x-segue-target": got.target.name,
        "x-segue-model": got.target.model.id,
        "x-segue-attempts": str(len(got.attempts)),
    }
    return {**headers, "x-segue-simulated": "true"} if got.target.simulated else headers
