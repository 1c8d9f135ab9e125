"""The canonical form: what every dialect is decoded to and encoded from. Imports nothing of ours."""
