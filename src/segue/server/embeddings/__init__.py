"""Embeddings through the gateway."""
