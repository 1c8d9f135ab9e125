"""``ai-router explain``: what would be sent for a body in a file, through the live code; nothing is."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec

from providers.spec.errors import RouterError
from providers.spec.values import Json, JsonObject
from providers.wire.json import JsonError, check_depth, dumps, loads, type_name
from router.asked import Asked
from router.config import Config
from router.faces.chat import CHAT
from router.faces.explain import explained
from router.faces.gemini import asked_of_path
from router.faces.messages import MESSAGES
from router.faces.responses import RESPONSES
from router.faces.serving import asked_of
from router.state import RouterState

_FACES: Final = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES}


def run_explain(config: Config, file: Path, *, face: str, model: str | None, stream: bool) -> int:
    """Print, as JSON, each candidate's exact request and adjustments for the body in ``file`` (``-``: standard input).

    ``face``: ``chat``, ``messages``, ``responses`` or ``gemini``. ``model`` and ``stream`` stand in for those of the
    body; Gemini's body names neither. Returns an exit code, 1 where there is nothing that could be sent.
    """
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        return _refuse(f"{file}: {error.strerror or type(error).__name__}")
    try:
        told = asyncio.run(_explained(config, content, face=face, model=model, stream=stream))
    except JsonError as error:
        return _refuse(f"{file}: not a JSON object: {error}")
    except RouterError as error:
        return _refuse(error.message)
    print(msgspec.json.format(dumps(told), indent=2).decode("utf-8", "replace"))
    candidates = told["candidates"]
    return 0 if isinstance(candidates, list) and any(map(_can_be_sent, candidates)) else 1


def _refuse(reason: str) -> int:
    print(f"ai-router explain: {reason}", file=sys.stderr)
    return 1


def _can_be_sent(candidate: Json) -> bool:
    return isinstance(candidate, dict) and "request" in candidate


async def _explained(config: Config, content: bytes, *, face: str, model: str | None, stream: bool) -> JsonObject:
    body = loads(content)
    if not isinstance(body, dict):
        raise JsonError(f"it is of type {type_name(body)}")
    check_depth(body, config.limits.max_depth)
    asked = _asked(body, content, face=face, model=model, stream=stream)
    state = RouterState(config)
    state.start()
    try:
        return explained((await state.pipeline()).explain(asked))
    finally:
        await state.aclose()


def _asked(body: JsonObject, content: bytes, *, face: str, model: str | None, stream: bool) -> Asked:
    if face == "gemini":
        named = model if model is not None else body.get("model")
        method = "streamGenerateContent" if stream else "generateContent"
        return asked_of_path(f"{named if isinstance(named, str) else ''}:{method}", body, content, {})
    changes: JsonObject = {**({"model": model} if model is not None else {}), **({"stream": True} if stream else {})}
    changed = {**body, **changes}
    # Changed, it is no longer what the file says: then it is written anew, as any other body would be.
    raw = dumps(changed) if changes else content
    return asked_of(_FACES[face], changed, raw, {})
