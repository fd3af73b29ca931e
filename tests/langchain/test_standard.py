"""LangChain's own standard suite of unit tests, on each kind of client."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests

from segue.langchain.backend import Backend
from segue.langchain.clients import LLMClient, OpenAIClient
from segue.settings_loading import load

_SETTINGS = load(
    {"OPENAI_API_KEY": "k", "CLAUDE_API_KEY": "k", "OPENAI_MODEL": "gpt-4.1", "SEGUE_LEDGER": "none"},
    directory="/nonexistent",
)
_BACKEND = Backend(_SETTINGS)


class TestOpenAIClient(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return OpenAIClient

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"backend": _BACKEND}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {"OPENAI_API_KEY": "sk-env", "OPENAI_MODEL": "gpt-4o", "SEGUE_LEDGER": "none"}
        return environment, {}, {"_llm_type": "segue", "chain": None}


class TestChainOfMany(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LLMClient

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        # A key belongs to one provider; a chain takes none.
        return {key: value for key, value in super().standard_chat_model_params.items() if key != "api_key"}

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"backend": _BACKEND}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {"GEMINI_API_KEY": "k", "CLAUDE_API_KEY": "k", "SEGUE_LEDGER": "none"}
        return environment, {}, {"_llm_type": "segue", "chain": None}
