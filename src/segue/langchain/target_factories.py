"""What stands behind a target that no preset describes: a LangChain model, or a codec for a custom dialect."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from langchain_core.language_models import BaseChatModel

from segue.catalog.models import find_model
from segue.catalog.providers import PROVIDERS, Provider, from_langchain
from segue.errors import ConfigurationError
from segue.failover.upstream import HttpUpstream
from segue.langchain.backend import Address, Make, ReadyTarget
from segue.langchain.upstream import LangChainUpstream
from segue.routing import resolve
from segue.routing.target import Target
from segue.secret import Secret
from segue.settings import TargetSettings
from segue.transport.base import Transport
from segue.wire.codec import UpstreamCodec

log = logging.getLogger("segue")


def prepared(model: Any) -> Any:
    """The model without its own retries, with usage in its streams; unchanged if its class has no such settings."""
    if not isinstance(model, BaseChatModel):
        return model
    # Google's package counts tries, the others further tries.
    once = 1 if type(model).__module__.startswith("langchain_google") else 0
    wanted = {
        name: value
        for name, value in (("max_retries", once), ("stream_usage", True))
        if name in type(model).model_fields and getattr(model, name) != value
    }
    if not wanted:
        return model
    derived = {"client", "async_client", "root_client", "root_async_client", "profile"}
    given = {name: getattr(model, name) for name in model.model_fields_set - derived}
    try:
        return type(model)(**(given | wanted))
    except Exception:
        log.debug("%s can't be rebuilt without its own retries", type(model).__name__, exc_info=True)
        return model


def target_of(
    name: str, model: Any, *, streams: bool = True, timeout: float | None = None, region: str | None = None
) -> Target:
    """The target that a model stands for. Its provider and model id are what the model tells its tracers."""
    fields: Mapping[str, Any] = model._get_ls_params() if isinstance(model, BaseChatModel) else {}
    provider = from_langchain(str(fields.get("ls_provider") or name))
    preset = PROVIDERS.get(provider)
    info = find_model(provider, str(fields.get("ls_model_name") or name))
    return Target(
        name=name,
        provider=provider,
        dialect=preset.dialect if preset is not None and preset.names.langchain else "langchain",
        # The model object can't be asked for another model, and what a prefill does in it is unknown.
        model=msgspec.structs.replace(info, successor=None, prefill="none"),
        base_url=f"langchain:{name}",
        key=Secret(""),
        timeout=timeout,
        streams=streams and _streams(model),
        region=region or "",
    )


def _streams(model: Any) -> bool:
    """Whether `astream` gives more than `ainvoke`'s answer in one piece."""
    kind = type(model)
    if isinstance(model, BaseChatModel):
        implemented = kind._astream is not BaseChatModel._astream or kind._stream is not BaseChatModel._stream
        if model.disable_streaming is True or not implemented:
            return False
    return callable(getattr(model, "astream", None)) and not _own_invoke_only(kind)


def _own_invoke_only(kind: type) -> bool:
    """Whether a class says for itself how to answer whole, nearer by than anyone says how to stream."""
    for ancestor in kind.__mro__:
        if "astream" in vars(ancestor):
            return False
        if "ainvoke" in vars(ancestor):
            return True
    return False


def from_model(name: str, make: Callable[[], Any], *, streams: bool = True) -> Make:
    """A target that is a LangChain model, which is made when it is first needed."""

    def ready(settings: TargetSettings, address: Address, transport: Transport) -> ReadyTarget:
        if address.model or address.base_url or address.api_key:
            raise ConfigurationError(
                f"{name} is a ready LangChain model: it can't be given another model, address or key"
            )
        model = make()
        able = streams and settings.streams
        target = target_of(name, model, streams=able, timeout=settings.timeout, region=settings.region)
        return ReadyTarget(target, LangChainUpstream(prepared(model), target))

    return ready


def is_codec(what: Any) -> bool:
    """Whether this is an `UpstreamCodec`, or a class of one."""
    return all(callable(getattr(what, method, None)) for method in ("encode", "decoder", "failure"))


def from_codec(name: str, codec: UpstreamCodec | type[UpstreamCodec]) -> Make:
    """A target in a custom dialect. Its settings are those of any target; `keyless` on the codec says that no key is needed."""

    def ready(settings: TargetSettings, address: Address, transport: Transport) -> ReadyTarget:
        speaker: UpstreamCodec = codec() if isinstance(codec, type) else codec
        keyless = getattr(speaker, "keyless", False)
        provider = Provider(dialect=speaker.dialect, base_url=speaker.base_url, keyless=keyless)
        target = resolve.described_by(provider, name, settings, dialect=speaker.dialect)
        if not resolve.usable(name, settings, providers={settings.provider or name: provider}):
            raise ConfigurationError(
                f"{name} has no key: set {resolve.variable(name)}_API_KEY (in the environment or in .env)"
            )
        return ReadyTarget(target, HttpUpstream(target, speaker, transport, time.time))

    return ready
