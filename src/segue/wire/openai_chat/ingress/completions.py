"""The older Completions (`/v1/completions`): a prompt, served as a chat of one user turn.

What only a text-completion model can do is refused by name: `suffix`, `best_of`, log probabilities, prompts of token numbers, and
several prompts at once. `echo` repeats the prompt before the answer. All other fields are those of Chat Completions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from segue.chat.events import ChatEvent, Finished, FinishReason, Started, TextDelta, UsageReport
from segue.chat.usage import Usage
from segue.errors import InvalidRequestError, SegueError
from segue.wire.codec import IngressRequest
from segue.wire.lenient import UNREADABLE
from segue.wire.openai import usage
from segue.wire.openai.ingress_errors import error_answer, error_body
from segue.wire.openai_chat.ingress.request import read_request
from segue.wire.openai_chat.upstream.messages import DIALECT

_json = msgspec.json.encode

_OWN: Final = ("prompt", "suffix", "best_of", "logprobs", "echo")
"""What Chat Completions does not have, or has in another shape."""
_REASONS: Final = {FinishReason.LENGTH: "length", FinishReason.CONTENT_FILTER: "content_filter"}


class CompletionsIngress:
    """The server side of the older Completions. See `segue.wire.codec.IngressCodec`."""

    dialect = DIALECT

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        try:
            fields = msgspec.json.decode(body, type=dict[str, Any])
        except UNREADABLE as error:
            raise InvalidRequestError(f"the body is not a JSON object that can be read: {error}") from error
        prompt = _prompt(fields.get("prompt"))
        _refuse_unsupported(fields)
        chat = {name: value for name, value in fields.items() if name not in _OWN}
        asked = read_request(_json(chat | {"messages": [{"role": "user", "content": prompt}]}))
        return msgspec.structs.replace(asked, options=asked.options | {"echo": prompt if fields.get("echo") else ""})

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> StreamEncoder | WholeEncoder:
        about = {"id": f"cmpl-{id}", "object": "text_completion", "created": created}
        echo: str = request.options["echo"]
        if not request.stream:
            return WholeEncoder(about, request.model, echo)
        return StreamEncoder(about, request.model, echo, include_usage=bool(request.options.get("include_usage")))

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        return error_answer(error)


class StreamEncoder:
    """Chunks as server-sent events, ended by `[DONE]`."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, about: dict[str, Any], model: str, echo: str, *, include_usage: bool) -> None:
        self._about = about | {"model": model}
        self._echo = echo
        self._include_usage = include_usage
        self._usage: Usage | None = None
        self._over = False

    def feed(self, event: ChatEvent) -> bytes:
        if self._over:
            return b""
        if isinstance(event, TextDelta):
            return self._text(event.text) if event.text else b""
        if isinstance(event, Started):
            self._about["model"] = event.model or self._about["model"]
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, Finished):
            return self._finish(event)
        return b""

    def ping(self) -> bytes:
        """A chunk that adds nothing."""
        return b"" if self._over else self._chunk(choices=[_choice("", None)])

    def fail(self, error: SegueError) -> bytes:
        self._over = True
        return b"data: " + error_body(error) + b"\n\n"

    def _text(self, text: str) -> bytes:
        echo, self._echo = self._echo, ""
        return self._chunk(choices=[_choice(echo + text, None)])

    def _finish(self, event: Finished) -> bytes:
        data = self._text(event.refusal) if event.refusal or self._echo else b""
        self._over = True
        data += self._chunk(choices=[_choice("", _REASONS.get(event.reason, "stop"))])
        if self._include_usage and self._usage is not None:
            data += self._chunk(choices=[], usage=usage.write(self._usage))
        return data + b"data: [DONE]\n\n"

    def _chunk(self, **fields: Any) -> bytes:
        return b"data: " + _json(self._about | fields) + b"\n\n"


class WholeEncoder:
    """One document, returned at the end."""

    content_type = "application/json"

    def __init__(self, about: dict[str, Any], model: str, echo: str) -> None:
        self._about = about
        self._model = model
        self._text = [echo]
        self._usage: Usage | None = None

    def feed(self, event: ChatEvent) -> bytes:
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, Started):
            self._model = event.model or self._model
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, Finished):
            text = "".join(self._text) + (event.refusal or "")
            document = {"model": self._model, "choices": [_choice(text, _REASONS.get(event.reason, "stop"))]}
            counted = {} if self._usage is None else {"usage": usage.write(self._usage)}
            return _json(self._about | document | counted)
        return b""

    def ping(self) -> bytes:
        return b""

    def fail(self, error: SegueError) -> bytes:
        return error_body(error)


def _choice(text: str, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str) and prompt:
        return prompt
    if isinstance(prompt, list) and prompt and all(isinstance(one, str) for one in prompt):
        raise InvalidRequestError("prompt: one is answered at a time; send a request for each", param="prompt")
    if isinstance(prompt, list) and prompt:
        raise InvalidRequestError("prompt: token numbers are valid for one model only; send text", param="prompt")
    raise InvalidRequestError("prompt is missing: send the text to go on from", param="prompt")


def _refuse_unsupported(fields: Mapping[str, Any]) -> None:
    if fields.get("suffix"):
        raise InvalidRequestError(
            "suffix: filling a gap is not supported; put the text before and after it into the prompt", param="suffix"
        )
    if fields.get("best_of") not in (None, 1):
        raise InvalidRequestError("best_of: one answer is made; leave it out or send 1", param="best_of")
    if fields.get("logprobs") not in (None, False):
        raise InvalidRequestError(
            "logprobs: leave it out, or ask POST /v1/chat/completions with logprobs: true", param="logprobs"
        )
