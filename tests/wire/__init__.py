"""Tests of the grammar shared by the dialects."""
