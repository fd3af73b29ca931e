"""A chat request as the body of `generateContent`.

What the model is known not to take, and what this target has refused before, is left out and named. `omit` may name a field as
`ChatRequest` or as Gemini calls it. A system instruction that is refused (by Gemma) goes to the head of the first user turn.
"""

from __future__ import annotations

from typing import Any

import msgspec

from segue.catalog.models import ModelInfo
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.errors import InvalidRequestError
from segue.wire.codec import Call
from segue.wire.fitting.fit import Fitted
from segue.wire.gemini.schema import to_gemini
from segue.wire.gemini.upstream.messages import DIALECT, transcript
from segue.wire.gemini.upstream.thinking import thinking_config
from segue.wire.wording import demand, json_instruction

_SCALARS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
}
_TOGETHER = (frozenset({"effort", "thinking_budget"}), frozenset({"frequency_penalty", "presence_penalty"}))
"""Fields that a model takes or refuses together, no matter which of them its error names."""
_MOST_STOPS = 5
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}

Json = dict[str, Any]


def body(fitted: Fitted, call: Call) -> bytes:
    """The body. Adds to `fitted` what was left out and repaired. Raises `InvalidRequestError` for what can't be expressed for Gemini."""
    request, omitted = fitted.request, fitted.omitted
    taken = _Taken(request, call, omitted)
    contents = transcript(request.messages, call, fitted)
    document: Json = {"contents": contents.contents}
    if contents.system and "system" in call.omit:
        contents.contents[0]["parts"] = contents.system + contents.contents[0]["parts"]
    elif contents.system:
        document["systemInstruction"] = {"parts": contents.system}
    if request.tools and taken("tools", request.tools):
        document["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in request.tools]}]
        if choice := _tool_config(request.tool_choice, call.model, taken):
            document["toolConfig"] = choice
    if request.parallel_tool_calls is False and request.tools:
        omitted.append("parallel_tool_calls")
    if config := _generation_config(request, call.model, taken):
        document["generationConfig"] = config
    if instructions := _instructions(request, omitted):
        _instruct(document, instructions, call)
    document = _merged(document, request.extra.get(DIALECT, {}))
    if "logprobs" in call.omit and document.get("generationConfig", {}).pop("responseLogprobs", None):
        omitted.append("logprobs")
    for name in call.omit:
        document.pop(name, None)
        document.get("generationConfig", {}).pop(name, None)
    try:
        return msgspec.json.encode(document)
    except (ValueError, TypeError, RecursionError) as problem:
        raise InvalidRequestError(f"the request can't be written as JSON: {problem}") from problem


class _Taken:
    """Whether a field is sent. Records each one that is not, although the caller set it."""

    def __init__(self, request: ChatRequest, call: Call, omitted: list[str]) -> None:
        self._request = request
        self._info = call.model
        self._omit = call.omit.union(*(group for group in _TOGETHER if group & call.omit))
        self._omitted = omitted
        self._exclusive = [name for name in call.model.exclusive if getattr(request, name, None) is not None][1:]

    def __call__(self, name: str, value: Any) -> bool:
        if value is None or value == ():
            return False
        info, request = self._info, self._request
        known = info.takes(name, effort=request.effort, thinking_budget=request.thinking_budget)
        if known and name not in self._omit and name not in self._exclusive and (name != "tools" or info.tools):
            return True
        self.leave_out(name)
        return False

    def leave_out(self, name: str) -> None:
        self._omitted.append(name)


def _declaration(tool: Tool) -> Json:
    declaration: Json = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.parameters.get("properties") or tool.parameters.get("additionalProperties"):
        declaration["parametersJsonSchema"] = to_gemini(tool.parameters)
    return declaration


def _tool_config(choice: ToolChoice | None, info: ModelInfo, taken: _Taken) -> Json | None:
    forced = choice is not None and choice.mode in ("required", "tool")
    if choice is None or (forced and not taken("tool_choice", choice)):
        return None
    if forced and not info.forced_tool_use:
        taken.leave_out("tool_choice")
        return None
    config: Json = {"mode": _MODES[choice.mode]}
    if choice.mode == "tool":
        config["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": config}


def _generation_config(request: ChatRequest, info: ModelInfo, taken: _Taken) -> Json:
    config: Json = {}
    for name, wire_name in _SCALARS.items():
        value = getattr(request, name)
        if taken(name, value):
            config[wire_name] = value
    if len(config.get("stopSequences", ())) > _MOST_STOPS:
        config["stopSequences"] = config["stopSequences"][:_MOST_STOPS]
        taken.leave_out(f"stop[{_MOST_STOPS}:]")
    if info.max_output and config.get("maxOutputTokens", 0) > info.max_output:
        config["maxOutputTokens"] = info.max_output
    if request.output and taken("output", request.output):
        config |= _output(request.output, info, taken)
    config |= _thinking(request, info, taken)
    return config


def _instructions(request: ChatRequest, omitted: list[str]) -> list[str]:
    """What no parameter can enforce, as an instruction in the prompt."""
    instructions = []
    if request.tool_choice is not None and "tool_choice" in omitted:
        instructions.append(demand(request.tool_choice))
    if request.output is not None and "output" in omitted:
        instructions.append(json_instruction(request.output))
    return instructions


def _instruct(document: Json, instructions: list[str], call: Call) -> None:
    parts = [{"text": instruction} for instruction in instructions]
    if "system" in call.omit:
        document["contents"][0]["parts"] = parts + document["contents"][0]["parts"]
    else:
        existing = document.get("systemInstruction", {}).get("parts", [])
        document["systemInstruction"] = {"parts": [*existing, *parts]}


def _thinking(request: ChatRequest, info: ModelInfo, taken: _Taken) -> Json:
    asked = [name for name in ("effort", "thinking_budget") if getattr(request, name) is not None]
    left_out = [name for name in asked if not taken(name, getattr(request, name))]
    if not asked or left_out:
        return {}
    if thinking := thinking_config(request, info):
        return {"thinkingConfig": thinking}
    if request.effort != "none" and request.thinking_budget != 0:
        for name in asked:
            taken.leave_out(name)
    return {}


def _output(output: OutputSchema, info: ModelInfo, taken: _Taken) -> Json:
    config: Json = {"responseMimeType": "application/json"}
    if output.schema is not None:
        if info.json_schema:
            config["responseJsonSchema"] = to_gemini(output.schema)
        else:
            taken.leave_out("output")
    return config


def _merged(body: Json, extra: Json) -> Json:
    """`extra` merged into a body: objects are merged, `tools` are appended, everything else is replaced."""
    into = dict(body)
    for name, value in extra.items():
        present = into.get(name)
        if isinstance(value, dict):
            into[name] = _merged(present if isinstance(present, dict) else {}, value)
        elif name == "tools" and isinstance(present, list) and isinstance(value, list):
            into[name] = present + value
        else:
            into[name] = value
    return into
