"""What the caller was shown, and how another target goes on from it. Pure."""
