"""Dialects: what providers and their SDKs say on the wire, as bytes in and values out. No I/O in here."""
