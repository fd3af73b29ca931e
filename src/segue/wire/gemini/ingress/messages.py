"""Gemini's `contents` and `systemInstruction` as messages.

Results of calls come in user turns; here they become messages of role `tool`. Old clients send calls without ids: then a call's id is made
from its position, and a result belongs to the first call of its name that has none yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec

from segue.chat.messages import File, Image, Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from segue.wire.files import of_data
from segue.wire.gemini.ingress.fields import Json, check, fault, items, join, read
from segue.wire.gemini.schema import camel
from segue.wire.gemini.upstream.messages import DIALECT, PLACEHOLDER_SIGNATURE

_MEDIA_TYPE = re.compile(r"\s*[\w.+-]+/[\w.+*-]+\s*(?:;.*)?")
_USER_ROLES = ("user", "function", "tool", "")
_MODEL_ROLES = ("model", "assistant")
_SYSTEM_ROLES = ("system", "developer")
"""Other dialects' roles, which callers that come from them still use."""
_NOTES = frozenset(
    {
        "thought",
        "thoughtSignature",
        "videoMetadata",
        "mediaResolution",
        "partMetadata",
        "mediaProcessing",
        "speechMetadata",
    }
)
"""Fields of a part that describe it; its kind is in the others."""


def system(value: Any, where: str) -> Message | None:
    """The system message; None if it is empty."""
    if isinstance(value, str):
        return Message("system", (Text(value),)) if value else None
    texts: list[Part] = []
    for part, at in items(camel(check(value, dict, where)).get("parts", []), join(where, "parts")):
        text = read(part, "text", str, at)
        if text is None:
            raise fault("a system instruction may hold only text", at)
        if text:
            texts.append(Text(text))
    return Message("system", tuple(texts)) if texts else None


def messages(value: Any, where: str) -> list[Message]:
    reader = _Reader()
    for content, at in items(value, where):
        reader.take(content, at)
    return [Message(role, tuple(_one_text(parts) if role == "assistant" else parts)) for role, parts in reader.turns]


def _one_text(parts: list[Part]) -> Iterator[Part]:
    """Texts that follow one another are pieces of one."""
    for kind, group in groupby(parts, type):
        if kind is Text:
            yield Text("".join(part.text for part in group if isinstance(part, Text)))
        else:
            yield from group


