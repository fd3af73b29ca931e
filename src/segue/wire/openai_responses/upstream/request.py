"""A request as the body of a Responses call.

What the model is known not to take is left out and named, by the names of `ChatRequest`; so is what the dialect has no field
for (`stop`, `seed`, penalties, `top_k`) and what the target has refused before (`Call.omit`, which knows a field by our name or by
the wire's). Nothing is stored at the provider unless the caller asks for it: reasoning comes encrypted and goes back with its turn.

A request from Chat Completions keeps the fields that have the same name in both dialects. Quirks, both optional:

    system_role  the role of system messages, e.g. "developer"
    leave_out    names of fields the provider refuses whatever the model
"""

from __future__ import annotations

from typing import Any

from segue.chat.request import ChatRequest, Tool, ToolChoice
from segue.wire.codec import Call
from segue.wire.fitting.fit import Fitted
from segue.wire.openai.effort import asked_effort, fitting_effort
from segue.wire.openai.output import held_to, mentions_json, schema_fields
from segue.wire.openai_responses.upstream.messages import DIALECT, input_items, text_item
from segue.wire.wording import demand, json_instruction

CHAT = "openai_chat"
"""The dialect whose extra fields are read too."""
LEAST_TOKENS = 16
"""The least `max_output_tokens` the API takes."""

