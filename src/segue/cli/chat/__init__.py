"""`segue chat`."""
