"""`segue drill`."""
