"""Tests of the UI message stream."""
