"""The dashboard: what the gateway does, seen in a browser."""
