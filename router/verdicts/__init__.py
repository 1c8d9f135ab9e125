"""A verdict on every call of an answer, and what policy makes of it."""
