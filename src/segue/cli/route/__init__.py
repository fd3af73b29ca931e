"""`segue route`."""
