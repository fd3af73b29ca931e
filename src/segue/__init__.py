"""Segue: LLM calls that carry on when a provider drops out.

    from segue import Segue
    answer = Segue().complete("…")            # the chain comes from the environment: Gemini → OpenAI → Claude
    answer.text, answer.target, answer.attempts, answer.cost

    from segue import registry                # the same chain as a LangChain chat model
    llm = registry.get_client_with_fallback()

Names are loaded when they are first used, so importing this package takes milliseconds and imports no LangChain.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segue.answer import Answer
    from segue.answer_stream import AnswerStream
    from segue.catalog.providers import Provider
    from segue.chat.events import (
        ChatEvent,
        Citation,
        Finished,
        FinishReason,
        Logprobs,
        Seam,
        Started,
        TextDelta,
        ThinkingDelta,
        TokenLogprob,
        ToolCalled,
        TopLogprob,
        UsageReport,
    )
    from segue.chat.messages import (
        File,
        Image,
        Message,
        Text,
        Thinking,
        ToolCall,
        ToolResult,
        assistant,
        system,
        tool_result,
        user,
    )
    from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
    from segue.chat.usage import Usage
    from segue.client import Segue
    from segue.embeddings.vectors import Embeddings
    from segue.errors import (
        APIConnectionError,
        AttemptSummary,
        AuthenticationError,
        ConfigurationError,
        ContentRefusedError,
        DeadlineExceededError,
        InvalidRequestError,
        LLMServiceUnavailableError,
        RateLimitError,
        SegueError,
        StreamInterruptedError,
    )
    from segue.failover.hooks import AttemptEnd, AttemptStart, Listener
    from segue.guide.functions import call_llm_with_fallback, generate_with_retry, get_llm_client, preferred_order
    from segue.guide.monitor import monitor_llm_performance
    from segue.guide.tracker import LLMUsageTracker
    from segue.langchain.clients import ClaudeClient, GeminiClient, LLMClient, OpenAIClient
    from segue.langchain.registry import LLMRegistry, registry
    from segue.monitoring.log import configure_logging
    from segue.policy import Policy
    from segue.sandbox import Reply, Sandbox
    from segue.settings import Settings
    from segue.settings_loading import load

_HOME = {
    "segue.answer": "Answer",
    "segue.answer_stream": "AnswerStream",
    "segue.catalog.providers": "Provider",
    "segue.chat.events": "ChatEvent Citation Finished FinishReason Logprobs Seam Started TextDelta ThinkingDelta"
    " TokenLogprob ToolCalled TopLogprob UsageReport",
    "segue.chat.messages": "File Image Message Text Thinking ToolCall ToolResult assistant system tool_result user",
    "segue.chat.request": "ChatRequest OutputSchema Tool ToolChoice",
    "segue.chat.usage": "Usage",
    "segue.client": "Segue",
    "segue.embeddings.vectors": "Embeddings",
    "segue.errors": "APIConnectionError AttemptSummary AuthenticationError ConfigurationError ContentRefusedError "
    "DeadlineExceededError InvalidRequestError LLMServiceUnavailableError RateLimitError SegueError "
    "StreamInterruptedError",
    "segue.failover.hooks": "AttemptEnd AttemptStart Listener",
    "segue.langchain.clients": "ClaudeClient GeminiClient LLMClient OpenAIClient",
    "segue.guide.functions": "call_llm_with_fallback generate_with_retry get_llm_client preferred_order",
    "segue.langchain.registry": "LLMRegistry registry",
    "segue.guide.monitor": "monitor_llm_performance",
    "segue.guide.tracker": "LLMUsageTracker",
    "segue.monitoring.log": "configure_logging",
    "segue.policy": "Policy",
    "segue.sandbox": "Reply Sandbox",
    "segue.settings": "Settings",
    "segue.settings_loading": "load",
}
_OF_LANGCHAIN = ("langchain_core", "langsmith", "pydantic")
"""The packages of the extra `langchain`."""
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}

__version__ = "0.2.0"

__all__ = [
    "APIConnectionError",
    "Answer",
    "AnswerStream",
    "AttemptEnd",
    "AttemptStart",
    "AttemptSummary",
    "AuthenticationError",
    "ChatEvent",
    "ChatRequest",
    "Citation",
    "ClaudeClient",
    "ConfigurationError",
    "ContentRefusedError",
    "DeadlineExceededError",
    "Embeddings",
    "File",
    "FinishReason",
    "Finished",
    "GeminiClient",
    "Image",
    "InvalidRequestError",
    "LLMClient",
    "LLMRegistry",
    "LLMServiceUnavailableError",
    "LLMUsageTracker",
    "Listener",
    "Logprobs",
    "Message",
    "OpenAIClient",
    "OutputSchema",
    "Policy",
    "Provider",
    "RateLimitError",
    "Reply",
    "Sandbox",
    "Seam",
    "Segue",
    "SegueError",
    "Settings",
    "Started",
    "StreamInterruptedError",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCalled",
    "ToolChoice",
    "ToolResult",
    "TopLogprob",
    "Usage",
    "UsageReport",
    "assistant",
    "call_llm_with_fallback",
    "configure_logging",
    "generate_with_retry",
    "get_llm_client",
    "load",
    "monitor_llm_performance",
    "preferred_order",
    "registry",
    "system",
    "tool_result",
    "user",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'segue' has no attribute {name!r}")
    try:
        module = import_module(_MODULE_OF[name])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_LANGCHAIN:
            raise
        raise ImportError(f"segue.{name} needs LangChain: pip install 'segue-llm[langchain]'") from error
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
