"""What every attempt consumed and cost."""
