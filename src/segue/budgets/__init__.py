"""What may be spent a day, and who stops when it is."""
