"""LangChain's own standard suite of integration tests, offline: on each kind of client, against simulated providers over real sockets."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx
import msgspec
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests

from segue import Sandbox
from segue.chat.messages import ToolCall
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.langchain.backend import Backend
from segue.langchain.clients import ClaudeClient, GeminiClient, LLMClient, OpenAIClient
from segue.policy import Policy
from segue.sandbox import Reply
from segue.settings_loading import load

_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_USAGE = Usage(input_tokens=10, cache_read_tokens=300, cache_write_tokens=40, output_tokens=9, reasoning_tokens=5)


def _answer(request: ChatRequest) -> str | Reply:
    """What a model would make of the suite's prompts that have one right answer."""
    last = request.messages[-1]
    asked = last.text
    if last.role == "user" and (found := re.search(r"magic_function\((\d+)\)", asked)):
        return _call("magic_function", input=int(found[1]))
    if found := re.search(r"customer named '([^']+)'", asked):
        return _call("unicode_customer", customer_name=found[1], description=asked)
    if "as a JSON with" in asked or (request.output is not None and request.output.schema is None):
        return Reply(text=json.dumps({"setup": "Why?", "punchline": "Because."}))
    if "think" in asked:
        return Reply(thinking="Well, well.", text="So be it.", usage=_USAGE)
    return "(simulated) an answer to what was asked"


def _call(name: str, **arguments: Any) -> Reply:
    return Reply(calls=(ToolCall(id="call_1", name=name, arguments=json.dumps(arguments, ensure_ascii=False)),))


class _Suite(ChatModelIntegrationTests):
    """What is true of every client of ours."""

    faults: ClassVar[dict[str, str]] = {}
    backend: ClassVar[Backend]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _providers(cls) -> Iterator[None]:
        with Sandbox(reply=_answer, faults=cls.faults) as box:
            settings = box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
            policy = Policy(rounds=1, quick_retry=(0.0, 0.0), hedge=False)
            cls.backend = Backend(msgspec.structs.replace(settings, policy=policy))
            yield
            cls.backend.engine().close()

    @pytest.fixture(autouse=True)
    def _no_downloads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "offline")
        monkeypatch.setattr(httpx, "get", lambda url, **_: httpx.Response(200, content=_PICTURE))

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LLMClient

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"backend": self.backend}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        # A key belongs to one provider, and a time limit to the targets: both would be other clients than those tested here.
        return {"temperature": 0, "max_tokens": 200}

    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_image_tool_message = True
    supports_pdf_inputs = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    supports_model_override = True

    @property
    def model_override_value(self) -> str:
        return "another-model"

    @property
    def supported_usage_metadata_details(self) -> Any:
        details = ["reasoning_output", "cache_read_input", "cache_creation_input"]
        return {"invoke": details, "stream": details}

    def _thinking(self, *, stream: bool) -> AIMessage:
        model = self.chat_model_class(**self.chat_model_params, thinking_budget=1024, max_tokens=2048)
        messages = [HumanMessage([{"type": "text", "text": "think!", "cache_control": {"type": "ephemeral"}}])]
        if not stream:
            return model.invoke(messages)
        whole: Any = None
        for chunk in model.stream(messages):
            whole = chunk if whole is None else whole + chunk
        return whole

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        message = self._thinking(stream=stream)
        assert message.usage_metadata is not None
        assert message.usage_metadata["output_token_details"]["reasoning"] > 0
        assert message.content_blocks[0]["type"] == "reasoning"
        return message

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        message = self._thinking(stream=stream)
        assert message.usage_metadata is not None
        assert message.usage_metadata["input_token_details"]["cache_read"] == _USAGE.cache_read_tokens
        return message

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        return self._thinking(stream=stream)


class TestChain(_Suite):
    supports_audio_inputs = True


class TestGemini(_Suite):
    chat_model_class = GeminiClient
    supports_audio_inputs = True
    structured_output_kwargs: ClassVar[dict[str, Any]] = {"method": "function_calling"}


class TestOpenAI(_Suite):
    chat_model_class = OpenAIClient
    structured_output_kwargs: ClassVar[dict[str, Any]] = {"method": "json_mode"}


class TestClaude(_Suite):
    """Its default model can't be made to call a tool."""

    chat_model_class = ClaudeClient
    structured_output_kwargs: ClassVar[dict[str, Any]] = {"method": "function_calling"}


class TestChainThatFails(_Suite):
    """The first target breaks off in mid-answer, the second is down."""

    faults: ClassVar[dict[str, str]] = {"gemini": "cut:after=2", "openai": "503"}
    supports_model_override = False  # a model is requested of the first target, and the third answers
