"""The career coach as a web application: an API with OpenAPI, and pages over it. Needs the extra `web`."""
