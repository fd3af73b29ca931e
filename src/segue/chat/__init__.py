"""What is said between a caller and a model: frozen values with no behaviour of their own."""