class _Reader:
    def __init__(self) -> None:
        self.turns: list[tuple[Role, list[Part]]] = []
        self._unanswered: dict[str, str] = {}
        self._ids: set[str] = set()

    def take(self, content: Json, where: str) -> None:
        role = read(content, "role", str, where) or ""
        if role not in (*_USER_ROLES, *_MODEL_ROLES, *_SYSTEM_ROLES):
            raise fault("must be user or model", join(where, "role"))
        parts = items(content.get("parts", []), join(where, "parts"))
        if role in _SYSTEM_ROLES:
            for part, at in parts:
                self._add("system", _plain(part, at), joined=at != parts[0][1])
            return
        if role in _MODEL_ROLES:
            for part, at in parts:
                self._add("assistant", self._model_part(part, at), joined=True)
            return
        for part, at in parts:
            if "functionResponse" in part:
                self._add("tool", [self._result(camel(check(part["functionResponse"], dict, at)), at)], joined=True)
            else:
                self._add("user", _plain(part, at), joined=at != parts[0][1])

    def _add(self, role: Role, parts: list[Part], *, joined: bool = False) -> None:
        """`joined` parts continue the turn before if that has the same

        role. So do adjacent model turns and turns of results: the official SDK keeps one content for each chunk that it received.
        """
        if parts and joined and self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(parts)
        elif parts:
            self.turns.append((role, parts))

    def _model_part(self, part: Json, where: str) -> list[Part]:
        signature = read(part, "thoughtSignature", str, where) or ""
        if "functionCall" in part:
            at = join(where, "functionCall")
            call = camel(check(part["functionCall"], dict, at))
            return [self._call(call, "" if signature == PLACEHOLDER_SIGNATURE else signature, at)]
        if read(part, "thought", bool, where):
            text = read(part, "text", str, where) or ""
            return [Thinking(text=text, signature=signature, dialect=DIALECT)] if text or signature else []
        plain = _plain(part, where)
        return [*plain, Thinking(signature=signature, dialect=DIALECT)] if signature else plain

    def _call(self, call: Json, signature: str, where: str) -> ToolCall:
        name = read(call, "name", str, where)
        if not name:
            raise fault("name the function that is called", join(where, "name"))
        arguments = read(call, "args", dict, where) or {}
        id = read(call, "id", str, where) or self._new_id(where)
        self._ids.add(id)
        self._unanswered[id] = name
        return ToolCall(id=id, name=name, arguments=msgspec.json.encode(arguments).decode(), signature=signature)

    def _new_id(self, where: str) -> str:
        id = "_".join(["call", *re.findall(r"\d+", where)])
        while id in self._ids:
            id += "_"
        return id

    def _result(self, result: Json, part_where: str) -> ToolResult:
        where = join(part_where, "functionResponse")
        name = read(result, "name", str, where) or ""
        id = read(result, "id", str, where) or next((id for id, n in self._unanswered.items() if n == name), "")
        called = self._unanswered.pop(id, "")
        texts, is_error = _output(read(result, "response", dict, where) or {})
        parts = items(result.get("parts", []), join(where, "parts"))
        shown = [one for part, at in parts for one in _plain(part, at) if isinstance(one, Text | Image | File)]
        return ToolResult(call_id=id, name=name or called, content=(*texts, *shown), is_error=is_error)


def _output(response: Json) -> tuple[list[Text], bool]:
    """What a function gave back: `error` or `output` where it stands alone, else the whole object."""
    if len(response) == 1:
        for key, is_error in (("error", True), ("output", False)):
            if key in response:
                output = response[key]
                text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
                return ([Text(text)] if text else []), is_error
    return ([Text(msgspec.json.encode(response).decode())] if response else []), False


def _plain(part: Json, where: str) -> list[Part]:
    """A part without calls: text or an image. What a code tool wrote and printed is carried as text."""
    if "text" in part:
        text = read(part, "text", str, where)
        return [Text(text)] if text else []
    if "inlineData" in part:
        at = join(where, "inlineData")
        blob = camel(check(part["inlineData"], dict, at))
        media_type = _media_type(read(blob, "mimeType", str, at), join(at, "mimeType"))
        return [of_data(read(blob, "data", str, at) or "", media_type, read(blob, "displayName", str, at) or "")]
    if "fileData" in part:
        at = join(where, "fileData")
        file = camel(check(part["fileData"], dict, at))
        uri = read(file, "fileUri", str, at)
        if not uri:
            raise fault("give the file's address", join(at, "fileUri"))
        declared = read(file, "mimeType", str, at)
        if declared and not declared.lower().startswith("image/"):
            return [File(url=uri, media_type=_media_type(declared, join(at, "mimeType")))]
        return [Image(url=uri, media_type=declared)]
    if "executableCode" in part:
        code = camel(check(part["executableCode"], dict, join(where, "executableCode")))
        return [Text(f"```{str(code.get('language', '')).lower()}\n{code.get('code', '')}\n```")]
    if "codeExecutionResult" in part:
        result = camel(check(part["codeExecutionResult"], dict, join(where, "codeExecutionResult")))
        return [Text(f"```\n{result.get('output', '')}\n```")]
    strange = sorted(set(part) - _NOTES)
    if strange:
        raise fault(
            "can't be passed on: use text, files, function calls and function responses", join(where, strange[0])
        )
    return []


def _media_type(value: str | None, where: str) -> str:
    if value and _MEDIA_TYPE.fullmatch(value):
        return value
    raise fault("name its type, e.g. image/png or application/pdf", where)
