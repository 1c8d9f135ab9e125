"""Serves the chat page of `tests/js` and drives it in a headless browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.loop_client.javascript import run_script
from tests.loop_client.serving import serving

_HTML = '<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="/page.js"></script>'


@asynccontextmanager
async def page_server(script: str) -> AsyncIterator[str]:
    """A server of its own for the page, so that every request to the service is one of another origin."""

    async def page(request: Request) -> Response:
        return HTMLResponse(_HTML)

    async def code(request: Request) -> Response:
        return Response(script, media_type="text/javascript")

    async with serving(Starlette(routes=[Route("/", page), Route("/page.js", code)])) as address:
        yield address


async def built_page(source: str | None = None) -> str:
    """The page as one script for a browser; of another source than `tests/js/page.jsx` where one is given."""
    return str((await run_script("build_page.mjs", {"source": source}))["script"])


async def use_page(
    browser: str, page: str, api: str, *steps: tuple[str, str], chat: str | None = None
) -> dict[str, Any]:
    """Do the steps as a user would; with a chat's name, on a page that comes back to it when it is loaded.

    Gives ``messages``, ``seen`` (tool states in order), ``error``, ``picked`` (how often the browser's tool ran) and
    ``logged``.
    """
    address = f"{page}/?api={quote(api)}" + ("" if chat is None else f"&chat={quote(chat)}")
    return await run_script("drive_page.mjs", {"endpoint": browser, "page": address, "steps": steps})
