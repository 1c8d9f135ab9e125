"""The service as a FastAPI application, which adds the documentation: for ``/docs``, and for any other ASGI server."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from router.config import Config, load_config
from router.documentation import faces, operations
from router.documentation.document import openapi_document
from router.documentation.operations import Operation
from router.documentation.page import POLICY, rendered
from router.framework_errors import add_error_handlers
from router.logs import configure_logging
from router.paths import PATHS, REST
from router.service import Service
from router.state import RouterState

DISTRIBUTION = "ai-router"
_TITLE: Final = "AI Router"

_DESCRIBED: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/v1/chat/completions"): operations.CHAT,
    ("POST", "/explain/v1/chat/completions"): faces.EXPLAIN_CHAT,
    ("POST", "/v1/messages"): faces.MESSAGES,
    ("POST", "/v1/messages/count_tokens"): faces.COUNT_TOKENS,
    ("POST", "/explain/v1/messages"): faces.EXPLAIN_MESSAGES,
    ("POST", "/v1/responses"): faces.RESPONSES,
    ("POST", "/explain/v1/responses"): faces.EXPLAIN_RESPONSES,
    ("POST", f"/v1/models/{REST}"): faces.GEMINI,
    ("POST", f"/v1beta/models/{REST}"): faces.GEMINI_BETA,
    ("POST", f"/explain/v1/models/{REST}"): faces.EXPLAIN_GEMINI,
    ("POST", f"/explain/v1beta/models/{REST}"): faces.EXPLAIN_GEMINI_BETA,
    ("POST", "/v1/ai/run"): operations.ENVELOPE,
    ("GET", "/v1/models"): operations.MODELS,
    ("GET", "/v1/providers"): operations.PROVIDERS,
    ("GET", "/healthz"): operations.HEALTH,
    ("GET", "/readyz"): operations.READINESS,
    ("GET", "/metrics"): operations.METRICS,
}
"""What the document says of each path."""

_paths = APIRouter()


async def _described() -> Response:
    raise AssertionError("the service answers this path before the framework is asked")


async def _described_rest(call: str) -> Response:
    raise AssertionError("the service answers this path before the framework is asked")


for _entry in PATHS:
    _paths.add_api_route(
        _entry.path,
        _described_rest if _entry.path.endswith(REST) else _described,
        methods=[_entry.method],
        **_DESCRIBED[_entry.method, _entry.path].route,
    )


@_paths.get("/docs", include_in_schema=False)
async def _documentation(request: Request) -> Response:
    return HTMLResponse(rendered(request.app.openapi()), headers={"content-security-policy": POLICY})


class _Application(FastAPI):
    """FastAPI behind the service: it is asked for what the service has no path for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the lifespan or one request."""
        if scope["type"] == "http":
            await self.state.service(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(config: Config) -> FastAPI:
    """The service for this configuration. Its providers are opened when its lifespan begins."""
    state = RouterState(config)
    app = _Application(title=_TITLE, version=version(DISTRIBUTION), lifespan=_lifespan, docs_url=None, redoc_url=None)
    _describe(app)
    app.state.router = state
    app.state.service = Service(state, lambda: partial(FastAPI.__call__, app))
    return app


def framework() -> ASGIApp:
    """What a service runs without a framework falls back on: the documentation, and words for what is not there."""
    app = FastAPI(title=_TITLE, version=version(DISTRIBUTION), docs_url=None, redoc_url=None)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    app.include_router(_paths)
    app.openapi = partial(openapi_document, app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    add_error_handlers(app)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state.router
    assert isinstance(state, RouterState)  # noqa: S101  # nothing else is ever put there
    state.start()
    try:
        yield
    finally:
        await state.aclose()


def __getattr__(name: str) -> FastAPI:
    """``app``, for ``uvicorn router.app:app`` and other servers: made of the configuration that the environment names.

    Made when it is asked for, since importing a module must not read files. Raises ConfigError, AttributeError.
    """
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    config = load_config(None, os.environ)
    configure_logging(config.logging.level)
    return create_app(config)
