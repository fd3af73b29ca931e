"""What a client reports about itself to LangChain: for traces, for caches, and as a model profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.model_profile import ModelProfile

from segue.catalog.providers import names_of
from segue.routing.target import Target


def profile(targets: Sequence[Target]) -> ModelProfile:
    """What every target of a chain can do: whichever answers, this much is certain."""
    models = [target.model for target in targets]
    known = ModelProfile(
        text_inputs=True,
        text_outputs=True,
        image_inputs=all(model.images for model in models),
        pdf_inputs=all(model.reads("application/pdf") for model in models),
        audio_inputs=all(model.reads("audio/wav") for model in models),
        video_inputs=all(model.reads("video/mp4") for model in models),
        tool_calling=all(model.tools for model in models),
        tool_choice=all(model.forced_tool_use for model in models),
        # Where a model can't be held to a schema, it is asked in words and its answer is checked.
        structured_output=True,
        reasoning_output=all(model.reasoning for model in models),
        temperature=all(model.takes("temperature") for model in models),
    )
    if windows := [model.window for model in models if model.window is not None]:
        known["max_input_tokens"] = min(windows)
    if limits := [model.max_output for model in models if model.max_output is not None]:
        known["max_output_tokens"] = min(limits)
    if len(models) == 1:
        known["name"] = models[0].id
    return known


def trace(targets: Sequence[Target], fields: Mapping[str, Any], stop: Sequence[str] | None) -> LangSmithParams:
    """LangChain's standard parameters of a call. `targets` may be empty, where none can be asked."""
    alone = targets[0].provider if len(targets) == 1 else ""
    params = LangSmithParams(
        ls_provider=next(iter(names_of(alone).langchain), alone) or "segue",
        ls_model_name=str(fields.get("model") or (targets[0].model.id if targets else "unknown")),
        ls_model_type="chat",
    )
    if fields.get("temperature") is not None:
        params["ls_temperature"] = fields["temperature"]
    if fields.get("max_tokens") is not None:
        params["ls_max_tokens"] = fields["max_tokens"]
    if stop or fields.get("stop"):
        params["ls_stop"] = list(stop or fields["stop"])
    return params
