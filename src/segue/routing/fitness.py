"""Which targets can take a request at all: the hard constraints, before any preference."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from segue.chat.request import ChatRequest
from segue.routing.resolve import variable
from segue.routing.target import Target


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks of a target.

    `window` is the least context window in tokens that is known to be enough. `regions`: it may be asked in these only; () is any.
    """

    prompt_tokens: int
    window: int = 0
    images: bool = False
    files: tuple[str, ...] = ()
    """Their media types."""
    tools: bool = False
    schema: bool = False
    regions: tuple[str, ...] = ()


def need_of(request: ChatRequest, prompt_tokens: int, regions: tuple[str, ...]) -> Need:
    return Need(
        prompt_tokens=prompt_tokens,
        images=request.needs_images,
        files=tuple({file.media_type: None for file in request.files}),
        tools=bool(request.tools),
        schema=request.output is not None and request.output.schema is not None,
        regions=regions,
    )


def unfit(target: Target, need: Need) -> str | None:
    """Why a target can't take the request, or None if it can. What is unknown of a model is taken to be possible.

    An unknown region is taken to be another one.
    The prompt's size is an estimate, so the window refuses only a prompt beyond 1.25 times its size.
    """
    if need.regions and (reason := elsewhere(target, need.regions)):
        return reason
    model = target.model
    if need.images and model.images is False:
        return f"{model.id} takes no images"
    for media_type in need.files:
        if not model.reads(media_type):
            return f"{model.id} takes no {media_type}"
    if need.tools and model.tools is False:
        return f"{model.id} takes no tools"
    if need.schema and model.json_schema is False:
        return f"{model.id} can't be held to a JSON schema"
    if model.window is not None:
        if need.prompt_tokens > model.window * 1.25:
            return f"the prompt (about {need.prompt_tokens} tokens) exceeds {model.id}'s window of {model.window}"
        if model.window < need.window:
            return f"{model.id}'s window of {model.window} tokens is no larger than one that was too small"
    return None


def elsewhere(target: Target, regions: Collection[str]) -> str | None:
    """Why a target must not be asked where only these regions may be, or None if it may. Case makes no difference."""
    only = f"only {' or '.join(regions)} may be asked"
    if not target.region:
        name = target.name
        return f"{name}'s region is not known, and {only}: set {variable(name)}_REGION or targets.{name}.region"
    if target.region.casefold() in {region.casefold() for region in regions}:
        return None
    return f"{target.name} is in {target.region}, and {only}"


def takes_prefill(target: Target) -> bool:
    """Whether a target goes on with the beginning of its own turn: its model does, or its server (DeepSeek and Mistral when asked by
    `prefix`). One that doesn't stream may give the beginning back with the rest (llama.cpp does): it is not asked."""
    quirks = target.quirks
    return target.streams and (target.model.prefill == "partial" or bool(quirks.get("prefix") or quirks.get("prefill")))
