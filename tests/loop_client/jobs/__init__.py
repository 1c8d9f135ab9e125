"""Jobs: what every engine promises, and that it survives crashes."""
