"""Each dialect against the recordings, its own rules, and the other dialects."""
