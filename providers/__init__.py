"""Everything the router knows about providers: canonical form, codecs, transports and their data."""
