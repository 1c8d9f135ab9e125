"""Tests of the sources of tools."""
