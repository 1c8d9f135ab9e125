"""The router in front of the fakes, as in the tests of the whole service."""

from tests.e2e.conftest import fakes, router_url

__all__ = ["fakes", "router_url"]
