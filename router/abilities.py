"""What each provider can do with tools, for ``GET /v1/providers``: found by asking the codecs, not by a list."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from providers.spec.adjustments import Action, Adjustment
from providers.spec.errors import RouterError
from providers.spec.values import Json, JsonObject
from router.config import Config
from router.faces.chat import CHAT
from router.faces.serving import asked_of
from router.pipeline import Pipeline

Probe: TypeAlias = dict[str, Any]
"""Fields of a chat request."""

_USER: Final = {"role": "user", "content": "x"}
_PICTURE: Final = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def _function(name: str, **more: Any) -> Probe:
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def _named(name: str) -> Probe:
    return {"type": "function", "function": {"name": name}}


_TOOLS: Final[list[Any]] = [_function("one"), _function("two")]
_CALL: Final[Probe] = {
    "id": "call_0123456789",
    "type": "function",
    "function": {"name": "one", "arguments": '{"a":"x"}'},
}
_CALLED: Final[Probe] = {"role": "assistant", "content": None, "tool_calls": [_CALL]}
_ALLOWED: Final = {"mode": "auto", "tools": [_named("one")]}
_SHOWN: Final = [{"type": "image_url", "image_url": {"url": _PICTURE}}]

_BARE: Final[Probe] = {"messages": [_USER]}
"""What is said of this has nothing to do with tools."""
_PLAIN: Final[Probe] = {"messages": [_USER], "tools": _TOOLS}
_PROBES: Final[Mapping[str, Probe]] = {
    "functions": _PLAIN,
    "free_text_tools": {**_PLAIN, "tools": [{"type": "custom", "custom": {"name": "one"}}]},
    "strict_schemas": {**_PLAIN, "tools": [_function("one", strict=True)]},
    "choice_none": {**_PLAIN, "tool_choice": "none"},
    "choice_required": {**_PLAIN, "tool_choice": "required"},
    "choice_named": {**_PLAIN, "tool_choice": _named("one")},
    "choice_allowed": {**_PLAIN, "tool_choice": {"type": "allowed_tools", "allowed_tools": _ALLOWED}},
    "one_call_at_a_time": {**_PLAIN, "parallel_tool_calls": False},
    "pictures_in_results": {
        **_PLAIN,
        "messages": [_USER, _CALLED, {"role": "tool", "tool_call_id": _CALL["id"], "content": _SHOWN}],
    },
}
"""Chat requests, each with one thing that a provider may be able to take or not."""

_GRAVITY: Final[tuple[Action, ...]] = ("repaired", "mapped", "downgraded", "dropped")
_ANY_MODEL: Final = "any"


def providers_list(config: Config, pipeline: Pipeline) -> JsonObject:
    """Every configured provider, with its models and what becomes of each thing that a request with tools may say."""
    listed: list[Json] = [_listed(name, config, pipeline) for name in config.rows]
    return {"object": "list", "data": listed}


def _listed(name: str, config: Config, pipeline: Pipeline) -> JsonObject:
    row = config.rows[name]
    models = config.models.get(name, ())
    shown: list[Json] = [f"{name}/{model}" for model in models]
    chosen = f"{name}/{models[0] if models else _ANY_MODEL}"
    wires: list[Json] = [row.dialect, *(["openai-responses"] if row.profile.responses else [])]
    wires += [variant.row.dialect for variant in row.variants]
    return {
        "id": name,
        "object": "provider",
        "wires": wires,
        "models": shown,
        "tools": {ability: _outcome(pipeline, chosen, probe) for ability, probe in _PROBES.items()},
    }


def _outcome(pipeline: Pipeline, model: str, probe: Probe) -> str:
    """``as_written``, the gravest adjustment that the probe gives rise to, or ``refused``."""
    adjustments = _adjustments(pipeline, model, probe)
    if adjustments is None:
        return "refused"
    anyway = _adjustments(pipeline, model, _BARE) or ()
    actions = [adjustment.action for adjustment in adjustments if adjustment not in anyway]
    return max(actions, key=_GRAVITY.index, default="as_written")


def _adjustments(pipeline: Pipeline, model: str, probe: Probe) -> Sequence[Adjustment] | None:
    """``None`` where the provider cannot be sent it."""
    try:
        asked = asked_of(CHAT, {"model": model, **probe}, None, {})
    except RouterError:
        return None
    found, *_ = pipeline.explain(asked)
    return None if found.plan is None else found.plan.report.adjustments
