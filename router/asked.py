"""A request as a face took it in."""

import re
from collections.abc import Mapping
from copy import copy
from typing import Any, Final

from providers.spec.adjustments import PlaceOf, Report
from providers.spec.dialect import Dialect, PlainRequest
from providers.spec.errors import InvalidRequestError, RouterError
from providers.spec.request import Request
from providers.spec.values import JsonObject
from providers.wire.json import JsonError, loads_object
from router.options import Options
from router.verdicts.offer import Offer, PlainOffer, RequestOffer

_NO_OPTIONS: Final = Options()

_OUTSIDE: Final = re.compile(r"(response|headers|model)\b")
"""What these paths lead to is not in the request, or beside it."""


class Asked:
    """What was asked. Read plainly, it is taken apart only as far as somebody looks into it."""

    __slots__ = (
        "_body",
        "_face",
        "_places",
        "_request",
        "elsewhere",
        "given",
        "headers",
        "model",
        "objects",
        "options",
        "plain",
        "raw",
        "stream",
        "within",
    )

    def __init__(
        self,
        face: Dialect,
        *,
        request: Request | None = None,
        plain: PlainRequest | None = None,
        body: JsonObject | None = None,
        raw: bytes | None = None,
        objects: bool = False,
        given: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        elsewhere: RouterError | None = None,
        within: str = "",
    ) -> None:
        """Either ``request`` and ``body``, or ``plain`` and ``raw``."""
        said = plain or request
        assert said is not None  # noqa: S101  # one of the two
        self._face = face
        self._request = request
        self._body = body
        self.plain = plain
        """The same read plainly, where it was spelled so."""
        self.model = said.model
        """As the caller spelled it."""
        self.stream = bool(said.stream)
        self.raw = raw
        """The bytes of ``body``, where they can be relayed as they are."""
        self.objects = objects
        """The face writes the arguments of calls as objects."""
        self.given = given or {}
        """The options that the request itself gives."""
        self.options = Options(**given) if given else _NO_OPTIONS
        """What counts: of the request, else of the configuration."""
        self.headers = headers or {}
        """Headers of the caller's that belong to the face's dialect (``anthropic-beta``, …)."""
        self.elsewhere = elsewhere
        """Why no provider of another dialect can take it."""
        self.within = within
        """Where the request stands in what the caller sent, where that is not all of it."""
        self._places: PlaceOf | None = None

    @property
    def dialect(self) -> str:
        """The dialect it is written in."""
        return self._face.name

    @property
    def stream_usage(self) -> bool:
        """Whether the stream is to report usage."""
        said = self.plain or self._request
        return said is not None and bool(said.stream_usage)

    @property
    def request(self) -> Request:
        """The canonical form; where it was read plainly, without its spelling."""
        if self._request is None:
            assert self.plain is not None  # noqa: S101  # one of the two
            try:
                self._request = self.plain.request()
            except JsonError as error:
                raise InvalidRequestError(f"the body is not JSON: {error}") from None
        return self._request

    @property
    def offer(self) -> Offer:
        """Its tools, for verdicts."""
        if self.plain is not None:
            return PlainOffer(self.plain, lambda: self.request)
        return RequestOffer(self._face.offered(self.request))

    @property
    def spelled(self) -> Request:
        """The canonical form with its spelling. Raises InvalidRequestError, as the face's dialect does."""
        # Nearly every request is needed in one of the two forms alone.
        return self.request if self.plain is None else self._face.decode_request(dict(self.body))

    def told_to(self, dialect: str, report: Report, *, spelled: bool) -> tuple[Request, Report]:
        """What is told to a provider of this dialect, and the report for its places. Raises InvalidRequestError.

        ``spelled``: with its spelling.
        """
        request = self.spelled if spelled else self.request
        return (request, report) if dialect == self.dialect else self._face.ungrouped(request, report)

    @property
    def body(self) -> JsonObject:
        """As the caller wrote it, without the router's own member. Not to be modified."""
        if self._body is None:
            self._body = {} if self.raw is None else loads_object(self.raw)
        return self._body

    def place_of(self, path: str, *, carried: bool = False) -> str:
        """A place of the canonical request as its caller wrote it; what is no place of it stays as it is.

        ``carried``: a member of the body under the name that it has there.
        """
        if not carried or self.plain is None:
            if self._places is None:
                self._places = self._face.places(lambda: self.body, lambda: self.request)
            path = self._places(path, carried=carried)
        return placed_within(self.within, path)

    def under(self, options: Options) -> "Asked":
        """The same under these options."""
        other = copy(self)
        other.options = options
        return other

    def saying(self, request: Request, *, raw: bytes | None) -> "Asked":
        """Another request in its place; ``raw`` where it still stands in these bytes."""
        other = copy(self)
        other._request, other.plain, other.raw, other._places = request, None, raw, None
        other.model, other.stream = request.model, bool(request.stream)
        other._body = self.body
        return other


def placed_within(within: str, path: str) -> str:
    """A path in a request that stands ``within`` what its caller sent."""
    return f"{within}.{path}" if within and not _OUTSIDE.match(path) else path


def tell_place(error: RouterError, place: str) -> None:
    """Let an error name this place instead of its own, in its message too."""
    if error.path and place != error.path:
        error.message = error.message.replace(error.path, place, 1)
        error.args = (error.message,)
        error.path = place
