"""The housekeeping calls of coding agents, known by their form: titles, topic checks, summaries of a conversation, probes of a quota. Pure.

No model is needed that is better than the cheapest. The forms are those that public reviews of the agents' prompts show, as of November 2026:
Claude Code (topic check, title, a probe for one token), opencode (title generator), Gemini CLI (who speaks next, state snapshot),
Codex (compaction). Each agent changes its words now and then; a call that is no longer known is scored like any other.
"""

from __future__ import annotations

from segue.chat.request import ChatRequest

PROBE = 5
"""A call that may answer with so few tokens asks whether there is an answer, not for one."""
HEAD = 600
"""Characters of the system prompt and of the last turn that are looked at."""

PHRASES = (
    "title generator",
    "generate a title",
    "generate a brief title",
    "generate a concise title",
    "generate a short title",
    "generate a concise, sentence-case title",
    "word title",
    "session title",
    "thread title",
    "conversation title",
    "isnewtopic",
    "new conversation topic",
    "who should speak next",
    "next speaker",
    "state_snapshot",
    "checkpoint compaction",
    "summary of the conversation so far",
    "summarize this coding conversation",
    "summarize the conversation so far",
)
_HINTS = ("itle", "opic", "peak", "napshot", "ompaction", "ummar")
"""Each phrase holds one of these, with or without its capital: most requests are told apart by fewer looks."""
FIELDS = frozenset({"title", "isnewtopic", "next_speaker", "reasoning"})
"""A schema of these fields alone is asked for by such a call."""


def is_housekeeping(request: ChatRequest) -> bool:
    """Whether a request is an agent's call for its own upkeep."""
    if request.max_tokens is not None and request.max_tokens <= PROBE:
        return True
    schema = request.output.schema if request.output is not None else None
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if (
        isinstance(properties, dict)
        and properties
        and FIELDS.issuperset(map(str.lower, properties))
        and set(properties) != {"reasoning"}
    ):
        return True
    if request.tools or not request.messages:
        return False  # an agent that works has its tools with it
    rules = next((message.text for message in request.messages if message.role == "system"), "")
    text = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    looked = f"{rules[:HEAD]}\n{text[:HEAD]}\n{text[-HEAD:]}" if len(text) > HEAD else f"{rules[:HEAD]}\n{text}"
    for hint in _HINTS:  # a generator costs as much as the search
        if hint in looked:
            looked = looked.lower()
            return any(phrase in looked for phrase in PHRASES)
    return False
