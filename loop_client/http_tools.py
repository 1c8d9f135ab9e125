"""Tools that are HTTP endpoints: a call becomes a request, and the response goes to the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

import httpx2

from loop_client.context import ToolContext
from loop_client.environment import all_from_environment
from loop_client.errors import ConfigurationError
from loop_client.function_tool import ToolFlags, schema_tool
from loop_client.headers import checked_headers
from loop_client.http_exchange import HttpRules, exchange
from loop_client.jsontext import JsonObject, dump_bytes, dumps
from loop_client.provided_tools import provided_by, restrictions
from loop_client.tools import Tool

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

ContextHeaders: TypeAlias = Callable[[ToolContext], Mapping[str, str]]
"""Further headers for one call, such as the token of the user whom the context's values name."""

DEFAULT_MAX_RESPONSE_BYTES: Final = 1024 * 1024
_IN_THE_ADDRESS: Final = frozenset({"GET", "DELETE"})
_SAFE_IN_A_KEY: Final = "/-_.~"


@dataclass(frozen=True, slots=True)
class HttpTool:
    """One endpoint and how the model sees it.

    Raises:
        ConfigurationError: the address is none, holds a name or password, or a number makes no sense.
    """

    name: str
    description: str
    parameters: JsonObject
    """JSON Schema of the arguments object. Arguments are checked against it before anything is sent."""
    url: str
    method: Method = "POST"
    """The arguments are the JSON body; with GET and DELETE, the query: text as it is, anything else as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """A value may be taken from the environment: ``env:NAME``, or ``Bearer env:NAME``."""
    context_headers: ContextHeaders | None = field(default=None, repr=False)
    flags: ToolFlags = field(default_factory=ToolFlags)
    """The rules of the tool, as ``Tool`` describes them."""
    connect_seconds: float = 10.0
    """Until the connection stands; the whole call has the tool's ``timeout``."""
    max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES
    """A larger response is an error: half a document helps nobody."""
    show_errors: bool = False
    """Whether the model sees what the endpoint says when it refuses a call, such as which field is wrong."""
    brought_tools_url: str | None = None
    """Makes this a tool that brings tools: its response defines them (see ``provided_by``), and a call of one is posted
    there as ``{"name": …, "arguments": {…}}``, with the same headers."""
    brought_flags: ToolFlags | None = None
    """The rules of tools that this one brings; by default its own timeout, approval, bound and parallelism."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for address in (self.url, self.brought_tools_url):
            if address is not None:
                _check_address(self.name, address)
        if not self.connect_seconds > 0 or self.max_response_bytes < 1:
            raise ConfigurationError(f"HTTP tool {self.name}: connect_seconds and max_response_bytes must be above 0")


class HttpTools:
    """A source of tools that are HTTP endpoints; they share one pool of connections.

    Every request carries ``Idempotency-Key``: the same for every attempt at one call, and for no other call. Redirects
    are followed within the same scheme, host and port only, because the headers are meant for that host.

    Args:
        tools: The endpoints.
        name: For messages to the operator.
        http_client: Instead of an own pool; it is not closed here.

    Raises:
        ConfigurationError: a header's variable is not set, two tools have one name, or a tool's rules are not legal.
    """

    def __init__(
        self, tools: Sequence[HttpTool], *, name: str = "http", http_client: httpx2.AsyncClient | None = None
    ) -> None:
        self._name = name
        self._given = http_client
        self._client: httpx2.AsyncClient | None = http_client
        self._tools = tuple(self._tool(item) for item in tools)
        names = [item.name for item in self._tools]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"{name}: two HTTP tools have the same name")

    @property
    def name(self) -> str:
        """For messages to the operator."""
        return self._name

    async def open(self) -> None:
        """Make the pool; nothing is connected before the first call."""
        if self._client is None:
            # Runs of different users share the pool: a cookie of one must not go along with a call of another.
            no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
            self._client = httpx2.AsyncClient(cookies=no_cookies)

    async def list_tools(self) -> Sequence[Tool]:
        """The same tools every time."""
        return self._tools

    async def aclose(self) -> None:
        """Close the pool."""
        if self._client is not None and self._client is not self._given:
            await self._client.aclose()
        self._client = self._given

    def _tool(self, endpoint: HttpTool) -> Tool:
        rules = _rules(endpoint)

        async def call(arguments: dict[str, Any], context: ToolContext) -> object:
            return await self._send(endpoint, rules, _request(endpoint, endpoint.method, arguments), context)

        async def call_brought(name: str, arguments: dict[str, Any], context: ToolContext) -> object:
            content = dump_bytes({"name": name, "arguments": arguments})
            request = _Request("POST", endpoint.brought_tools_url or "", content=content)
            return await self._send(endpoint, rules, request, context)

        flags: ToolFlags = {**endpoint.flags}
        if endpoint.brought_tools_url is not None:
            flags["provides"] = provided_by(call_brought, **_brought_flags(endpoint))
        return schema_tool(endpoint.name, endpoint.description, endpoint.parameters, call, **flags)

    async def _send(self, endpoint: HttpTool, rules: HttpRules, request: _Request, context: ToolContext) -> object:
        if self._client is None:
            raise RuntimeError(f"the source {self._name} is not open")
        headers = {"idempotency-key": quote(context.idempotency_key, safe=_SAFE_IN_A_KEY), **rules.headers}
        if request.content is not None:
            headers["content-type"] = "application/json"
        if endpoint.context_headers is not None:
            headers |= {name.lower(): value for name, value in endpoint.context_headers(context).items()}
        built = self._client.build_request(
            request.method,
            request.url,
            params=request.query,
            content=request.content,
            headers=headers,
            timeout=httpx2.Timeout(None, connect=endpoint.connect_seconds),
        )
        return await exchange(self._client, built, rules)


@dataclass(frozen=True, slots=True)
class _Request:
    method: Method
    url: str
    query: Mapping[str, str] | None = None
    content: bytes | None = None


def _request(endpoint: HttpTool, method: Method, arguments: dict[str, Any]) -> _Request:
    if method not in _IN_THE_ADDRESS:
        return _Request(method, endpoint.url, content=dump_bytes(arguments))
    query = {name: value if isinstance(value, str) else dumps(value) for name, value in arguments.items()}
    # What the address itself asks for stays, and the model's arguments cannot replace it.
    own = dict(httpx2.URL(endpoint.url).params)
    return _Request(method, endpoint.url, query={**query, **own})


def _rules(endpoint: HttpTool) -> HttpRules:
    what = f"HTTP tool {endpoint.name}: headers"
    headers = checked_headers(all_from_environment(endpoint.headers, what), what)
    return HttpRules(endpoint.name, headers, endpoint.max_response_bytes, endpoint.show_errors)


def _brought_flags(endpoint: HttpTool) -> ToolFlags:
    if endpoint.brought_flags is not None:
        return endpoint.brought_flags
    return restrictions(endpoint.flags)


def _check_address(name: str, address: str) -> None:
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        raise ConfigurationError(f"HTTP tool {name}: its address is no URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(f"HTTP tool {name}: an address such as https://example.com/tool is expected")
    if url.userinfo:
        raise ConfigurationError(f"HTTP tool {name}: put a name and password into a header, not into the address")
