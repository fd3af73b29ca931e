"""One plug-in of each kind for Segue, as small as it can be. docs/extending.md walks through them."""
