"""Lets respx see what httpx2 sends.

respx patches httpcore, and the SDKs have moved to httpcore2. ``httpx2.alias_httpx()`` would make one of the two modules
stand for the other in the whole process, and with it change what the SDKs find installed: here respx is only told
which classes to patch, and its answers are handed over as httpcore2 wants them.
"""

from __future__ import annotations

from typing import Any, ClassVar

import httpcore2
import httpx
import respx
from respx.mocks import HTTPCoreMocker

NAME = "httpcore2"


class HTTPCore2Mocker(HTTPCoreMocker):
    """Registered with respx by being defined."""

    name: ClassVar[str] = NAME
    targets: ClassVar[list[str]] = [target.replace("httpcore.", "httpcore2.") for target in HTTPCoreMocker.targets]

    @classmethod
    def from_sync_httpx_response(cls, httpx_response: httpx.Response, target: object, **kwargs: Any) -> Any:
        """The mocked answer as the patched method returns it."""
        return httpcore2.Response(
            status=httpx_response.status_code,
            headers=httpx_response.headers.raw,
            content=httpx_response.stream,
            extensions=httpx_response.extensions,
        )


def mocked() -> respx.MockRouter:
    """A respx router over everything httpx2 sends: what has no route is an error, and so is a route nobody called."""
    return respx.mock(using=NAME, assert_all_called=True, assert_all_mocked=True)
