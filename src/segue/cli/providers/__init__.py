"""`segue providers`."""
