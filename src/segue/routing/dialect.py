"""In which dialect a request is put to a target whose address speaks two.

OpenAI answers some models in its Responses API only, and takes tools beside reasoning only there from GPT-5.4 on. Files other
than PDFs, and any by its address, it takes only there, too. Chat Completions stays the rule elsewhere: it knows `stop` and `seed`,
which the Responses API does not.
"""

from __future__ import annotations

from typing import Final

from segue.chat.request import ChatRequest
from segue.routing.target import Target
from segue.wire.openai.effort import asked_effort

CHAT: Final = "openai_chat"
RESPONSES: Final = "openai_responses"

_CHATS: Final = ("application/pdf", "audio/")
"""The files that Chat Completions takes."""


def dialect_for(target: Target, request: ChatRequest) -> str:
    """The target's own dialect, or the other one of its address where only that one can say the request whole."""
    return RESPONSES if target.responses and _needs_responses(target, request) else target.dialect


def _needs_responses(target: Target, request: ChatRequest) -> bool:
    model = target.model
    if model.dialect == RESPONSES or request.extra.get(RESPONSES):
        # In the second case the caller speaks it, and its words have no place in the other dialect.
        return True
    if any(file.url or not file.media_type.startswith(_CHATS) for file in request.files):
        return True
    if not request.tools or not model.chat_tools_need_no_reasoning:
        return False
    quiet = asked_effort(request, request.extra.get(CHAT, {}).get("reasoning_effort")) == "none"
    return not (quiet and "none" in (model.efforts or ("none",)))
