"""One request made ready for one candidate: translated, or relayed as it came; nothing is sent here."""

from collections.abc import Mapping

import msgspec

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import Dialect, EncodedRequest
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import Request
from providers.spec.values import JsonObject
from providers.upstreams.base import PreparedCall, ProviderRow, Upstream
from providers.wire.json import dumps
from providers.wire.splice import replace_member
from providers.wire.strict_shape import widened_tools
from providers.wire.tool_names import NO_NAMES, ToolNames, names_for
from router.asked import Asked, tell_place
from router.policies import encoded_under
from router.routing import Route
from router.wires import wire_of

_VERSIONS = frozenset({"anthropic-version"})
"""Headers that every client of a dialect sends: they choose its grammar and ask for nothing, so none is missed."""

_LOSSES = frozenset({"dropped", "downgraded"})
"""Adjustments after which something the caller said is not said any more."""


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
    row, report = route.row, Report(asked.place_of)
    target = route.target(wire_of(row, route.model, asked))
    dialect = DIALECTS[target.dialect]
    if asked.elsewhere is not None and asked.dialect != target.dialect:
        raise asked.elsewhere
    same = asked.dialect == target.dialect and row.profile.clean
    names = NO_NAMES
    encoded = _relayed_plainly(asked, target, report) if same else None
    if encoded is None:
        looks = asked.dialect == target.dialect or asked.dialect in dialect.kin
        request, told = asked.told_to(target.dialect, report, spelled=looks)
        names = names_for(request, row.profile.tool_name)
        encoded = _written(asked, request, names, dialect, target, told, stream=stream, same=same)
    encoded = _with_headers(encoded, asked, target, report)
    if asked.options.on_loss == "refuse":
        _refuse_losses(report, target)
    return Plan(
        row=row,
        target=target,
        dialect=dialect,
        upstream=upstream,
        prepared=upstream.prepare(msgspec.structs.replace(encoded, model=target.model), stream=stream),
        report=report,
        names=names,
        # A plain request is one of OpenAI's own, whose strict tools say what they mean there.
        widened={} if asked.plain is not None else widened_tools(asked.request, target.dialect),
        relays_answer=same and asked.options.are_plain and not names,
    )


def _relayed_plainly(asked: Asked, target: Target, report: Report) -> EncodedRequest | None:
    """What leaves of a request that was read plainly and needs no more than other names for the host."""
    if asked.plain is None or asked.raw is None or asked.options.orphans == "repair":
        return None
    return asked.plain.relayed(target, report)


def _written(
    asked: Asked,
    request: Request,
    names: ToolNames,
    dialect: Dialect,
    target: Target,
    report: Report,
    *,
    stream: bool,
    same: bool,
) -> EncodedRequest:
    encoded = _encoded(asked, names.written(request, report), dialect, target, report, stream=stream, as_asked=same)
    if not same:
        return encoded
    content = _relayed(asked, encoded, target) if not report.adjustments else None
    if content is None and stream and not asked.stream_usage:
        # Translated after all: then usage is asked for, as for every other provider.
        report.forget()
        named = names.written(request, report)
        return _encoded(asked, named, dialect, target, report, stream=stream, as_asked=False)
    return encoded if content is None else msgspec.structs.replace(encoded, content=content)


def _encoded(
    asked: Asked,
    request: Request,
    dialect: Dialect,
    target: Target,
    report: Report,
    *,
    stream: bool,
    as_asked: bool,
) -> EncodedRequest:
    """``as_asked``: as the caller spelled it; else a stream is asked for its usage, and nothing is said of none."""
    if not as_asked:
        usage = stream and target.profile.stream_usage
        wanted, usage_wanted = stream or None, usage or None
        if (request.stream, request.stream_usage) != (wanted, usage_wanted):
            request = msgspec.structs.replace(request, stream=wanted, stream_usage=usage_wanted)

    def encode(asks: Request, to: Report) -> EncodedRequest:
        try:
            return dialect.encode_request(asks, target, to)
        except (InvalidRequestError, UnsupportedError) as error:
            # As with adjustments: the codecs of providers know places by the canonical form alone.
            if error.path:
                tell_place(error, to.place(error.path))
            raise

    return encoded_under(asked.options, request, report, encode)


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
