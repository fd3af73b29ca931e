"""The server side: requests of callers to values, answers to the wire."""
