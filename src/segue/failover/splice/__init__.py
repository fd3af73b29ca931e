"""What the caller was shown, and how another target continues it. Pure."""
