"""In which dialect a request is put to a target whose address speaks two.

OpenAI answers some models in its Responses API only, and takes tools beside reasoning only there from GPT-5.4 on. Files other
than PDFs, and any by its address, it takes only there, too. Whether another address speaks the Responses API is not known: it is asked
so once its refusal says to, and no more where it then proves not to. Chat Completions stays the rule elsewhere: it knows `stop` and `seed`,
which the Responses API does not.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from segue.chat.request import ChatRequest
from segue.routing.target import Target
from segue.wire.openai.effort import asked_effort
from segue.wire.openai.upstream_errors import EFFORT_BESIDE_TOOLS

CHAT: Final = "openai_chat"
RESPONSES: Final = "openai_responses"

_CHATS: Final = ("application/pdf", "audio/")
"""The files that Chat Completions takes."""


NO_RESPONSES: Final = "responses"
"""What an address has refused that turned out not to speak the Responses API, as other refusals are named."""


def dialect_for(target: Target, request: ChatRequest, refused: Collection[str] = ()) -> str:
    """The target's own dialect, or the other one of its address where only that one can say the request whole.

    `refused` names what the target has refused before.
    """
    if target.responses:
        return RESPONSES if _needs_responses(target, request) else target.dialect
    if target.tries_responses and EFFORT_BESIDE_TOOLS in refused and NO_RESPONSES not in refused and request.tools:
        return target.dialect if _asked(request) == "none" else RESPONSES
    return target.dialect


def _asked(request: ChatRequest) -> str | None:
    return asked_effort(request, request.extra.get(CHAT, {}).get("reasoning_effort"))


def _needs_responses(target: Target, request: ChatRequest) -> bool:
    model = target.model
    if model.dialect == RESPONSES or request.extra.get(RESPONSES):
        # In the second case the caller speaks it, and its words have no place in the other dialect.
        return True
    if any(file.url or not file.media_type.startswith(_CHATS) for file in request.files):
        return True
    if not request.tools or not model.chat_tools_need_no_reasoning:
        return False
    return not (_asked(request) == "none" and "none" in (model.efforts or ("none",)))
