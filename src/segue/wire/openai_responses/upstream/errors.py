"""What an error of this dialect means.

Errors are those of OpenAI's other dialect, with a few more codes; the fields that they name get our names.
Inside a stream an error comes as an `error` event, flat or with an `error` object, or as a response whose status is `failed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from segue.chat.failure import Failure, FailureKind
from segue.wire.openai import upstream_errors as chat
from segue.wire.openai.upstream_errors import broken

__all__ = ["broken", "of_bytes", "of_document", "of_http", "of_text"]

_K = FailureKind
_AT_FAULT = (
    *("invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url", "image_parse_error"),
    *("invalid_image_mode", "empty_image_file", "image_file_not_found", "previous_response_not_found"),
)
_CODES: dict[str | None, tuple[FailureKind, str | None]] = {
    **dict.fromkeys(_AT_FAULT, (_K.CALLER, "messages")),
    # Another provider may reach the image, or have no residency rule.
    "failed_to_download_image": (_K.CAPABILITY, None),
    "data_residency_mismatch": (_K.CAPABILITY, None),
    # Reasoning of another organization or model, or of a key that was changed since: the turns are sent without it.
    "invalid_encrypted_content": (_K.CAPABILITY, "thinking"),
}
_OUR_NAMES = {
    "max_output_tokens": "max_tokens",
    "reasoning": "effort",
    "reasoning.effort": "effort",
    "text": "output",
}
_STRUCTURAL = re.compile(r"(?:input|tools)\b")
"""Fields that a request can't go without."""


def of_http(status: int, headers: Mapping[str, str], body: bytes, wall: float) -> Failure:
    """What an answer other than 2xx means. `headers` have lower-case names; `wall` is epoch seconds."""
    return _refined(chat.of_http(status, headers, body, wall))


def of_bytes(data: bytes) -> Failure | None:
    """The error in a JSON document with a 2xx status, if there is one."""
    failure = chat.of_bytes(data)
    return failure and _refined(failure)


def of_document(document: Any) -> Failure:
    """What a parsed error document means."""
    return _refined(chat.of_document(document))


def of_text(data: bytes) -> Failure:
    """What an error event means whose data is not JSON."""
    return _refined(chat.of_text(data))


def _refined(failure: Failure) -> Failure:
    kind, param = failure.kind, _our_name(failure.param)
    if failure.code in _CODES:
        kind, cure = _CODES[failure.code]
        param = cure if kind is _K.CAPABILITY else param or cure
    elif param and kind is _K.CAPABILITY and _STRUCTURAL.match(param):
        param = None
    return msgspec.structs.replace(failure, kind=kind, param=param)


def _our_name(param: str | None) -> str | None:
    return param and _OUR_NAMES.get(param, param)
