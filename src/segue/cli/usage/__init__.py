"""`segue usage`."""
