"""A request as a Chat Completions body.

What the model is known not to take is left out and named, by the names of `ChatRequest`; so is what the target has refused
before (`Call.omit`, which knows a field by our name or by the wire's). Quirks are those of `catalog.providers.QUIRKS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segue.chat.request import ChatRequest, Tool, ToolChoice
from segue.wire.codec import Call
from segue.wire.fitting.fit import Fitted
from segue.wire.openai.effort import asked_effort, fitting_effort
from segue.wire.openai.output import held_to, mentions_json, schema_fields
from segue.wire.openai.upstream_errors import EFFORT_BESIDE_TOOLS
from segue.wire.openai_chat.upstream.messages import DIALECT, wire_messages
from segue.wire.wording import demand, json_instruction

CHOICES = ("none", "auto", "required", "tool")
FORMATS = ("json_object", "json_schema")
_MAX_STOPS = 4
_NEVER_OMITTED = frozenset({"model", "messages", "stream", "tool_choice"})
"""Fields that are never removed again: what can be refused in a tool choice is not sent in the first place."""
_OUR_NAMES = {
    "reasoning_effort": "effort",
    "max_completion_tokens": "max_tokens",
    "response_format": "output",
}
_DEFAULTS = {"temperature": 1.0, "top_p": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0.0}


def body(fitted: Fitted, call: Call) -> dict[str, Any]:
    """The body's fields. Adds to `fitted` what was left out and repaired."""
    request, omitted = fitted.request, fitted.omitted
    extra = dict(request.extra.get(DIALECT, {}))
    effort = _effort(request, call, extra.pop("reasoning_effort", None), omitted)
    fields: dict[str, Any] = {
        "model": call.model.id,
        "messages": wire_messages(request.messages, call, omitted),
    }
    _limit(fields, request, call, omitted)
    _sampling(fields, request, call, effort, omitted)
    chosen = extra.pop("tool_choice", None)
    _tools(fields, request, call, effort, extra.pop("tools", None), omitted)
    if chosen is not None and "tools" in fields:
        fields["tool_choice"] = chosen
    _output(fields, request, call, omitted)
    _think(fields, call, effort)
    if request.user is not None:
        fields["user"] = request.user
    fields |= {name: value for name, value in extra.items() if name not in _NEVER_OMITTED}
    if call.stream:
        fields["stream"] = True
        if not call.quirks.get("no_stream_options"):
            options = extra.get("stream_options")
            fields["stream_options"] = (options if isinstance(options, dict) else {}) | {"include_usage": True}
    else:
        fields.pop("stream_options", None)
    if call.prefill and isinstance(marks := call.quirks.get("prefill"), dict):
        fields |= marks
    _leave_out(fields, call, omitted)
    return fields


def _limit(fields: dict[str, Any], request: ChatRequest, call: Call, omitted: list[str]) -> None:
    if request.max_tokens is None:
        return
    names = ["max_tokens", "max_completion_tokens"]
    if call.quirks.get("max_tokens_param", call.model.max_tokens_param) != names[0]:
        names.reverse()
    # OpenAI's models refuse one of the two names and point to the other.
    name = next((name for name in names if name not in call.omit), None)
    if name is None:
        omitted.append("max_tokens")
        return
    fields[name] = min(request.max_tokens, call.model.max_output or request.max_tokens)


def _sampling(fields: dict[str, Any], request: ChatRequest, call: Call, effort: str | None, omitted: list[str]) -> None:
    model = call.model
    stop = list(request.stop)
    if len(stop) > _MAX_STOPS:
        omitted.append(f"stop[{_MAX_STOPS}:]")
        stop = stop[:_MAX_STOPS]
    temperature = None if request.temperature is None else min(request.temperature, model.temperature_max)
    asked = {
        "temperature": temperature,
        "top_p": request.top_p,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "seed": request.seed,
        "stop": stop or None,
        "top_k": request.top_k,
    }
    sent: set[str] = set()
    for name, value in asked.items():
        if value is None:
            continue
        taken = name != "top_k" or bool(call.quirks.get("top_k"))
        taken = taken and model.takes(name, effort=effort)
        if name in model.exclusive and sent.intersection(model.exclusive):
            taken = False
        if taken:
            fields[call.quirks.get("seed_param", name) if name == "seed" else name] = value
            sent.add(name)
        elif value != _DEFAULTS.get(name):
            omitted.append(name)


