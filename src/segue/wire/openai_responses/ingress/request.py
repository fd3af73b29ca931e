"""A request body of this dialect, as its official SDKs send it, as a `ChatRequest`.

Nothing is stored between requests here: what refers to an earlier answer or to something stored at the provider
(`previous_response_id`, `conversation`, `prompt`, `background`) is refused, with what to send instead; `store` is handed on.
Top-level fields that have no place in `ChatRequest` go to its `extra`, for targets that speak this dialect.
"""

from __future__ import annotations

from segue.chat.messages import Message, Text
from segue.chat.request import ChatRequest, Effort, OutputSchema
from segue.wire.codec import IngressRequest
from segue.wire.openai_responses.ingress.echo import about
from segue.wire.openai_responses.ingress.fields import missing, parse_object, shaped, unserved
from segue.wire.openai_responses.ingress.messages import read_input
from segue.wire.openai_responses.ingress.shapes import Body, Format, Table
from segue.wire.openai_responses.ingress.tools import read_tools
from segue.wire.openai_responses.upstream.messages import DIALECT

_FIELDS = frozenset(Body.__struct_fields__)
_STORED = {
    "previous_response_id": "no answers are kept here: send the conversation so far as items of input",
    "conversation": "no conversations are kept here: send the conversation so far as items of input",
    "background": "answers are given at once: leave it out, or send stream: true for a long one",
    "prompt": "prompts stored at the provider are not served: send their text as instructions and input",
}


def read_request(body: bytes) -> IngressRequest:
    """Raises `InvalidRequestError` for anything else.

    The request's `options` hold `about`, JSON of the fields that the answer repeats; and `tools`, see `ingress_tools.Tools.special`.
    """
    document = parse_object(body)
    wire = shaped(document, Body)
    for name, advice in _STORED.items():
        if getattr(wire, name):
            raise unserved(name, advice, code="unsupported_parameter")
    tools, choice = read_tools(wire)
    messages = read_input(wire.input)
    if wire.instructions:
        messages = (Message("system", (Text(wire.instructions),)), *messages)
    extra = _extra(document)
    if tools.hosted:
        extra["tools"] = tools.hosted
    if tools.chosen is not None:
        extra["tool_choice"] = tools.chosen
    request = ChatRequest(
        messages=messages,
        tools=tuple(tools.functions),
        tool_choice=choice,
        parallel_tool_calls=wire.parallel_tool_calls,
        output=_output(wire.text.format if wire.text else None),
        temperature=wire.temperature,
        top_p=wire.top_p,
        max_tokens=wire.max_output_tokens,
        effort=_effort(wire),
        user=wire.user,
        extra={DIALECT: extra} if extra else {},
    )
    options = {"about": about(document), "tools": tools.special}
    return IngressRequest(request=request, model=wire.model or "", stream=bool(wire.stream), options=options)


def _extra(document: Table) -> Table:
    """The caller's fields for targets of this dialect: unknown fields, and those of the known ones that `ChatRequest` does not have."""
    extra = {name: value for name, value in document.items() if name not in _FIELDS and value is not None}
    if document.get("reasoning"):
        extra["reasoning"] = document["reasoning"]
    text = {name: value for name, value in (document.get("text") or {}).items() if name != "format" and value}
    if text:
        extra["text"] = text
    return extra


def _effort(wire: Body) -> Effort | None:
    effort = wire.reasoning.effort if wire.reasoning else None
    # Our scale ends above "high"; targets of this dialect get the caller's own word.
    return "max" if effort == "xhigh" else effort


def _output(wire: Format | None) -> OutputSchema | None:
    if wire is None or wire.type == "text":
        return None
    if wire.type == "json_object":
        return OutputSchema()
    if wire.schema is None:
        raise missing("text.format.schema", "add it, or ask for type json_object")
    return OutputSchema(schema=wire.schema, name=wire.name, description=wire.description or "", strict=wire.strict)
