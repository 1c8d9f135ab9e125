"""Calls that a model wrote as text, made into calls where a caller asked for that (``tool_validation: repair``)."""
