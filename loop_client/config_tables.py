"""The tables of a configuration file and what each may hold."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from loop_client.environment import is_plain_reference, is_reference
from loop_client.function_tool import ToolFlags

_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"}
)


def _reference(value: str) -> str:
    if not is_plain_reference(value):
        # The text is not repeated: it may be a secret.
        raise ValueError("env:NAME is expected; keys and secrets do not belong into a file")
    return value


def _no_secrets(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name.lower() in _SECRET_HEADERS and not is_reference(value):
            raise ValueError(f"the value of {name} must be env:NAME; keys and secrets do not belong into a file")
    return headers


def _names_or_flag(value: Any) -> Any:
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not is_list and not isinstance(value, bool):
        raise ValueError("true, false or a list of tool names is expected")
    return value


def _schema(value: Any) -> Any:
    if not isinstance(value, (dict, str)):
        raise ValueError("a JSON Schema as a table is expected, or the path of a JSON file that holds one")
    return value


Reference = Annotated[str, AfterValidator(_reference)]
Headers = Annotated[dict[str, str], AfterValidator(_no_secrets)]
NamesOrFlag = Annotated[Any, AfterValidator(_names_or_flag)]
Schema = Annotated[Any, AfterValidator(_schema)]


class Table(BaseModel):
    """A table whose keys are all known, and whose values have exactly the type that is expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Rules(Table):
    """The rules of a tool, as ``Tool`` describes them."""

    timeout: float | None = None
    retries: int = 0
    terminal: bool = False
    needs_approval: bool = False
    parallel: bool = True
    idempotent: bool = False
    may_repeat: bool = False
    on_interrupted: Literal["error", "retry", "ask"] | None = None
    max_result_bytes: int | None = None
    title: str | None = None

    def flags(self) -> ToolFlags:
        """Those that the file names."""
        given: Any = self.model_dump(exclude_unset=True)
        flags: ToolFlags = given
        return flags


class FileRoots(Table):
    """Folders that the model may look into."""

    roots: dict[str, str]
    """Relative ones count from the file's own folder."""
    descriptions: dict[str, str] = Field(default_factory=dict)
    include_hidden: bool = False


class LocalTools(Table):
    """Tools that run in this process."""

    files: FileRoots | None = None
    current_time: bool = False
    calculate: bool = False
    functions: list[str] = Field(default_factory=list)
    """``package.module:name`` of functions, tools and sources of tools."""
    rules: dict[str, Rules] = Field(default_factory=dict)
    """By tool name."""


class McpServer(Table):
    """A server of tools: a program (``command``) or an address (``url``)."""

    command: str | None = None
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    url: str | None = None
    headers: Headers = Field(default_factory=dict)
    bearer: Reference | None = None
    silence_seconds: float = 300.0
    prefix: str | None = None
    only: list[str] | None = None
    without: list[str] = Field(default_factory=list)
    needs_approval: NamesOrFlag = False
    trust_annotations: bool = False
    brings_tools: list[str] = Field(default_factory=list)
    required: bool = True
    connect_seconds: float = 30.0
    rules: Rules = Field(default_factory=Rules)
    """Of all its tools."""
    tools: dict[str, Rules] = Field(default_factory=dict)
    """Of single tools, by the server's name."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> McpServer:
        if (self.command is None) == (self.url is None):
            raise ValueError("either command or url is expected")
        stray = {"args", "env", "cwd"} if self.command is None else {"headers", "bearer", "silence_seconds"}
        found = sorted(stray & self.model_fields_set)
        if found:
            raise ValueError(f"{found[0]} makes no sense with {'url' if self.command is None else 'command'}")
        return self


class HttpEndpoint(Table):
    """A tool that is an HTTP endpoint."""

    description: str
    parameters: Schema
    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: Headers = Field(default_factory=dict)
    bearer: Reference | None = None
    connect_seconds: float = 10.0
    max_response_bytes: int = 1024 * 1024
    show_errors: bool = False
    brought_tools_url: str | None = None
    rules: Rules = Field(default_factory=Rules)
    brought_rules: Rules | None = None


class DeferredTool(Table):
    """A tool whose results come from outside."""

    description: str
    parameters: Schema
    answer: Schema | None = None
    title: str | None = None
    may_repeat: bool = False
    terminal: bool = False


class Stop(Table):
    """Conditions under which a run stops although the model would go on."""

    after_rounds: int | None = None
    when_called: list[str] = Field(default_factory=list)


class ConfigFile(Table):
    """The whole file."""

    model: str | None = None
    base_url: str | None = None
    api_key: Reference | None = None
    system: str | None = None
    tool_choice: str | None = None
    result_images: Literal["tool", "user"] = "tool"
    max_tools: int | None = None
    secrets: list[Reference] = Field(default_factory=list)
    """The first signs, and all are accepted."""
    store: str | None = None
    """File for suspended runs; they are kept in the process without one."""
    expires_after: float | None = None
    headers: Headers = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    limits: dict[str, Any] = Field(default_factory=dict)
    timeouts: dict[str, Any] = Field(default_factory=dict)
    retry: dict[str, Any] = Field(default_factory=dict)
    prices: dict[str, dict[str, Any]] = Field(default_factory=dict)
    stop: Stop = Field(default_factory=Stop)
    tools: LocalTools | None = None
    mcp: dict[str, McpServer] = Field(default_factory=dict)
    http_tools: dict[str, HttpEndpoint] = Field(default_factory=dict)
    deferred: dict[str, DeferredTool] = Field(default_factory=dict)
    server: dict[str, Any] = Field(default_factory=dict)
    """Read by ``loop_client.server``."""
    jobs: dict[str, Any] = Field(default_factory=dict)
    """Read by ``loop_client.jobs``."""
