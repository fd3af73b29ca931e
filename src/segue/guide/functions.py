"""The original guide's functions, as the guide has them; what is behind them is the engine."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage, HumanMessage

from segue.errors import ConfigurationError, LLMServiceUnavailableError
from segue.langchain.clients import LLMClient
from segue.langchain.registry import preferred_order, registry

__all__ = ["call_llm_with_fallback", "generate_with_retry", "get_llm_client", "preferred_order"]


def get_llm_client(provider: str) -> LLMClient:
    """The client of one provider, for code that retries or falls back by itself: it asks once.

    Raises `ConfigurationError` if the provider is unknown or has no key.
    """
    return _client(provider).with_options(rounds=1)


async def call_llm_with_fallback(messages: str | Sequence[BaseMessage]) -> str:
    """The text that the first provider able to answer gives.

    Raises `LLMServiceUnavailableError` if none is, `InvalidRequestError` if the request itself is at fault.
    """
    try:
        response = await registry.get_client_with_fallback().ainvoke(messages)
    except ConfigurationError as error:
        raise LLMServiceUnavailableError(f"All LLM providers failed: {error}") from error
    return str(response.text)


async def generate_with_retry(prompt: str, provider: str = "gemini") -> str:
    """One provider's text. What fails in a passing way is tried again, three times in all, after 4 to 10 seconds (see `Policy.rounds`).

    Raises `LLMServiceUnavailableError` if all tries failed, `ConfigurationError` if the provider is unknown or has no key.
    """
    response = await _client(provider).ainvoke([HumanMessage(content=prompt)])
    return str(response.text)


def _client(provider: str) -> LLMClient:
    client = registry.get_client(provider)
    if client is None:
        raise ConfigurationError(registry.why_not(provider) or f"{provider} can't be used")
    return client
