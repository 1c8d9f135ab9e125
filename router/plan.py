"""One request made ready for one candidate: translated, or relayed as it came; nothing is sent here."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import Dialect, EncodedRequest
from providers.spec.errors import RouterError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import Request
from providers.spec.values import JsonObject
from providers.upstreams.base import PreparedCall, ProviderRow, Upstream
from providers.wire.json import dumps
from providers.wire.splice import replace_member
from providers.wire.strict_shape import widened_tools
from providers.wire.tool_names import ToolNames, names_for
from router.options import Options
from router.policies import encoded_under
from router.routing import Route
from router.wires import wire_of

_VERSIONS = frozenset({"anthropic-version"})
"""Headers that every client of a dialect sends: they choose its grammar and ask for nothing, so none is missed."""

_LOSSES = frozenset({"dropped", "downgraded"})
"""Adjustments after which something the caller said is not said any more."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a face took it in."""

    request: Request
    dialect: str
    """The dialect it is written in."""
    objects: bool = False
    """The face writes the arguments of calls as objects."""
    options: Options = Options()
    """What counts: of the request, else of the configuration."""
    given: Mapping[str, Any] = {}
    """The options that the request itself gives."""
    body: JsonObject = {}
    """As the caller wrote it, without the router's own member."""
    raw: bytes | None = None
    """The bytes of ``body``, where they can be relayed as they are."""
    headers: Mapping[str, str] = {}
    """Headers of the caller's that belong to the face's dialect (``anthropic-beta``, …)."""
    elsewhere: RouterError | None = None
    """Why no provider of another dialect can take it."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A request ready to leave for one candidate."""

    row: ProviderRow
    target: Target
    dialect: Dialect
    upstream: Upstream
    prepared: PreparedCall
    report: Report
    names: ToolNames
    """What the caller's tools are called there."""
    widened: Mapping[str, JsonObject] = {}
    """Schemas of tools whose optional members may be null there, by name: in answers they are left out again."""
    relays_answer: bool
    """The answer's bytes may be handed on as they are."""


def planned(asked: Asked, route: Route, upstream: Upstream, *, stream: bool) -> Plan:
    """The plan for one candidate.

    Raises InvalidRequestError and UnsupportedError where the candidate cannot take the request, UnsupportedError also
    for the first loss where the caller refuses losses, and what the face says of a request for its own dialect alone.
    """
    row, report = route.row, Report()
    target = route.target(wire_of(row, route.model, asked.request, face=asked.dialect, asked=asked.options.wire))
    dialect = DIALECTS[target.dialect]
    if asked.elsewhere is not None and asked.dialect != target.dialect:
        raise asked.elsewhere
    same = asked.dialect == target.dialect and row.profile.clean
    names = names_for(asked.request, row.profile.tool_name)
    renamed = msgspec.structs.replace(asked, request=names.written(asked.request, report))
    encoded = _encoded(renamed, dialect, target, report, stream=stream, as_asked=same)
    content = _relayed(asked, encoded, target) if same and not report.adjustments else None
    if same and content is None and stream and not asked.request.stream_usage:
        # Translated after all: then usage is asked for, as for every other provider.
        report = Report()
        renamed = msgspec.structs.replace(asked, request=names.written(asked.request, report))
        encoded = _encoded(renamed, dialect, target, report, stream=stream, as_asked=False)
    encoded = _with_headers(encoded, asked, target, report)
    if asked.options.on_loss == "refuse":
        _refuse_losses(report, target)
    return Plan(
        row=row,
        target=target,
        dialect=dialect,
        upstream=upstream,
        prepared=upstream.prepare(msgspec.structs.replace(encoded, content=content, model=target.model), stream=stream),
        report=report,
        names=names,
        widened=widened_tools(asked.request, target.dialect),
        relays_answer=same and asked.options.are_plain and not names,
    )


def _encoded(
    asked: Asked, dialect: Dialect, target: Target, report: Report, *, stream: bool, as_asked: bool
) -> EncodedRequest:
    """``as_asked``: as the caller spelled it; else a stream is asked for its usage, and nothing is said of none."""
    request = asked.request
    if not as_asked:
        usage = stream and target.profile.stream_usage
        request = msgspec.structs.replace(request, stream=stream or None, stream_usage=usage or None)
    encode = partial(_written, dialect, target)
    return encoded_under(asked.options, request, report, encode)


def _written(dialect: Dialect, target: Target, request: Request, report: Report) -> EncodedRequest:
    return dialect.encode_request(request, target, report)


def _relayed(asked: Asked, encoded: EncodedRequest, target: Target) -> bytes | None:
    """The caller's own bytes, with the provider's name of the model, where translating would change nothing else."""
    if asked.raw is None:
        return None
    if "model" not in asked.body:
        return asked.raw if encoded.body == asked.body else None
    if encoded.body != {**asked.body, "model": target.model}:
        return None
    return replace_member(asked.raw, "model", dumps(target.model))


def _with_headers(encoded: EncodedRequest, asked: Asked, target: Target, report: Report) -> EncodedRequest:
    if not asked.headers:
        return encoded
    if asked.dialect == target.dialect:
        return msgspec.structs.replace(encoded, headers={**encoded.headers, **asked.headers})
    for name, value in asked.headers.items():
        if name in _VERSIONS:
            continue
        report.add(f"headers.{name}", "dropped", f"means nothing to {target.dialect}", from_=value)
    return encoded


def _refuse_losses(report: Report, target: Target) -> None:
    for adjustment in report.adjustments:
        if adjustment.action in _LOSSES:
            message = f"{target.provider}/{target.model} cannot take {adjustment.path}: {adjustment.reason}"
            raise UnsupportedError(f"{message} (router.on_loss is refuse)", path=adjustment.path)
