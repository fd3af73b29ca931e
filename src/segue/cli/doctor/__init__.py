"""`segue doctor`."""
