"""The application: every path, who may ask for it, and what lives as long as the process."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from providers.wire.json import dumps
from router.access import may_read_metrics, require_key
from router.config import Config, load_config
from router.documentation import faces, operations
from router.documentation.document import openapi_document
from router.documentation.page import POLICY, rendered
from router.errors import add_error_handlers, answers_errors_in
from router.faces.chat import CHAT
from router.faces.envelope import answer_envelope, refused
from router.faces.explain import explained
from router.faces.gemini import GEMINI, answer_gemini, asked_of_path
from router.faces.messages import MESSAGES
from router.faces.responses import RESPONSES
from router.faces.serving import Face, answered, asked_of
from router.limits import read_json_object
from router.logs import configure_logging
from router.models import models_list
from router.request_log import RequestLog
from router.state import RouterState

DISTRIBUTION = "ai-router"

_paths = APIRouter()


def _keyed_in(face: Face) -> list[Any]:
    """The dependencies of a face's route: its errors are in its own shape, and it wants a key."""
    return [Depends(answers_errors_in(face.dialect.encode_error)), Depends(require_key)]


def create_app(config: Config) -> FastAPI:
    """The service for this configuration. Its providers are opened when its lifespan begins."""
    app = FastAPI(title="AI Router", version=version(DISTRIBUTION), lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.router = RouterState(config)
    app.include_router(_paths)
    app.openapi = partial(openapi_document, app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    add_error_handlers(app)
    app.add_middleware(RequestLog, metrics=app.state.router.metrics)
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


async def _answer(request: Request, face: Face) -> Response:
    state = _state(request.app)
    body, raw = await read_json_object(request, state.config.limits)
    return await answered(request, await state.pipeline(), face, asked_of(face, body, raw, request.headers))


async def _explain(request: Request, face: Face) -> Response:
    state = _state(request.app)
    body, raw = await read_json_object(request, state.config.limits)
    pipeline = await state.pipeline()
    found = explained(pipeline.explain(asked_of(face, body, raw, request.headers)))
    return Response(dumps(found), media_type="application/json")


@_paths.post("/v1/chat/completions", dependencies=[Depends(require_key)], **operations.CHAT.route)
async def _chat(request: Request) -> Response:
    return await _answer(request, CHAT)


@_paths.post("/explain/v1/chat/completions", dependencies=[Depends(require_key)], **faces.EXPLAIN_CHAT.route)
async def _explain_chat(request: Request) -> Response:
    return await _explain(request, CHAT)


@_paths.post("/v1/messages", dependencies=_keyed_in(MESSAGES), **faces.MESSAGES.route)
async def _messages(request: Request) -> Response:
    return await _answer(request, MESSAGES)


@_paths.post("/explain/v1/messages", dependencies=_keyed_in(MESSAGES), **faces.EXPLAIN_MESSAGES.route)
async def _explain_messages(request: Request) -> Response:
    return await _explain(request, MESSAGES)


@_paths.post("/v1/responses", dependencies=_keyed_in(RESPONSES), **faces.RESPONSES.route)
async def _responses(request: Request) -> Response:
    return await _answer(request, RESPONSES)


@_paths.post("/explain/v1/responses", dependencies=_keyed_in(RESPONSES), **faces.EXPLAIN_RESPONSES.route)
async def _explain_responses(request: Request) -> Response:
    return await _explain(request, RESPONSES)


# The SDK of today speaks v1, its earlier majors and most examples v1beta.
@_paths.post("/v1/models/{call:path}", dependencies=_keyed_in(GEMINI), **faces.GEMINI.route)
@_paths.post("/v1beta/models/{call:path}", dependencies=_keyed_in(GEMINI), **faces.GEMINI_BETA.route)
async def _gemini(request: Request, call: str) -> Response:
    state = _state(request.app)
    body, raw = await read_json_object(request, state.config.limits)
    return await answer_gemini(request, await state.pipeline(), asked_of_path(call, body, raw, request.headers))


@_paths.post("/explain/v1/models/{call:path}", dependencies=_keyed_in(GEMINI), **faces.EXPLAIN_GEMINI.route)
@_paths.post("/explain/v1beta/models/{call:path}", dependencies=_keyed_in(GEMINI), **faces.EXPLAIN_GEMINI_BETA.route)
async def _explain_gemini(request: Request, call: str) -> Response:
    state = _state(request.app)
    body, raw = await read_json_object(request, state.config.limits)
    pipeline = await state.pipeline()
    found = explained(pipeline.explain(asked_of_path(call, body, raw, request.headers)))
    return Response(dumps(found), media_type="application/json")


@_paths.post(
    "/v1/ai/run", dependencies=[Depends(answers_errors_in(refused)), Depends(require_key)], **operations.ENVELOPE.route
)
async def _envelope(request: Request) -> Response:
    state = _state(request.app)
    body, _ = await read_json_object(request, state.config.limits)
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


@_paths.get("/metrics", dependencies=[Depends(may_read_metrics)], **operations.METRICS.route)
async def _metrics(request: Request) -> Response:
    # In a thread: to write out many series, or to read other processes' files, would hold up streams.
    read = _state(request.app).metrics.exposition
    content, media_type = await to_thread.run_sync(read, request.headers.get("accept", ""))
    return Response(content, headers={"content-type": media_type})


@_paths.get("/docs", include_in_schema=False)
async def _documentation(request: Request) -> Response:
    return HTMLResponse(rendered(request.app.openapi()), headers={"content-security-policy": POLICY})


def __getattr__(name: str) -> FastAPI:
    """``app``, for ``uvicorn router.app:app`` and other servers: made of the configuration that the environment names.

    Made when it is asked for, since importing a module must not read files. Raises ConfigError, AttributeError.
    """
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    config = load_config(None, os.environ)
    configure_logging(config.logging.level)
    return create_app(config)
