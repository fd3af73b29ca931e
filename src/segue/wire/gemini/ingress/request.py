"""The body of `generateContent` as a chat request.

What has no place in `ChatRequest` is kept in `extra["gemini"]`, in Gemini's own shape, and so reaches a Gemini target unchanged.
What would change the answer's form beyond what Segue can carry (several candidates, audio, enum text) is refused by name.
"""

from __future__ import annotations

from typing import Any

from segue.chat.request import ChatRequest, Effort, OutputSchema, Tool, ToolChoice
from segue.wire.gemini.ingress import messages as contents
from segue.wire.gemini.ingress.fields import Json, check, fault, integer, items, join, number, read
from segue.wire.gemini.schema import camel, from_gemini
from segue.wire.gemini.upstream.messages import DIALECT

_EFFORTS: dict[str, Effort] = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "max"}
_CONFIG = "generationConfig"
_CALLING = "toolConfig.functionCallingConfig"


def chat_request(body: Json) -> ChatRequest:
    """Raises `InvalidRequestError` that names the field at fault."""
    fields = camel(body)
    fields.pop("model", None)
    instruction = fields.pop("systemInstruction", None)
    first = contents.system(instruction, "systemInstruction") if instruction is not None else None
    messages = contents.messages(fields.pop("contents", []), "contents")
    if not messages:
        raise fault("give at least one content with text", "contents")
    values: dict[str, Any] = {"messages": (first, *messages) if first else tuple(messages)}
    rest: Json = {}
    if (tools := fields.pop("tools", None)) is not None:
        values["tools"], rest["tools"] = _tools(tools)
    if (config := read(fields, "toolConfig", dict, "")) is not None:
        values["tool_choice"], rest["toolConfig"] = _tool_choice(camel(config))
    if (config := read(fields, _CONFIG, dict, "")) is not None:
        config = camel(config)
        values |= _sampling(config) | _thinking(config) | _output(config)
        _refuse_other_forms(config)
        rest[_CONFIG] = config
    extra = {name: value for name, value in (rest | fields).items() if value not in ({}, [])}
    return ChatRequest(**values, extra={DIALECT: extra} if extra else {})


def wants_thoughts(body: Json) -> bool:
    """Whether the answer may show thoughts."""
    config = camel(body).get(_CONFIG)
    thinking = camel(config).get("thinkingConfig") if isinstance(config, dict) else None
    return isinstance(thinking, dict) and camel(thinking).get("includeThoughts") is True


def _sampling(config: Json) -> Json:
    stops = read(config, "stopSequences", list, _CONFIG) or []
    if not all(isinstance(stop, str) for stop in stops):
        raise fault("must be an array of strings", join(_CONFIG, "stopSequences"))
    return {
        "temperature": number(config, "temperature", 0, 2, _CONFIG),
        "top_p": number(config, "topP", 0, 1, _CONFIG),
        "top_k": integer(config, "topK", 1, _CONFIG),
        "max_tokens": integer(config, "maxOutputTokens", 1, _CONFIG),
        "seed": integer(config, "seed", None, _CONFIG),
        "frequency_penalty": number(config, "frequencyPenalty", -2, 2, _CONFIG),
        "presence_penalty": number(config, "presencePenalty", -2, 2, _CONFIG),
        "stop": tuple(stops),
    }


def _thinking(config: Json) -> Json:
    where = join(_CONFIG, "thinkingConfig")
    thinking = read(config, "thinkingConfig", dict, _CONFIG)
    if thinking is None:
        return {}
    thinking = camel(thinking)
    fields: Json = {}
    if level := read(thinking, "thinkingLevel", str, where):
        if level.upper() not in (*_EFFORTS, "THINKING_LEVEL_UNSPECIFIED"):
            raise fault(f"must be one of {', '.join(_EFFORTS)}", join(where, "thinkingLevel"))
        fields["effort"] = _EFFORTS.get(level.upper())
    budget = integer(thinking, "thinkingBudget", -1, where)
    if budget == -1:
        thinking["thinkingBudget"] = budget
    elif budget is not None:
        fields["thinking_budget"] = budget
    if thinking:
        config["thinkingConfig"] = thinking
    return fields


