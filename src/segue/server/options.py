"""A caller's options beside the dialect, in headers: `x-segue-` and a field of `Policy`.

    x-segue-deadline: 20        x-segue-fallback: false        x-segue-round-wait: 4,10        x-segue-regions: eu,kr

A header of that kind that does not exist or has a wrong value is the caller's mistake (400): it is never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from segue.errors import ConfigurationError, InvalidRequestError
from segue.options import POLICY, checked
from segue.policy import Policy
from segue.validation import unknown

PREFIX: Final = "x-segue-"
_NOT_HERE: Final = frozenset({"breaker", "stall", "weights"})
"""Fields of a policy that are tables."""
_FIELDS: Final = {PREFIX + name.replace("_", "-"): name for name in POLICY if name not in _NOT_HERE}


def policy_options(headers: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a policy that the headers name. Raises `InvalidRequestError`, whose `param` is the header."""
    return {_FIELDS.get(header, header): _value(header, text) for header, text in headers_of_ours(headers).items()}


def headers_of_ours(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Those that begin with `PREFIX`. Most requests have none, which one look at all names shows."""
    if PREFIX not in "".join(headers):
        return {}
    return {header: text for header, text in headers.items() if header.startswith(PREFIX)}


def _value(header: str, text: str) -> Any:
    try:
        if (name := _FIELDS.get(header)) is None:
            raise unknown(header, "a header of the gateway", _FIELDS)
        value = checked(name, text, strict=False, what=header)
        if value is None:
            raise ConfigurationError(f"{header}={text!r} is wrong: leave the header out")
    except ConfigurationError as error:
        raise InvalidRequestError(str(error), param=header) from None
    return value


def narrowed(policy: Policy, options: Mapping[str, Any]) -> Policy:
    """The policy with the caller's options. It may narrow the allowed regions, not widen them: raises `InvalidRequestError`."""
    if (wanted := options.get("regions")) is None:
        return msgspec.structs.replace(policy, **options) if options else policy
    allowed = {region.casefold() for region in policy.regions}
    regions = tuple(region for region in wanted if not allowed or region.casefold() in allowed)
    if not regions:
        header, choice = f"{PREFIX}regions", ", ".join(policy.regions) or "names of regions, such as eu,kr"
        raise InvalidRequestError(f"{header}={','.join(wanted)!r} is wrong: use {choice}", param=header)
    return msgspec.structs.replace(policy, **{**options, "regions": regions})
