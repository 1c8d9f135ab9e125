"""Tests of the transports, the catalog and the scrubbing of secrets."""
