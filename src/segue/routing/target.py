"""A target: one model at one address under one key."""

from __future__ import annotations

from typing import Any

import msgspec

from segue.catalog.models import ModelInfo
from segue.chat.request import Effort
from segue.policy import StallPolicy
from segue.secret import Secret


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request may go, and with which defaults.

    `temperature`, `max_tokens` and `effort` stand in for what a request does not say. `name` is unique in a process ("gemini",
    "groq"); `provider` says who bills; `dialect` which codec speaks. `timeout` is the user's own bound on the seconds to first content;
    None leaves it to the policy's finer rules. `streams` is False for a target known not to stream. `responses` says that its address
    speaks `openai_responses` beside `openai_chat`, so that each request goes out in the one that can say it whole; `tries_responses`
    that it may, and is asked so where its refusal says to. `lookup` names local providers: the first of them found running is asked,
    for its first model unless `model` was set. `file` names the model that runs on this machine for it. `region` says where it
    answers, "" where that is not known. `notice` is a sentence
    for people about the model, where there is something to say.
    """

    name: str
    provider: str
    dialect: str
    model: ModelInfo
    base_url: str
    key: Secret = Secret("")
    headers: dict[str, str] = {}
    temperature: float | None = None
    max_tokens: int | None = None
    effort: Effort | None = None
    timeout: float | None = None
    streams: bool = True
    simulated: bool = False
    responses: bool = False
    tries_responses: bool = False
    quirks: dict[str, Any] = {}
    stall: StallPolicy | None = None
    lookup: tuple[str, ...] = ()
    file: str = ""
    region: str = ""
    notice: str = ""

    @property
    def endpoint(self) -> str:
        return self.base_url

    @property
    def credential(self) -> str:
        return f"{self.base_url}#{self.key.fingerprint}"
