"""Tests of the verdicts on calls."""
