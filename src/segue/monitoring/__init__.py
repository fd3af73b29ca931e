"""What is seen of it all: logs, traces, the providers' history, and free health checks."""