_ENCRYPTED = "reasoning.encrypted_content"
_OURS = frozenset({"model", "input", "stream"})
_NEVER_OMITTED = _OURS | {"tools", "tool_choice"}
_SHARED = (
    *("metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    *("safety_identifier", "service_tier", "store"),
)
"""Fields that Chat Completions names alike."""
_WIRE_NAMES = {"max_tokens": "max_output_tokens", "effort": "reasoning.effort", "thinking_budget": "reasoning.effort"}
_OUR_NAMES = {"max_output_tokens": "max_tokens", "reasoning": "effort", "reasoning.effort": "effort"}
_DEFAULTS = {"temperature": 1.0, "top_p": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0.0}
_WORDLESS = ("top_k", "seed", "frequency_penalty", "presence_penalty")


def body(fitted: Fitted, call: Call) -> dict[str, Any]:
    """The body's fields. Adds to `fitted` what was left out and repaired."""
    request, omitted = fitted.request, fitted.omitted
    extra = _extra(request)
    thinking = _table(extra, "reasoning")
    effort = fitting_effort(asked_effort(request, thinking.pop("effort", None)), call.model, omitted)
    fields: dict[str, Any] = {
        "model": call.model.id,
        "input": input_items(request.messages, call, omitted),
        "store": False,
    }
    if request.max_tokens is not None:
        limit = min(request.max_tokens, call.model.max_output or request.max_tokens)
        fields["max_output_tokens"] = max(limit, LEAST_TOKENS)
    _sampling(fields, request, call, effort, omitted)
    _tools(fields, request, call, effort, extra.pop("tools", None), omitted)
    _text(fields, request, call, _table(extra, "text"), omitted)
    _reasoning(fields, call, effort, thinking, extra.pop("include", None))
    if request.user is not None:
        fields["user"] = request.user
    fields |= {name: value for name, value in extra.items() if name not in _OURS}
    if call.stream:
        fields["stream"] = True
    _leave_out(fields, call, omitted)
    return fields


def _extra(request: ChatRequest) -> dict[str, Any]:
    """The caller's own fields of this dialect, and before them those of Chat Completions that exist here too."""
    chat = request.extra.get(CHAT, {})
    extra = {name: chat[name] for name in _SHARED if name in chat}
    if effort := chat.get("reasoning_effort"):
        extra["reasoning"] = {"effort": effort}
    if verbosity := chat.get("verbosity"):
        extra["text"] = {"verbosity": verbosity}
    return extra | request.extra.get(DIALECT, {})


def _table(extra: dict[str, Any], name: str) -> dict[str, Any]:
    value = extra.pop(name, None)
    return dict(value) if isinstance(value, dict) else {}


def _sampling(fields: dict[str, Any], request: ChatRequest, call: Call, effort: str | None, omitted: list[str]) -> None:
    for name in ("temperature", "top_p"):
        value = getattr(request, name)
        if value is not None and call.model.takes(name, effort=effort):
            fields[name] = min(value, call.model.temperature_max) if name == "temperature" else value
        elif value not in (None, _DEFAULTS[name]):
            omitted.append(name)
    omitted.extend(name for name in _WORDLESS if getattr(request, name) not in (None, _DEFAULTS.get(name)))
    if request.stop:
        omitted.append("stop")


def _tools(
    fields: dict[str, Any], request: ChatRequest, call: Call, effort: str | None, others: object, omitted: list[str]
) -> None:
    """`others` are tools other than functions, as the caller wrote them."""
    tools = [_tool(tool, omitted) for tool in request.tools] + (others if isinstance(others, list) else [])
    if not tools:
        return
    model = call.model
    fields["tools"] = tools
    if request.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    if (choice := request.tool_choice) is None:
        return
    forcible = model.forced_tool_use and (model.forced_tool_use_while_reasoning or not model.reasons(effort))
    if choice.mode in ("required", "tool") and (not forcible or "tool_choice" in call.omit):
        omitted.append("tool_choice")
        _ask(fields, demand(choice))
    else:
        fields["tool_choice"] = _choice(choice)


def _tool(tool: Tool, omitted: list[str]) -> dict[str, Any]:
    """`strict` is always sent: here, unlike in Chat Completions, it is on by default."""
    function: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description:
        function["description"] = tool.description
    schema, held = held_to(tool.parameters, omitted) if tool.strict else (tool.parameters, False)
    return function | {"parameters": schema, "strict": held}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    return {"type": "function", "name": choice.name or ""} if choice.mode == "tool" else choice.mode


def _text(fields: dict[str, Any], request: ChatRequest, call: Call, text: dict[str, Any], omitted: list[str]) -> None:
    """The form of the answer: the format, and the caller's own settings (`verbosity`)."""
    output = request.output
    if output is not None:
        if "output" in call.omit:
            omitted.append("output.schema" if output.schema is not None else "output")
            _ask(fields, json_instruction(output))
        elif output.schema is not None and call.model.json_schema:
            text["format"] = {"type": "json_schema", **schema_fields(output, omitted)}
        else:
            text["format"] = {"type": "json_object"}
            if output.schema is not None:
                omitted.append("output.schema")
                _ask(fields, json_instruction(output))
            elif not mentions_json(request):
                _ask(fields, json_instruction(output))
    if text:
        fields["text"] = text


def _ask(fields: dict[str, Any], instruction: str) -> None:
    """Puts an instruction before the conversation, behind the system messages that open it."""
    items = fields["input"]
    opening = next((n for n, item in enumerate(items) if item.get("role") not in ("system", "developer")), len(items))
    items.insert(opening, text_item("system", instruction))


def _reasoning(
    fields: dict[str, Any], call: Call, effort: str | None, thinking: dict[str, Any], include: object
) -> None:
    if effort is not None:
        thinking["effort"] = effort
    if thinking:
        fields["reasoning"] = thinking
    wanted = list(include) if isinstance(include, list) else []
    if call.model.reasoning and _ENCRYPTED not in wanted:
        # Other models refuse it.
        wanted.append(_ENCRYPTED)
    if wanted:
        fields["include"] = wanted


def _leave_out(fields: dict[str, Any], call: Call, omitted: list[str]) -> None:
    for refused in sorted(call.omit.union(call.quirks.get("leave_out", ()))):
        path = _WIRE_NAMES.get(refused, refused)
        name, _, inner = path.partition(".")
        if name in _NEVER_OMITTED or name not in fields:
            continue
        holder, key = (fields[name], inner) if inner else (fields, name)
        if not isinstance(holder, dict) or key not in holder:
            continue
        value = holder.pop(key)
        if inner and not holder:
            del fields[name]
        if name not in ("include", "stream_options") and value != _DEFAULTS.get(name):
            omitted.append(_OUR_NAMES.get(path, path))
