"""Every path that asks for something or tells of the service: who answers it, who may ask, whose errors it has."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from providers.spec.errors import RouterError
from providers.wire.json import dumps
from router.abilities import providers_list
from router.access import may_read_metrics, require_key
from router.asgi import CallerGoneError, HttpCall
from router.asked import Asked
from router.errors import OPENAI_SHAPE, Shape, answer_error
from router.faces.chat import CHAT
from router.faces.counting import answer_count
from router.faces.envelope import answer_envelope, refused
from router.faces.explain import explained
from router.faces.gemini import GEMINI, answer_gemini, asked_of_path
from router.faces.messages import MESSAGES
from router.faces.responses import RESPONSES
from router.faces.serving import Face, answer, asked_of, asked_plainly
from router.limits import json_object, read_body
from router.models import models_list
from router.state import RouterState

Answerer: TypeAlias = Callable[[HttpCall, RouterState, str], Awaitable[None]]
"""Answers one call. The text is what stands in the path at ``REST``. Raises RouterError and CallerGoneError."""

REST: Final = "{call:path}"
"""At the end of a path: whatever follows, slashes included."""

_CALLER_GONE: Final = 499
"""Nobody reads it; the log shows it, with the number that other servers use for it."""


class Path(msgspec.Struct, frozen=True):
    """One path and method."""

    method: str
    path: str
    answerer: Answerer
    keyed: bool = True
    """Wants a router key."""
    shape: Shape = OPENAI_SHAPE
    """Of its errors."""

    async def answer(self, call: HttpCall, state: RouterState, rest: str) -> None:
        """Let the caller in and answer; what goes wrong is answered as well, unless nobody expected it."""
        try:
            if self.keyed:
                require_key(call, state.keys, is_open=state.config.server.open)
            await self.answerer(call, state, rest)
        except RouterError as error:
            await answer_error(call, error, self.shape)
        except CallerGoneError:
            if call.record.status is None:
                call.record.error = "caller_gone"
                await call.answer(b"", status=_CALLER_GONE)


def path_of(method: str, path: str) -> tuple[Path, str] | None:
    """Who answers there, and the rest of the path; ``None`` where nobody does."""
    found = _EXACT.get((method, path))
    if found is not None:
        return found, ""
    for begin, entry in _BEGINNINGS:
        if path.startswith(begin) and entry.method == method:
            return entry, path[len(begin) :]
    return None


# ---- the faces


async def _asked(call: HttpCall, state: RouterState, face: Face) -> Asked:
    limits = state.config.limits
    raw = await read_body(call, limits)
    asked = asked_plainly(face, raw, call.headers, limits.max_depth)
    return asked_of(face, json_object(raw, limits), raw, call.headers) if asked is None else asked


def _asks(face: Face) -> Answerer:
    async def answerer(call: HttpCall, state: RouterState, rest: str) -> None:
        asked = await _asked(call, state, face)
        await answer(call, await state.pipeline(call.record.key), face, asked)

    return answerer


def _explains(face: Face) -> Answerer:
    async def answerer(call: HttpCall, state: RouterState, rest: str) -> None:
        asked = await _asked(call, state, face)
        pipeline = await state.pipeline(call.record.key)
        await call.answer(dumps(explained(pipeline.explain(asked))))

    return answerer


def _counts(face: Face) -> Answerer:
    async def answerer(call: HttpCall, state: RouterState, rest: str) -> None:
        asked = await _asked(call, state, face)
        await answer_count(call, await state.pipeline(call.record.key), asked)

    return answerer


async def _gemini(call: HttpCall, state: RouterState, rest: str) -> None:
    raw = await read_body(call, state.config.limits)
    body = json_object(raw, state.config.limits)
    await answer_gemini(call, await state.pipeline(call.record.key), asked_of_path(rest, body, raw, call.headers))


async def _explain_gemini(call: HttpCall, state: RouterState, rest: str) -> None:
    raw = await read_body(call, state.config.limits)
    body = json_object(raw, state.config.limits)
    pipeline = await state.pipeline(call.record.key)
    await call.answer(dumps(explained(pipeline.explain(asked_of_path(rest, body, raw, call.headers)))))


async def _envelope(call: HttpCall, state: RouterState, rest: str) -> None:
    body = json_object(await read_body(call, state.config.limits), state.config.limits)
    await answer_envelope(call, await state.pipeline(call.record.key), body)


# ---- the service


async def _providers(call: HttpCall, state: RouterState, rest: str) -> None:
    await call.answer(dumps(providers_list(state.config, await state.pipeline(call.record.key))))


async def _models(call: HttpCall, state: RouterState, rest: str) -> None:
    await call.answer(dumps(models_list(state.models)))


async def _health(call: HttpCall, state: RouterState, rest: str) -> None:
    await call.answer(b'{"status":"ok"}')


async def _readiness(call: HttpCall, state: RouterState, rest: str) -> None:
    readiness = state.readiness
    await call.answer(dumps({"status": readiness}), status=200 if readiness == "ready" else 503)


async def _metrics(call: HttpCall, state: RouterState, rest: str) -> None:
    may_read_metrics(call, state.keys, state.config)
    # In a thread: to write out many series, or to read other processes' files, would hold up streams.
    content, kind = await asyncio.to_thread(state.metrics.exposition, call.headers.get("accept", ""))
    await call.answer(content, media_type=kind.encode())


_MESSAGES, _GEMINI = MESSAGES.dialect.encode_error, GEMINI.dialect.encode_error

PATHS: Final = (
    Path("POST", "/v1/chat/completions", _asks(CHAT)),
    Path("POST", "/explain/v1/chat/completions", _explains(CHAT)),
    Path("POST", "/v1/messages", _asks(MESSAGES), shape=_MESSAGES),
    Path("POST", "/v1/messages/count_tokens", _counts(MESSAGES), shape=_MESSAGES),
    Path("POST", "/explain/v1/messages", _explains(MESSAGES), shape=_MESSAGES),
    Path("POST", "/v1/responses", _asks(RESPONSES), shape=RESPONSES.dialect.encode_error),
    Path("POST", "/explain/v1/responses", _explains(RESPONSES), shape=RESPONSES.dialect.encode_error),
    # The SDK of today speaks v1, its earlier majors and most examples v1beta.
    Path("POST", f"/v1beta/models/{REST}", _gemini, shape=_GEMINI),
    Path("POST", f"/v1/models/{REST}", _gemini, shape=_GEMINI),
    Path("POST", f"/explain/v1beta/models/{REST}", _explain_gemini, shape=_GEMINI),
    Path("POST", f"/explain/v1/models/{REST}", _explain_gemini, shape=_GEMINI),
    Path("POST", "/v1/ai/run", _envelope, shape=refused),
    Path("GET", "/v1/models", _models),
    Path("GET", "/v1/providers", _providers),
    Path("GET", "/healthz", _health, keyed=False),
    Path("GET", "/readyz", _readiness, keyed=False),
    Path("GET", "/metrics", _metrics, keyed=False),
)
"""All but the documentation."""

_EXACT: Final = {(entry.method, entry.path): entry for entry in PATHS if not entry.path.endswith(REST)}
_BEGINNINGS: Final = tuple((entry.path.removesuffix(REST), entry) for entry in PATHS if entry.path.endswith(REST))
