"""The original guide's own names."""
