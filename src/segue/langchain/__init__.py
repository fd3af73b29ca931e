"""The LangChain face: chat models, a registry of them, and the original guide's functions, over the one engine.

The names are those of the package itself: `from segue import LLMClient, registry`.
"""
