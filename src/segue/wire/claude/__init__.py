"""The dialect "claude": the Anthropic Messages API, seen from both ends."""
