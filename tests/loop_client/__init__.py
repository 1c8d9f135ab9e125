"""Tests of the loop client, over real sockets where there is HTTP."""
