"""A request as the body of `POST /v1/messages`.

What the model is known not to take (the catalogue) and what this target has refused before (`Call.omit`, by
the names of the request's fields) is left out and named. Fields that only this dialect has come in `extra["claude"]`: they
are copied into the body, except for these:

    betas               names for the `anthropic-beta` header
    thinking            the caller's own wording, translated to what the model takes; None: the model's default
    output_config       merged with ours
    tools               raw definitions: in place of ours where the name is the same, else beside them
    context_management  without compaction: its block could not be handed on, and would be made and billed again with each request
    cache_breakpoints   [message, part, cache_control] for each marked part of `messages`
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from segue.chat.request import Tool
from segue.errors import InvalidRequestError
from segue.wire.claude.upstream.messages import DIALECT, Block, Transcript
from segue.wire.claude.upstream.schema import enforceable
from segue.wire.claude.upstream.thinking import Thinking, thinking_for
from segue.wire.codec import BETAS, Call
from segue.wire.fitting.fit import Fitted
from segue.wire.wording import demand

DEFAULT_MAX_TOKENS: Final = 16_384
"""Output tokens, thinking included, where neither caller nor target sets a limit: the API requires one. Chosen here."""

_SAMPLING: Final = ("temperature", "top_p", "top_k")
_UNKNOWN: Final = ("seed", "frequency_penalty", "presence_penalty")
_OWN: Final = frozenset(
    {"betas", "thinking", "output_config", "tools", "cache_breakpoints", "model", "messages", "stream"}
)


class Encoded(msgspec.Struct, frozen=True):
    body: bytes
    betas: tuple[str, ...]
    omitted: tuple[str, ...]


def encode(fitted: Fitted, call: Call) -> Encoded:
    building = _Body(fitted, call)
    building.build()
    try:
        body = msgspec.json.encode(building.body)
    except UnicodeEncodeError as error:
        raise InvalidRequestError("messages: a text holds half of a surrogate pair: send valid Unicode") from error
    return Encoded(body, tuple(building.betas()), tuple(dict.fromkeys(building.omitted)))


class _Body:
    def __init__(self, fitted: Fitted, call: Call) -> None:
        self.request = request = fitted.request
        self.healed = fitted.healed
        self.call = call
        self.model = call.model
        self.extra = request.extra.get(DIALECT, {})
        self.body: dict[str, Any] = {}
        self.output_config: dict[str, Any] = dict(self.extra.get("output_config") or {})
        self.omitted = fitted.omitted
        self.instructions: list[str] = []

    def build(self) -> None:
        max_tokens = self._max_tokens()
        thinking = self._thinking(max_tokens)
        transcript = self._transcript()
        thinking = self._compatible(thinking, transcript)
        self.body = {"model": self.model.id, "max_tokens": max_tokens, "messages": transcript.blocks()}
        self._tools(thinking)
        self._output()
        if system := [*transcript.system, *({"type": "text", "text": text} for text in self.instructions)]:
            plain = len(system) == 1 and system[0].keys() == {"type", "text"}
            self.body["system"] = system[0]["text"] if plain else system
        self._sampling(thinking)
        self._reasoning(thinking)
        self._rest()

    def betas(self) -> list[str]:
        """Those that the caller named, except for what this target does not know."""
        refused = {
            name for field in self.call.omit if field.startswith(BETAS) for name in field[len(BETAS) :].split(",")
        }
        named: list[str] = self.extra.get("betas") or []
        self.omitted.extend(f"betas.{name}" for name in named if name in refused)
        return [name for name in named if name not in refused]

    def _wanted(self, field: str) -> Any:
        """The request's field, unless it is empty or this target has refused it."""
        value = getattr(self.request, field)
        if value is None or value == ():
            return None
        if field in self.call.omit:
            self.omitted.append(field)
            return None
        return value

    def _max_tokens(self) -> int:
        wanted, most = self.request.max_tokens, self.model.max_output
        if wanted is None:
            return min(DEFAULT_MAX_TOKENS, most or DEFAULT_MAX_TOKENS)
        if most is not None and wanted > most:
            self.omitted.append("max_tokens")
            return most
        return wanted

    def _transcript(self) -> Transcript:
        marks = {(message, part): control for message, part, control in self.extra.get("cache_breakpoints", ())}
        keep = "thinking" not in self.call.omit
        if not keep:
            self.omitted.append("thinking")
        transcript = Transcript(marks, self.healed, thinking=keep)
        for at, message in enumerate(self.request.messages):
            transcript.add(at, message)
        self.omitted.extend(transcript.omitted)
        transcript.close(answer_begun=self.call.prefill or self.model.prefill == "partial")
        return transcript

    def _thinking(self, max_tokens: int) -> Thinking:
        request = self.request
        refused = [name for name in ("effort", "thinking_budget") if name in self.call.omit]
        if refused:
            request = msgspec.structs.replace(request, **dict.fromkeys(refused))
            self.omitted.extend(name for name in refused if getattr(self.request, name) is not None)
        raw = {"effort": self.output_config.pop("effort", None)}
        if "thinking" in self.extra:
            raw["thinking"] = self.extra["thinking"]
        if "effort" in refused:
            raw["effort"] = None
        if "thinking_budget" in refused:
            raw["thinking"] = None
        return thinking_for(request, raw, self.model, max_tokens)

    def _compatible(self, thinking: Thinking, transcript: Transcript) -> Thinking:
        """Drops the thinking that was requested where something else excludes it: an answer without thinking is better than none."""
        if not thinking.asked:
            return thinking
        choice = self.request.tool_choice
        forced = choice is not None and choice.mode in ("required", "tool") and bool(self.request.tools)
        by_budget = thinking.config is not None and thinking.config["type"] == "enabled"
        if (
            (forced and not self.model.forced_tool_use_while_reasoning)
            or (by_budget and transcript.calls_without_thinking())
            or (by_budget and transcript.turns[-1]["role"] == "assistant")
        ):
            name = "effort" if self.request.effort is not None else "thinking_budget"
            return Thinking(None, thinking.effort, (*thinking.dropped, name))
        return thinking

    def _reasoning(self, thinking: Thinking) -> None:
        self.omitted.extend(thinking.dropped)
        if thinking.config is not None:
            self.body["thinking"] = thinking.config
        if thinking.effort is not None:
            self.output_config["effort"] = thinking.effort
        if self.output_config:
            self.body["output_config"] = self.output_config

    def _tools(self, thinking: Thinking) -> None:
        raw = [tool for tool in self.extra.get("tools") or () if isinstance(tool, dict)]
        by_name = {tool.get("name"): tool for tool in raw}
        names = {tool.name for tool in self.request.tools}
        tools = [by_name.get(tool.name) or self._tool(tool) for tool in self.request.tools]
        tools.extend(tool for tool in raw if tool.get("name") not in names and tool.get("type") not in (None, "custom"))
        if not tools:
            return
        self.body["tools"] = tools
        choice = self._choice()
        if self._wanted("parallel_tool_calls") is False and choice.get("type") != "none":
            choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
        if choice:
            self.body["tool_choice"] = choice

    def _tool(self, tool: Tool) -> Block:
        block: Block = {"name": tool.name, "input_schema": tool.parameters}
        if tool.description:
            block["description"] = tool.description
        if tool.strict:
            schema = None if "strict" in self.call.omit else enforceable(tool.parameters)
            if schema is None or not self.model.json_schema:
                self.omitted.append("strict")
            else:
                block["input_schema"], block["strict"] = schema, True
        return block

    def _choice(self) -> Block:
        choice = self.request.tool_choice
        if choice is None:
            return {}
        if choice.mode in ("auto", "none"):
            return {"type": choice.mode}
        if not self.model.forced_tool_use or "tool_choice" in self.call.omit:
            self.omitted.append("tool_choice")
            self.instructions.append(demand(choice))
            return {"type": "auto"}
        return {"type": "tool", "name": choice.name} if choice.mode == "tool" else {"type": "any"}

    def _output(self) -> None:
        output = self.request.output
        if output is None:
            return
        if output.schema is None:
            self.instructions.append("Answer with one JSON object and nothing else: no code fence, no remark.")
            return
        native = self.model.json_schema and "output" not in self.call.omit
        schema = enforceable(output.schema) if native else None
        if schema is not None:
            self.output_config["format"] = {"type": "json_schema", "schema": schema}
            return
        self.omitted.append("output")
        described = msgspec.json.encode(output.schema).decode()
        self.instructions.append(
            f"Answer with one JSON value that follows this JSON Schema, and nothing else: no code fence, no remark.\n{described}"
        )

    def _sampling(self, thinking: Thinking) -> None:
        model = self.model
        rejected = {*model.rejects, *model.ignores, *(model.rejects_while_reasoning if thinking.asked else ())}
        kept: list[str] = []
        for name in _SAMPLING:
            value = self._wanted(name)
            if value is None:
                continue
            # A temperature beyond the API's range of 0 to 1 is left out: the default is 1, the nearest there is.
            beyond = name == "temperature" and value > model.temperature_max
            shut_out = name in model.exclusive and any(other in model.exclusive for other in kept)
            if name in rejected or beyond or shut_out:
                self.omitted.append(name)
            else:
                kept.append(name)
                self.body[name] = value
        self.omitted.extend(name for name in _UNKNOWN if getattr(self.request, name) is not None)

    def _compaction(self) -> None:
        management = self.body.get("context_management")
        if not isinstance(management, dict) or not isinstance(edits := management.get("edits"), list):
            return
        kept = [edit for edit in edits if not (isinstance(edit, dict) and str(edit.get("type")).startswith("compact_"))]
        if len(kept) == len(edits):
            return
        self.omitted.append("context_management.compact")
        if kept:
            self.body["context_management"] = {**management, "edits": kept}
        else:
            del self.body["context_management"]

    def _rest(self) -> None:
        if stop := self._wanted("stop"):
            # The API refuses blank stop sequences.
            sayable = [text for text in stop if text.strip()]
            if len(sayable) < len(stop):
                self.omitted.append("stop")
            if sayable:
                self.body["stop_sequences"] = sayable
        for key, value in self.extra.items():
            if key not in _OWN:
                self.body[key] = value
        self._compaction()
        if (user := self._wanted("user")) is not None:
            self.body["metadata"] = {"user_id": user, **(self.body.get("metadata") or {})}
        for name in self.call.omit:
            if name in self.body and name not in ("model", "max_tokens", "messages", "thinking", "tool_choice"):
                del self.body[name]
                self.omitted.append(name)
        if self.call.stream:
            self.body["stream"] = True
