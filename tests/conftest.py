"""Plugins every test shares."""

pytest_plugins = ["tests.programs_plugin", "tests.traffic_plugin"]