def _output(config: Json) -> Json:
    media_type = read(config, "responseMimeType", str, _CONFIG)
    own = read(config, "responseSchema", dict, _CONFIG)
    older = read(config, "_responseJsonSchema", dict, _CONFIG)
    schema = read(config, "responseJsonSchema", dict, _CONFIG) or older
    if media_type not in (None, "", "text/plain", "application/json"):
        raise fault("must be text/plain or application/json", join(_CONFIG, "responseMimeType"))
    if own is not None or _has_own_types(schema):
        schema = from_gemini(own if own is not None else schema or {})
    return {"output": OutputSchema(schema=schema)} if schema is not None or media_type == "application/json" else {}


def _has_own_types(schema: Json | None) -> bool:
    """Whether a JSON Schema names its types as Gemini's own do, e.g. `OBJECT`: Gemini CLI sends such."""
    return schema is not None and isinstance(kind := schema.get("type"), str) and kind.isupper()


def _refuse_other_forms(config: Json) -> None:
    if (integer(config, "candidateCount", 1, _CONFIG) or 1) > 1:
        raise fault(
            "must be 1: an answer has one candidate here; send as many requests instead",
            join(_CONFIG, "candidateCount"),
        )
    modalities = read(config, "responseModalities", list, _CONFIG) or []
    if any(not isinstance(modality, str) or modality.upper() != "TEXT" for modality in modalities):
        raise fault("must be TEXT alone", join(_CONFIG, "responseModalities"))


def _tools(value: Any) -> tuple[tuple[Tool, ...], list[Json]]:
    """The functions, and the tools of other kinds as they are."""
    tools: list[Tool] = []
    others: list[Json] = []
    for tool, where in items(value, "tools"):
        declarations = tool.pop("functionDeclarations", None)
        if declarations is not None:
            tools += [_tool(each, at) for each, at in items(declarations, join(where, "functionDeclarations"))]
        if tool:
            others.append(tool)
    return tuple(tools), others


def _tool(declaration: Json, where: str) -> Tool:
    name = read(declaration, "name", str, where)
    if not name:
        raise fault("a function needs a name", join(where, "name"))
    parameters = read(declaration, "parametersJsonSchema", dict, where)
    own = read(declaration, "parameters", dict, where)
    if parameters is None or _has_own_types(parameters):
        parameters = from_gemini(parameters or own or {})
    return Tool(name=name, description=read(declaration, "description", str, where) or "", parameters=parameters)


def _tool_choice(config: Json) -> tuple[ToolChoice | None, Json]:
    """The choice, and the rest of the configuration."""
    calling = config.pop("functionCallingConfig", None)
    if calling is None:
        return None, config
    calling = camel(check(calling, dict, _CALLING))
    mode = (read(calling, "mode", str, _CALLING) or "AUTO").upper()
    names = read(calling, "allowedFunctionNames", list, _CALLING) or []
    if mode not in ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"):
        raise fault("must be AUTO, ANY, NONE or VALIDATED", join(_CALLING, "mode"))
    if not all(isinstance(name, str) for name in names):
        raise fault("must be an array of strings", join(_CALLING, "allowedFunctionNames"))
    if mode == "ANY" and len(names) == 1:
        choice = ToolChoice(mode="tool", name=names[0])
    else:
        choice = ToolChoice(mode={"ANY": "required", "NONE": "none"}.get(mode, "auto"))  # type: ignore[arg-type]
        if names:
            calling["allowedFunctionNames"] = names
    if mode == "VALIDATED":
        calling["mode"] = mode
    return choice, config | ({"functionCallingConfig": calling} if calling else {})
