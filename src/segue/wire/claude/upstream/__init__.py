"""The client side: values to requests, answers of the provider to events."""
