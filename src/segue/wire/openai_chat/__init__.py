"""OpenAI Chat Completions, and the many providers that speak it with an accent."""
