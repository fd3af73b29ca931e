"""Messages, requests and events between a caller and a model: frozen values without behaviour."""
