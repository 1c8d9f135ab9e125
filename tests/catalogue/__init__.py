"""The catalogue of tool-calling pitfalls: one module for each of its groups."""
