"""Which target is asked first."""
