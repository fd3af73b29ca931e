"""Options of LangChain's provider packages that have other names here, or none.

Code that was written for `ChatOpenAI`, `ChatAnthropic` or `ChatGoogleGenerativeAI` says `model_kwargs={"logit_bias": …}`,
`safety_settings={…}` or `thinking={…}`. What one provider alone knows goes to the targets that speak its dialect (`extra`), and the others
report in `omitted` what they did not get. What is the default anyway is ignored; what has no counterpart is refused with advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from segue.errors import ConfigurationError

_OF_A_DIALECT: Final = {
    "logit_bias": ("openai_chat", "logit_bias"),
    "logprobs": ("openai_chat", "logprobs"),
    "top_logprobs": ("openai_chat", "top_logprobs"),
    "service_tier": ("openai_chat", "service_tier"),
    "verbosity": ("openai_chat", "verbosity"),
    "prediction": ("openai_chat", "prediction"),
    "modalities": ("openai_chat", "modalities"),
    "store": ("openai_chat", "store"),
    "include": ("openai_responses", "include"),
    "truncation": ("openai_responses", "truncation"),
    "betas": ("claude", "betas"),
    "mcp_servers": ("claude", "mcp_servers"),
    "context_management": ("claude", "context_management"),
    "inference_geo": ("claude", "inference_geo"),
    "cached_content": ("gemini", "cachedContent"),
    "labels": ("gemini", "labels"),
}
"""Options that only targets of one dialect know, and their names there."""

_GENERATION: Final = {
    "media_resolution": "mediaResolution",
    "speech_config": "speechConfig",
    "response_modalities": "responseModalities",
}
"""Those of Gemini that stand in its `generationConfig`."""

_NEEDLESS: Final = frozenset(
    {
        "convert_system_message_to_human",
        "include_thoughts",
        "use_responses_api",
        "transport",
        "include_response_headers",
        "tiktoken_model_name",
    }
)
"""What is done, or not, without being asked for."""

_HEADERS: Final = "say it in the target's settings: headers in [targets.NAME] of segue.toml"
_SCHEMA: Final = "use with_structured_output, or bind(response_format=…)"
_GONE: Final = {
    "best_of": "an answer has one choice here: call the model several times, for instance with batch",
    "default_headers": _HEADERS,
    "additional_headers": _HEADERS,
    "default_query": "say it in the target's settings: quirks = {query = {…}} in [targets.NAME] of segue.toml",
    "openai_organization": _HEADERS,
    "organization": _HEADERS,
    "openai_proxy": "set HTTPS_PROXY in the environment",
    "anthropic_proxy": "set HTTPS_PROXY in the environment",
    "http_client": "set HTTPS_PROXY in the environment for a proxy; connections are the engine's",
    "http_async_client": "set HTTPS_PROXY in the environment for a proxy; connections are the engine's",
    "client_options": "give base_url instead",
    "credentials": "give api_key instead",
    "response_mime_type": _SCHEMA,
    "response_schema": _SCHEMA,
    "use_previous_response_id": "send the whole conversation: any target may answer a turn",
    "disabled_params": "leave it out: what a model does not take is not sent, and is named in `omitted`",
}
_COUNTS: Final = ("n", "candidate_count")


def translated(given: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """The options, those of provider packages by our names. Raises `ConfigurationError` for what there is no more."""
    result = dict(given)
    for name in ("model_kwargs", "extra_body"):
        inner = result.pop(name, None)
        if inner is not None and not isinstance(inner, Mapping):
            raise ConfigurationError(f"{whose}: {name} must be a dict of options")
        if name == "model_kwargs":
            result |= {key: value for key, value in (inner or {}).items() if result.get(key) is None}
        elif inner:
            result["extra"] = _laid(result.get("extra"), "openai_chat", dict(inner))
    for name in [name for name in result if name in _ALL]:
        value = result.pop(name)
        if value is not None:
            _translate(result, name, value, whose)
    return result


def merged(first: Mapping[str, Any] | None, then: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Fields of dialects, the later ones over the earlier."""
    both: dict[str, dict[str, Any]] = {name: dict(fields) for name, fields in (first or {}).items()}
    for dialect, fields in (then or {}).items():
        both = _laid(both, dialect, fields)
    return both


