"""Tests of the router, the providers and the loop client."""
