"""Dialects: the wire formats of providers and their SDKs, bytes in and values out. No I/O."""
