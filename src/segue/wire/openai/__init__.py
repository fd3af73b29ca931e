"""What both OpenAI dialects share."""
