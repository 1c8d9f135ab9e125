"""Strict stand-ins for the providers: they refuse what the provider refuses and answer in its own dialect.

They are independent judges: nothing here imports the code under test.
"""
