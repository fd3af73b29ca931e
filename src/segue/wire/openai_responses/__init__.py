"""The OpenAI Responses API: typed items in, typed items out."""
