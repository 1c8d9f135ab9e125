"""Transports: open a call at a provider, hand back status, headers and raw bytes. And the rows that say where."""
