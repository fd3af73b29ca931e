"""`segue sandbox`."""
