"""Stand-ins that refuse what each provider's documentation says it refuses, in the provider's own words, and answer in its own shape.

What a provider takes stands here from its documentation and from refusals in public issue trackers, not from the presets, which are judged
by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from segue.sandbox.http import SandboxExchange

ALL_CHOICES = ("none", "auto", "required", "tool")
ALL_FORMATS = ("json_object", "json_schema")
PENALTIES = ("frequency_penalty", "presence_penalty")


def openai_words(field: str) -> dict[str, Any]:
    message = f"Unsupported parameter: '{field}' is not supported with this model."
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": field, "code": "unsupported_parameter"}
    }


def groq_words(field: str) -> dict[str, Any]:
    return {"error": {"message": f"property '{field}' is unsupported", "type": "invalid_request_error"}}


def mistral_words(field: str) -> dict[str, Any]:
    detail = [{"type": "extra_forbidden", "loc": ["body", field], "msg": "Extra inputs are not permitted", "input": 1}]
    message = {"detail": detail}
    return {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": None}


def xai_words(field: str) -> dict[str, Any]:
    head, *rest = field.split("_")
    camel = head + "".join(word.title() for word in rest)
    return {"code": "Client specified an invalid argument", "error": f"Model x does not support parameter {camel}."}


def zhipu_words(field: str) -> dict[str, Any]:
    return {"error": {"code": "1210", "message": f"Invalid API parameter: {field} is not supported"}}


def lmstudio_words(field: str) -> dict[str, Any]:
    return {"error": f"'{field}' is not supported"}


class Strict(NamedTuple):
    """A provider. `limit` is the one name of the output limit; `refuses` are fields; `usage` is where a stream says it."""

    words: Callable[[str], dict[str, Any]] = openai_words
    limit: str = "max_tokens"
    refuses: tuple[str, ...] = ()
    choices: tuple[str, ...] = ALL_CHOICES
    formats: tuple[str, ...] = ALL_FORMATS
    strict: bool = True
    texts: bool = False
    alternates: bool = False
    tool_id_length: int | None = None
    thinking: str = ""
    thinking_back: bool = False
    usage: str = "last"
    key_header: str = "authorization"
    tools: bool = True
    gone: tuple[int, dict[str, Any]] = (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}})  # fmt: skip
    broke: tuple[int, dict[str, Any]] = (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})  # fmt: skip


GLM = Strict(
    zhipu_words,
    refuses=(*PENALTIES, "seed", "stream_options", "parallel_tool_calls", "max_completion_tokens"),
    choices=("auto",),
    formats=("json_object",),
    strict=False,
    thinking="reasoning_content",
    gone=(400, {"error": {"code": "1211", "message": "Unknown Model, please check the model code."}}),
    broke=(
        429,
        {"error": {"code": "1113", "message": "Insufficient balance or no resource package. Please recharge."}},
    ),
)

STRICT: dict[str, Strict] = {
    "groq": Strict(
        groq_words,
        limit="max_completion_tokens",
        refuses=("logprobs", "logit_bias", "top_k"),
        texts=True,
        thinking="reasoning",
        usage="x_groq",
        broke=(429, {"error": {"message": "Rate limit reached for model `x` on tokens per day (TPD): Limit 200000, Used 199000. Please try again in 6m0s.", "type": "tokens", "code": "rate_limit_exceeded"}}),
    ),
    "deepseek": Strict(
        formats=("json_object",),
        texts=True,
        thinking="reasoning_content",
        thinking_back=True,
        gone=(400, {"error": {"message": "The supported API model names are deepseek-flash or deepseek-v4-pro, but you passed x.", "type": "invalid_request_error", "param": None, "code": "invalid_request_error"}}),
        broke=(402, {"error": {"message": "Insufficient Balance", "type": "unknown_error", "param": None, "code": "invalid_request_error"}}),
    ),
    "mistral": Strict(
        mistral_words,
        refuses=("stream_options", "user", "seed", "max_completion_tokens", "top_k", "logit_bias"),
        tool_id_length=9,
        gone=(400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "param": None, "code": "1500"}),
        broke=(402, {"message": "You have exceeded your monthly budget", "code": "payment_required"}),
    ),
    "xai": Strict(
        xai_words,
        limit="max_completion_tokens",
        refuses=(*PENALTIES, "stop", "top_k"),
        thinking="reasoning_content",
        gone=(404, {"code": "Some requested entity was not found", "error": "The model x does not exist or your team does not have access to it."}),
        broke=(403, {"code": "The caller does not have permission to execute the specified operation", "error": "Your newly created team doesn't have any credits yet. You can purchase credits on https://console.x.ai"}),
    ),
    "together": Strict(
        thinking="reasoning",
        gone=(404, {"error": {"message": "Unable to access model x. Please visit the models page", "type": "invalid_request_error", "param": None, "code": "model_not_available"}}),
        broke=(402, {"error": {"message": "Credit limit exceeded", "type": "credit_limit", "param": None, "code": None}}),
    ),
    "fireworks": Strict(
        thinking="reasoning_content",
        gone=(404, {"error": {"object": "error", "type": "invalid_request_error", "code": "NOT_FOUND", "message": "Model not found, inaccessible, and/or not deployed"}}),
        broke=(412, {"error": {"object": "error", "type": "invalid_request_error", "message": "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices."}}),
    ),
    "openrouter": Strict(
        thinking="reasoning",
        gone=(400, {"error": {"message": "x is not a valid model ID", "code": 400}}),
        broke=(402, {"error": {"message": "Insufficient credits. Add more using https://openrouter.ai/settings/credits", "code": 402}}),
    ),
    "cerebras": Strict(
        limit="max_completion_tokens",
        refuses=(*PENALTIES, "logit_bias", "parallel_tool_calls", "top_k"),
        choices=("none", "auto", "required"),
        texts=True,
        thinking="reasoning",
        gone=(404, {"message": "Model x does not exist or you do not have access to it.", "type": "not_found_error", "param": "model", "code": "model_not_found"}),
        broke=(402, {"message": "Payment required", "type": "payment_required", "param": "", "code": "payment_required"}),
    ),
    "perplexity": Strict(
        refuses=("stream_options", "seed", "stop", "user"),
        formats=("json_schema",),
        alternates=True,
        tools=False,
        gone=(400, {"error": {"message": "Invalid model 'x'. Permitted models can be found in the documentation", "type": "invalid_model", "code": 400}}),
        broke=(401, {"error": {"message": "You exceeded your current quota, please check your plan and billing details.", "type": "insufficient_quota", "code": 401}}),
    ),
    "moonshot": Strict(
        limit="max_completion_tokens",
        refuses=("temperature", "top_p", *PENALTIES),
        choices=("none", "auto"),
        strict=False,
        thinking="reasoning_content",
        thinking_back=True,
        usage="choice",
        gone=(404, {"error": {"message": "Not found the model x or Permission denied", "type": "resource_not_found_error"}}),
        broke=(429, {"error": {"message": "Your account is suspended due to insufficient balance, please recharge", "type": "exceeded_current_quota_error"}}),
    ),
    "zhipu": GLM,
    "zai": GLM,
    "upstage": Strict(
        texts=True,
        thinking="reasoning",
        gone=(400, {"error": {"message": "The requested model is invalid or no longer supported.", "type": "invalid_request_error", "code": "invalid_model"}}),
        broke=(402, {"error": {"message": "Insufficient credit", "type": "insufficient_credit", "code": "insufficient_credit"}}),
    ),
    "clova": Strict(
        limit="max_completion_tokens",
        refuses=(*PENALTIES, "parallel_tool_calls", "user"),
        choices=("none", "auto", "tool"),
        formats=(),
        strict=False,
        gone=(400, {"error": {"message": "Model not found", "type": "invalid_request_error", "code": "40400"}}),
    ),
    "azure": Strict(
        limit="max_completion_tokens",
        key_header="api-key",
        gone=(404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}}),
        broke=(429, {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}),
    ),
    "ollama": Strict(
        choices=("none", "auto"),
        thinking="reasoning",
        gone=(404, {"error": {"message": "model 'x' not found", "type": "not_found_error", "param": None, "code": None}}),
    ),
    "lmstudio": Strict(
        lmstudio_words,
        choices=("none", "auto", "required"),
        formats=("json_schema",),
        texts=True,
        alternates=True,
        thinking="reasoning_content",
        gone=(404, {"error": {"message": "Model \"x\" not found", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}}),
    ),
    "vllm": Strict(
        texts=True,
        alternates=True,
        thinking="reasoning_content",
        gone=(404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "param": None, "code": 404}),
    ),
    "llamacpp": Strict(
        choices=("none", "auto", "required"),
        texts=True,
        alternates=True,
        thinking="reasoning_content",
        gone=(404, {"error": {"code": 404, "message": "model not found", "type": "not_found_error"}}),
    ),
}  # fmt: skip


class Provider:
    """Answers as one of them. `asked` are the bodies of what it took, `refused` what it objected to; `error` is answered instead."""

    def __init__(self, manners: Strict, path: str) -> None:
        self._manners = manners
        self._path = path
        self.asked: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.error: tuple[int, dict[str, Any]] | None = None

    async def answer(self, exchange: SandboxExchange) -> None:
        if self.error is not None:
            await self._respond(exchange, *self.error)
            return
        body = json.loads(exchange.body)
        if (problem := self._problem(exchange, body)) is not None:
            self.refused.append(problem)
            await self._respond(exchange, 400, self._manners.words(problem))
            return
        self.asked.append(body)
        await exchange.start(200, {"content-type": "text/event-stream"})
        for chunk in self._chunks(body):
            await exchange.write(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n")
        await exchange.write(b"data: [DONE]\n\n")
        await exchange.end()

    async def _respond(self, exchange: SandboxExchange, status: int, document: dict[str, Any]) -> None:
        await exchange.respond(status, {"content-type": "application/json"}, json.dumps(document).encode())

    def _problem(self, exchange: SandboxExchange, body: dict[str, Any]) -> str | None:
        manners = self._manners
        if exchange.path != f"{self._path}/chat/completions":
            return f"path {exchange.path}"
        if "secret" not in exchange.headers.get(manners.key_header, ""):
            return "key"
        if body.keys() & {"max_tokens", "max_completion_tokens"} != {manners.limit}:
            return "max_tokens" if manners.limit != "max_tokens" else "max_completion_tokens"
        if refused := sorted(body.keys() & set(manners.refuses)):
            return refused[0]
        choice = body.get("tool_choice", "auto")
        if ("tool" if isinstance(choice, dict) else choice) not in manners.choices:
            return "tool_choice"
        if "response_format" in body and body["response_format"]["type"] not in manners.formats:
            return "response_format"
        if not manners.tools and "tools" in body:
            return "tools"
        if not manners.strict and '"strict"' in json.dumps(body):
            return "strict"
        return self._problem_in(body["messages"])

    def _problem_in(self, messages: list[dict[str, Any]]) -> str | None:
        manners = self._manners
        roles = [message["role"] for message in messages]
        if manners.alternates:
            turns = [role for role in roles if role != "tool"]
            if any(first == second for first, second in pairwise(turns)) or "system" in turns[1:]:
                return "messages"
        for message in messages:
            ids = [call["id"] for call in message.get("tool_calls") or ()] + [message.get("tool_call_id")]
            if manners.tool_id_length and any(one and len(one) != manners.tool_id_length for one in ids):
                return "tool_call_id"
            if manners.texts and not isinstance(message["content"], str | None):
                return "content"
            if manners.thinking_back and message["role"] == "assistant" and not message.get("reasoning_content"):
                return "reasoning_content"
            if not manners.thinking_back and {"reasoning_content", "reasoning"} & message.keys():
                return "reasoning" if manners.thinking != "reasoning_content" else None
        return None

    def _chunks(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        manners = self._manners
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if manners.thinking:
            deltas.append({manners.thinking: "Hm. "})
        finish = "stop"
        choice = body.get("tool_choice")
        if choice == "required" or isinstance(choice, dict):
            finish = "tool_calls"
            named = choice if isinstance(choice, dict) else body["tools"][0]
            function = {"name": named["function"]["name"], "arguments": '{"city": "Séoul"}'}
            deltas.append({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
        elif "response_format" in body or "JSON" in json.dumps(body["messages"]):
            deltas.append({"content": '{"city": "Séoul"}'})
        else:
            deltas += [{"content": "Bonjour"}, {"content": " 서울"}]
        head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        last: dict[str, Any] = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
        if manners.usage == "x_groq":
            last["x_groq"] = {"id": "req", "usage": usage}
        elif manners.usage == "choice":
            last["choices"][0]["usage"] = usage
        elif "stream_options" in manners.refuses:
            last["usage"] = usage
        chunks.append(last)
        if manners.usage == "last" and body.get("stream_options", {}).get("include_usage"):
            chunks.append({**head, "choices": [], "usage": usage})
        return chunks