def _translate(fields: dict[str, Any], name: str, value: Any, whose: str) -> None:
    if name in _GONE:
        raise ConfigurationError(f"{whose}: {name} is not an option; {_GONE[name]}")
    if name in _COUNTS:
        if value != 1:
            raise ConfigurationError(
                f"{whose}: {name}={value!r}: an answer has one choice here: call the model {value} times"
            )
    elif name in _OF_A_DIALECT:
        dialect, field = _OF_A_DIALECT[name]
        fields["extra"] = _laid(fields.get("extra"), dialect, {field: value})
    elif name in _GENERATION:
        fields["extra"] = _laid(fields.get("extra"), "gemini", {"generationConfig": {_GENERATION[name]: value}})
    elif name == "safety_settings":
        fields["extra"] = _laid(fields.get("extra"), "gemini", {"safetySettings": _safety(value, whose)})
    elif name == "thinking_level":
        fields.setdefault("effort", value)
    elif name == "reasoning":
        _reason(fields, value, whose)
    elif name == "thinking":
        _think(fields, value, whose)
    elif name == "functions":
        fields.setdefault("tools", [{"type": "function", "function": function} for function in value])
    elif name == "function_call":
        fields.setdefault("tool_choice", value["name"] if isinstance(value, Mapping) else value)


def _reason(fields: dict[str, Any], value: Any, whose: str) -> None:
    """OpenAI's `reasoning`."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{whose}: reasoning={value!r} is not understood; use effort")
    rest = {field: inner for field, inner in value.items() if field != "effort"}
    if value.get("effort") is not None:
        fields.setdefault("effort", value["effort"])
    if rest:
        fields["extra"] = _laid(fields.get("extra"), "openai_responses", {"reasoning": rest})


def _think(fields: dict[str, Any], value: Any, whose: str) -> None:
    """Anthropic's `thinking`."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "disabled":
        fields.setdefault("effort", "none")
    elif kind == "enabled" and isinstance(value.get("budget_tokens"), int):
        fields.setdefault("thinking_budget", value["budget_tokens"])
    elif kind == "adaptive":
        fields["extra"] = _laid(fields.get("extra"), "claude", {"thinking": dict(value)})
    else:
        raise ConfigurationError(f"{whose}: thinking={value!r} is not understood; use effort or thinking_budget")


def _safety(value: Any, whose: str) -> list[dict[str, str]]:
    """Google's settings as its API takes them: its package has a dict of enums, its SDK a list of objects."""
    if isinstance(value, Mapping):
        return [{"category": _word(category), "threshold": _word(threshold)} for category, threshold in value.items()]
    try:
        return [{"category": _word(one["category"]), "threshold": _word(one["threshold"])} for one in value]
    except (TypeError, KeyError):
        raise ConfigurationError(f"{whose}: safety_settings must be a dict of categories and thresholds") from None


def _word(value: Any) -> str:
    return str(getattr(value, "name", value))


def _laid(extra: Mapping[str, Any] | None, dialect: str, fields: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`extra` with these fields of a dialect; tables within it are joined."""
    known = dict((extra or {}).get(dialect) or {})
    for name, value in fields.items():
        known[name] = (
            {**known[name], **value} if isinstance(value, dict) and isinstance(known.get(name), dict) else value
        )
    return {**(extra or {}), dialect: known}


_ALL: Final = frozenset(
    {*_OF_A_DIALECT, *_GENERATION, *_NEEDLESS, *_GONE, *_COUNTS}
    | {"safety_settings", "reasoning", "thinking", "thinking_level", "functions", "function_call"}
)
