"""Plugins every test shares."""

pytest_plugins = ["tests.javascript_plugin", "tests.traffic_plugin"]
