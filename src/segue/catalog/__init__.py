"""What is known of models and of what they cost: dated data with its sources, and the few functions that read it."""
