"""The gateway's own keys and their stores."""
