"""Simulated embeddings, in OpenAI's shape and in Gemini's: words hashed into a vector of length 1, so that texts which share words are near.

Faults strike generations; embeddings are answered all the same.
"""

from __future__ import annotations

import base64
import math
import re
import zlib
from array import array
from typing import Any, Final

import msgspec

from segue.catalog.tokens import estimate_tokens
from segue.errors import InvalidRequestError

SIZE: Final = 256
"""Numbers in a vector, where the request does not say how many."""
LARGEST: Final = 3072

_WORD = re.compile(r"\w+")


def vector(text: str, size: int = SIZE) -> list[float]:
    counts = [0.0] * size
    for word in _WORD.findall(text.lower()) or [text]:
        counts[zlib.crc32(word.encode()) % size] += 1.0
    length = math.hypot(*counts)
    return [count / length for count in counts]


def embed(path: str, body: bytes) -> dict[str, Any] | None:
    """The document that answers a request, None if its path asks for no embeddings. Raises `InvalidRequestError` for one that is wrong."""
    single, batch = path.endswith(":embedContent"), path.endswith(":batchEmbedContents")
    if not (single or batch or path.endswith("/embeddings")):
        return None
    try:
        asked = msgspec.json.decode(body, type=dict[str, Any])
        if not (single or batch):
            return _openai(asked)
        requests = [asked] if single else asked["requests"]
        texts = ["".join(part["text"] for part in request["content"]["parts"]) for request in requests]
        found = [
            {"values": vector(text, _size(request.get("outputDimensionality")))}
            for text, request in zip(texts, requests, strict=True)
        ]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequestError(f"this is no request for embeddings: {error!r}") from error
    usage = {"promptTokenCount": sum(map(estimate_tokens, texts))}
    return {"embedding": found[0], "usageMetadata": usage} if single else {"embeddings": found, "usageMetadata": usage}


def _openai(asked: dict[str, Any]) -> dict[str, Any]:
    texts = [asked["input"]] if isinstance(asked["input"], str) else list(asked["input"])
    vectors = [vector(text, _size(asked.get("dimensions"))) for text in texts]
    packed = asked.get("encoding_format") == "base64"
    tokens = sum(map(estimate_tokens, texts))
    return {
        "object": "list",
        "model": asked["model"],
        "data": [
            {"object": "embedding", "index": place, "embedding": _packed(numbers) if packed else numbers}
            for place, numbers in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(array("f", numbers).tobytes()).decode()


def _size(value: Any) -> int:
    if value is None:
        return SIZE
    if type(value) is not int or not 0 < value <= LARGEST:
        raise InvalidRequestError(f"a vector has 1 to {LARGEST} numbers", param="dimensions")
    return value
