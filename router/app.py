"""The application: every path, who may ask for it, and what lives as long as the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from providers.wire.json import dumps
from router.access import require_key
from router.config import Config
from router.documentation import operations
from router.documentation.document import openapi_document
from router.documentation.page import POLICY, rendered
from router.errors import add_error_handlers, answers_errors_in
from router.faces.chat import answer_chat
from router.faces.envelope import answer_envelope, refused
from router.limits import read_json_object
from router.models import models_list
from router.request_log import RequestLog
from router.state import RouterState

DISTRIBUTION = "ai-router"

_paths = APIRouter()


def create_app(config: Config) -> FastAPI:
    """The service for this configuration. Its providers are opened when its lifespan begins."""
    app = FastAPI(title="AI Router", version=version(DISTRIBUTION), lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.router = RouterState(config)
    app.include_router(_paths)
    app.openapi = partial(openapi_document, app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    add_error_handlers(app)
    app.add_middleware(RequestLog)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = _state(app)
    state.start()
    try:
        yield
    finally:
        await state.aclose()


def _state(app: FastAPI) -> RouterState:
    state = app.state.router
    assert isinstance(state, RouterState)  # noqa: S101  # nothing else is ever put there
    return state


@_paths.post("/v1/chat/completions", dependencies=[Depends(require_key)], **operations.CHAT.route)
async def _chat(request: Request) -> Response:
    state = _state(request.app)
    body = await read_json_object(request, state.config.limits)
    return await answer_chat(request, await state.pipeline(), body)


@_paths.post(
    "/v1/ai/run", dependencies=[Depends(answers_errors_in(refused)), Depends(require_key)], **operations.ENVELOPE.route
)
async def _envelope(request: Request) -> Response:
    state = _state(request.app)
    body = await read_json_object(request, state.config.limits)
    return await answer_envelope(request, await state.pipeline(), body)


@_paths.get("/v1/models", dependencies=[Depends(require_key)], **operations.MODELS.route)
async def _models(request: Request) -> Response:
    return Response(dumps(models_list(_state(request.app).models)), media_type="application/json")


@_paths.get("/healthz", **operations.HEALTH.route)
async def _health() -> Response:
    return JSONResponse({"status": "ok"})


@_paths.get("/readyz", **operations.READINESS.route)
async def _readiness(request: Request) -> Response:
    readiness = _state(request.app).readiness
    return JSONResponse({"status": readiness}, status_code=200 if readiness == "ready" else 503)


@_paths.get("/docs", include_in_schema=False)
async def _documentation(request: Request) -> Response:
    return HTMLResponse(rendered(request.app.openapi()), headers={"content-security-policy": POLICY})
