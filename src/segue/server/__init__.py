"""The HTTP gateway: one address for every SDK, over the same engine as the library."""
