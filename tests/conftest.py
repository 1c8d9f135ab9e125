"""Plugins every test shares."""

pytest_plugins = ["tests.traffic_plugin"]
