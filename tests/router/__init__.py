"""The service: configuration, keys, limits, logs, documentation, and the command."""
