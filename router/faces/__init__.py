"""The faces: the dialects and envelopes in which callers speak to the router."""
