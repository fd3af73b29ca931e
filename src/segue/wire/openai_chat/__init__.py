"""OpenAI Chat Completions, and the variants of the many providers that use it."""
