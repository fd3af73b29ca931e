"""`segue status`."""
