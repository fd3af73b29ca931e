"""The texts that the stand-ins answer with."""
