"""Where the providers of Segue's own dialects are: an address is known without loading the dialect's codec."""

from __future__ import annotations

from typing import Final

PUBLIC: Final = {
    "openai_chat": "https://api.openai.com/v1",
    "openai_responses": "https://api.openai.com/v1",
    "claude": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
"""Base URLs by dialect, without a trailing slash; with the version where the dialect's official SDK wants it there."""
