"""A client whose options a configuration chooses at the call, with tools and schemas too.

LangChain's own binds tools to the client as it was made, and passes over in silence what the configuration says afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.configurable import DynamicRunnable, RunnableConfigurableFields
from langchain_core.runnables.utils import ConfigurableFieldSpec
from pydantic import Field


class Configurable(RunnableConfigurableFields):  # type: ignore[type-arg]
    """What `LLMClient.configurable_fields` gives."""

    def bind_tools(self, tools: Sequence[Any], **options: Any) -> Runnable[Any, Any]:
        """See `LLMClient.bind_tools`."""
        return self._later(lambda client: client.bind_tools(tools, **options))

    def with_structured_output(self, schema: Any, **options: Any) -> Runnable[Any, Any]:
        """See `LLMClient.with_structured_output`."""
        return self._later(lambda client: client.with_structured_output(schema, **options))

    def _later(self, make: Callable[[Any], Runnable[Any, Any]]) -> Runnable[Any, Any]:
        make(self.default)  # raises now what a call would raise
        return Later(default=self, make=make)


class Later(DynamicRunnable):  # type: ignore[type-arg]
    """What is made of a client once a configuration has chosen it."""

    make: Callable[[Any], Runnable[Any, Any]] = Field(exclude=True, repr=False)

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        return self.default.config_specs

    def _prepare(self, config: RunnableConfig | None = None) -> tuple[Runnable[Any, Any], RunnableConfig]:
        assert isinstance(self.default, Configurable)
        client, config = self.default.prepare(config)
        return self.make(client), config
