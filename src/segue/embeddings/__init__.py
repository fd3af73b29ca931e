"""Embeddings: texts as vectors, for the library and the gateway."""
