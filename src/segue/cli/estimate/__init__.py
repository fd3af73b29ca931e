"""`segue estimate`."""
