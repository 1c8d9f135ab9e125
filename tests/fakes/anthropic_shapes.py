"""Fields and types of an Anthropic Messages request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

_ID = r"^[a-zA-Z0-9_-]+$"
_NAME = r"^[a-zA-Z0-9_-]{1,64}$"
_USED_NAME = r"^[a-zA-Z0-9_-]{1,200}$"


class Shape(BaseModel):
    """Exactly the fields named, of exactly their types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Open(BaseModel):
    """What a server tool's own page describes: carried without a look inside."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str
    name: str | None = None


class CacheControl(Shape):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class Cached(Shape):
    cache_control: CacheControl | None = None


class Text(Cached):
    type: Literal["text"]
    text: str
    citations: list[dict[str, Any]] | None = None


class Base64Source(Shape):
    type: Literal["base64"]
    media_type: str
    data: str


class UrlSource(Shape):
    type: Literal["url"]
    url: str


class FileSource(Shape):
    type: Literal["file"]
    file_id: str


class PlainSource(Shape):
    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: str


class ContentSource(Shape):
    type: Literal["content"]
    content: str | list[dict[str, Any]]


class Image(Cached):
    type: Literal["image"]
    source: Annotated[Base64Source | UrlSource | FileSource, Field(discriminator="type")]


class Document(Cached):
    type: Literal["document"]
    source: Annotated[
        Base64Source | UrlSource | FileSource | PlainSource | ContentSource,
        Field(discriminator="type"),
    ]
    title: str | None = None
    context: str | None = None
    citations: dict[str, Any] | None = None


class SearchResult(Cached):
    type: Literal["search_result"]
    source: str
    title: str
    content: list[Text]
    citations: dict[str, Any] | None = None


class ToolReference(Cached):
    type: Literal["tool_reference"]
    tool_name: str


class ToolUse(Cached):
    type: Literal["tool_use"]
    id: Annotated[str, Field(pattern=_ID)]
    name: Annotated[str, Field(pattern=_USED_NAME)]
    input: dict[str, Any]
    caller: dict[str, Any] | None = None


class ToolResult(Cached):
    type: Literal["tool_result"]
    tool_use_id: Annotated[str, Field(pattern=_ID)]
    content: (
        str
        | list[Annotated[Text | Image | Document | SearchResult | ToolReference, Field(discriminator="type")]]
        | None
    ) = None
    is_error: bool | None = None


class Thinking(Shape):
    type: Literal["thinking"]
    thinking: str
    signature: str


class RedactedThinking(Shape):
    type: Literal["redacted_thinking"]
    data: str


SERVER_BLOCKS = (
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
    "tool_addition",
    "compaction",
)
"""Blocks of tools that Anthropic runs itself."""


def _block_tag(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return "server" if kind in SERVER_BLOCKS else kind


Block = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[Image, Tag("image")]
    | Annotated[Document, Tag("document")]
    | Annotated[SearchResult, Tag("search_result")]
    | Annotated[ToolUse, Tag("tool_use")]
    | Annotated[ToolResult, Tag("tool_result")]
    | Annotated[Thinking, Tag("thinking")]
    | Annotated[RedactedThinking, Tag("redacted_thinking")]
    | Annotated[Open, Tag("server")],
    Discriminator(_block_tag),
]


class Message(Shape):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class InputSchema(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    type: Literal["object"]
    properties: dict[str, Any] | None = None
    required: list[str] | None = None


class CustomTool(Cached):
    type: Literal["custom"] | None = None
    name: Annotated[str, Field(pattern=_NAME)]
    description: str | None = None
    input_schema: InputSchema
    strict: bool | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None
    input_examples: list[dict[str, Any]] | None = None
    eager_input_streaming: bool | None = None


def _tool_tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return "custom" if kind in (None, "custom") else "server"


Tool = Annotated[
    Annotated[CustomTool, Tag("custom")] | Annotated[Open, Tag("server")],
    Discriminator(_tool_tag),
]


class AutoChoice(Shape):
    type: Literal["auto"]
    disable_parallel_tool_use: bool | None = None


class AnyChoice(Shape):
    type: Literal["any"]
    disable_parallel_tool_use: bool | None = None


class ToolChoice(Shape):
    type: Literal["tool"]
    name: str
    disable_parallel_tool_use: bool | None = None


class NoChoice(Shape):
    type: Literal["none"]


class EnabledThinking(Shape):
    type: Literal["enabled"]
    budget_tokens: Annotated[int, Field(ge=1024)]
    display: Literal["summarized", "omitted"] | None = None


class AdaptiveThinking(Shape):
    type: Literal["adaptive"]
    display: Literal["summarized", "omitted"] | None = None


class DisabledThinking(Shape):
    type: Literal["disabled"]


class OutputFormat(Shape):
    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class OutputConfig(Shape):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None
    task_budget: dict[str, Any] | None = None


class Metadata(Shape):
    user_id: str | None = None


class MessagesRequest(Shape):
    model: str
    max_tokens: Annotated[int, Field(ge=1)]
    messages: list[Message]
    cache_control: CacheControl | None = None
    container: str | dict[str, Any] | None = None
    context_management: dict[str, Any] | None = None
    inference_geo: str | None = None
    mcp_servers: list[dict[str, Any]] | None = None
    metadata: Metadata | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    speed: Literal["standard", "fast"] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    system: str | list[Text] | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    thinking: Annotated[EnabledThinking | AdaptiveThinking | DisabledThinking, Field(discriminator="type")] | None = (
        None
    )
    tool_choice: Annotated[AutoChoice | AnyChoice | ToolChoice | NoChoice, Field(discriminator="type")] | None = None
    tools: list[Tool] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