def _tools(
    fields: dict[str, Any], request: ChatRequest, call: Call, effort: str | None, others: object, omitted: list[str]
) -> None:
    """`others` are tools other than functions, as the caller wrote them."""
    others = others if isinstance(others, list) else []
    if not request.tools and not others:
        return
    model = call.model
    strict = not call.quirks.get("no_strict") and "strict" not in call.omit
    fields["tools"] = [_tool(tool, omitted, strict=strict) for tool in request.tools] + others
    if request.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    if (choice := request.tool_choice) is None:
        return
    taken = call.quirks.get("tool_choices", CHOICES)
    forcible = model.forced_tool_use and (model.forced_tool_use_while_reasoning or not model.reasons(effort))
    if not forcible or "tool_choice" in call.omit:
        taken = [mode for mode in taken if mode in ("none", "auto")]
    _choose(fields, choice, taken, omitted)


def _choose(fields: dict[str, Any], choice: ToolChoice, taken: Sequence[str], omitted: list[str]) -> None:
    """Writes the choice, or its equivalent: `taken` are the modes that the target takes."""
    if choice.mode in taken:
        fields["tool_choice"] = _choice(choice)
    elif choice.mode == "none":
        del fields["tools"]
        fields.pop("parallel_tool_calls", None)
    elif choice.mode == "tool" and "required" in taken:
        fields["tools"] = [tool for tool in fields["tools"] if tool.get("function", {}).get("name") == choice.name]
        fields["tool_choice"] = "required"
    elif choice.mode != "auto":
        omitted.append("tool_choice")
        _ask(fields, demand(choice))


def _tool(tool: Tool, omitted: list[str], *, strict: bool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters
    if strict and tool.strict is not None:
        function["strict"] = tool.strict
    if function.get("strict"):
        function["parameters"], function["strict"] = held_to(tool.parameters, omitted)
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.mode == "tool":
        return {"type": "function", "function": {"name": choice.name or ""}}
    return choice.mode


def _output(fields: dict[str, Any], request: ChatRequest, call: Call, omitted: list[str]) -> None:
    output = request.output
    if output is None:
        return
    formats = call.quirks.get("formats", FORMATS)
    if not call.omit.isdisjoint(("output", "response_format")):
        formats = ()
    if output.schema is not None and call.model.json_schema and "json_schema" in formats:
        schema = schema_fields(output, omitted)
        if call.quirks.get("no_strict") or "strict" in call.omit:
            schema.pop("strict", None)
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
        return
    if "json_object" in formats:
        fields["response_format"] = {"type": "json_object"}
    if output.schema is not None:
        omitted.append("output.schema")
        _ask(fields, json_instruction(output))
    elif not mentions_json(request) or "json_object" not in formats:
        _ask(fields, json_instruction(output))


def _ask(fields: dict[str, Any], instruction: str) -> None:
    """Puts an instruction before the conversation, behind the system messages that open it."""
    messages = fields["messages"]
    opening = next((n for n, m in enumerate(messages) if m["role"] not in ("system", "developer")), len(messages))
    if opening and isinstance(messages[opening - 1]["content"], str):
        messages[opening - 1] = messages[opening - 1] | {
            "content": f"{messages[opening - 1]['content']}\n\n{instruction}"
        }
    else:
        messages.insert(opening, {"role": "system", "content": instruction})


def _effort(request: ChatRequest, call: Call, word: object, omitted: list[str]) -> str | None:
    """The effort to send, as one of the model's levels; None if none is sent. `level` is the caller's own, from `extra`."""
    model = call.model
    asked = asked_effort(request, word)
    strict = model.chat_tools_need_no_reasoning and "none" in (model.efforts or ()) and not call.tries_responses
    if request.tools and (strict or EFFORT_BESIDE_TOOLS in call.omit):
        if asked not in (None, "none"):
            omitted.append("effort")
        return "none"
    return fitting_effort(asked, model, omitted)


def _think(fields: dict[str, Any], call: Call, effort: str | None) -> None:
    if effort is None:
        return
    if not call.quirks.get("thinking_switch"):
        fields["reasoning_effort"] = effort
    elif effort == "none":
        fields["thinking"] = {"type": "disabled"}
    else:
        fields["thinking"] = {"type": "enabled"}
        fields["reasoning_effort"] = effort


def _leave_out(fields: dict[str, Any], call: Call, omitted: list[str]) -> None:
    refused = call.omit.union(call.quirks.get("leave_out", ()))
    for name in fields.keys() - _NEVER_OMITTED:
        ours = _OUR_NAMES.get(name, name)
        # The limit has two names on the wire: a target that refuses one of them may well take the other.
        if name in refused or (ours in refused and ours != "max_tokens"):
            value = fields.pop(name)
            if name != "stream_options" and value != _DEFAULTS.get(name):
                omitted.append(ours)
