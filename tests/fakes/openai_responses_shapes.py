"""Fields and types of an OpenAI Responses request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from tests.fakes.openai_shapes import Effort, Name, Shape

CallId = Annotated[str, Field(min_length=1, max_length=64)]
Status = Literal["in_progress", "completed", "incomplete"]
Phase = Literal["commentary", "final_answer"]


class Loose(BaseModel):
    """An item or tool that the provider runs: only its type is looked at."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str


class InputText(Shape):
    type: Literal["input_text"]
    text: str
    prompt_cache_breakpoint: dict[str, Any] | None = None


class InputImage(Shape):
    type: Literal["input_image"]
    detail: Literal["auto", "low", "high", "original"] | None = None
    image_url: str | None = None
    file_id: str | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class InputFile(Shape):
    type: Literal["input_file"]
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    detail: str | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class OutputText(Shape):
    type: Literal["output_text"]
    text: str
    annotations: list[dict[str, Any]] | None = None
    logprobs: list[Any] | None = None


class OutputRefusal(Shape):
    type: Literal["refusal"]
    refusal: str


Given = Annotated[InputText | InputImage | InputFile, Field(discriminator="type")]
Said = Annotated[OutputText | OutputRefusal, Field(discriminator="type")]


class GivenMessage(Shape):
    role: Literal["user", "system", "developer"]
    content: str | list[Given]
    type: Literal["message"] | None = None
    id: str | None = None
    status: Status | None = None


class SaidMessage(Shape):
    role: Literal["assistant"]
    content: str | list[Said]
    type: Literal["message"] | None = None
    id: str | None = None
    status: Status | None = None
    phase: Phase | None = None


class Segment(Shape):
    type: Literal["summary_text", "reasoning_text"]
    text: str


class ReasoningItem(Shape):
    type: Literal["reasoning"]
    summary: list[Segment]
    id: str | None = None
    content: list[Segment] | None = None
    encrypted_content: str | None = None
    status: Status | None = None


class FunctionCall(Shape):
    type: Literal["function_call"]
    call_id: CallId
    name: Name
    arguments: str
    id: str | None = None
    status: Status | None = None
    namespace: str | None = None
    caller: dict[str, Any] | None = None


class CustomCall(Shape):
    type: Literal["custom_tool_call"]
    call_id: CallId
    name: Name
    input: str
    id: str | None = None
    status: Status | None = None
    namespace: str | None = None
    caller: dict[str, Any] | None = None


class FunctionOutput(Shape):
    type: Literal["function_call_output"]
    call_id: CallId
    output: str | list[Given]
    id: str | None = None
    status: Status | None = None
    caller: dict[str, Any] | None = None


class CustomOutput(Shape):
    type: Literal["custom_tool_call_output"]
    call_id: CallId
    output: str | list[Given]
    id: str | None = None
    status: Status | None = None
    caller: dict[str, Any] | None = None


class ItemReference(Shape):
    type: Literal["item_reference"]
    id: str


MODELLED = frozenset(
    {
        "reasoning",
        "function_call",
        "custom_tool_call",
        "function_call_output",
        "custom_tool_call_output",
        "item_reference",
    }
)

BY_PROVIDER = frozenset(
    {
        "additional_tools",
        "apply_patch_call",
        "apply_patch_call_output",
        "code_interpreter_call",
        "compaction",
        "compaction_trigger",
        "computer_call",
        "computer_call_output",
        "configuration_update",
        "file_search_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
        "program",
        "program_output",
        "shell_call",
        "shell_call_output",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
    }
)
"""Types of items that are taken as they are."""


def _item_tag(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "given"
    kind = value.get("type", "message")
    if kind in (None, "message"):
        return "said" if value.get("role") == "assistant" else "given"
    if not isinstance(kind, str):
        return None
    return kind if kind in MODELLED else "loose" if kind in BY_PROVIDER else None


Item = Annotated[
    Annotated[GivenMessage, Tag("given")]
    | Annotated[SaidMessage, Tag("said")]
    | Annotated[ReasoningItem, Tag("reasoning")]
    | Annotated[FunctionCall, Tag("function_call")]
    | Annotated[CustomCall, Tag("custom_tool_call")]
    | Annotated[FunctionOutput, Tag("function_call_output")]
    | Annotated[CustomOutput, Tag("custom_tool_call_output")]
    | Annotated[ItemReference, Tag("item_reference")]
    | Annotated[Loose, Tag("loose")],
    Discriminator(_item_tag),
]


class FunctionTool(Shape):
    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    output_schema: dict[str, Any] | None = None
    defer_loading: bool | None = None
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None


class CustomTool(Shape):
    type: Literal["custom"]
    name: Name
    description: str | None = None
    format: dict[str, Any] | None = None
    defer_loading: bool | None = None
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None


PROVIDER_TOOLS = frozenset(
    {
        "apply_patch",
        "code_interpreter",
        "computer",
        "computer_use_preview",
        "file_search",
        "image_generation",
        "local_shell",
        "mcp",
        "namespace",
        "programmatic_tool_calling",
        "shell",
        "tool_search",
        "web_search",
        "web_search_preview",
    }
)


def _tool_tag(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return None
    return kind if kind in ("function", "custom") else "loose" if kind in PROVIDER_TOOLS else None


Tool = Annotated[
    Annotated[FunctionTool, Tag("function")] | Annotated[CustomTool, Tag("custom")] | Annotated[Loose, Tag("loose")],
    Discriminator(_tool_tag),
]


class NamedChoice(Shape):
    type: Literal["function", "custom"]
    name: str


class AllowedChoice(Shape):
    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: list[dict[str, Any]]


def _choice_tag(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("function", "custom"):
        return "named"
    if kind == "allowed_tools":
        return "allowed_tools"
    return "loose" if isinstance(kind, str) and kind in PROVIDER_TOOLS else None


Choice = Annotated[
    Annotated[NamedChoice, Tag("named")]
    | Annotated[AllowedChoice, Tag("allowed_tools")]
    | Annotated[Loose, Tag("loose")],
    Discriminator(_choice_tag),
]


class Reasoning(Shape):
    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    context: str | None = None
    mode: str | None = None


class Format(Shape):
    type: Literal["text", "json_object", "json_schema"]
    name: Name | None = None
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class Text(Shape):
    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class StreamOptions(Shape):
    include_obfuscation: bool | None = None


Included = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]


class ResponsesRequest(Shape):
    model: str
    input: str | list[Item] | None = None
    background: bool | None = None
    client_metadata: dict[str, str] | None = None
    """In no documentation: Codex sends it with every request (codex-rs, ``ResponsesApiRequest``)."""
    context_management: list[dict[str, Any]] | None = None
    conversation: str | dict[str, Any] | None = None
    include: list[Included] | None = None
    instructions: str | None = None
    max_output_tokens: Annotated[int, Field(ge=16)] | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, str] | None = None
    moderation: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: str | None = None
    prompt: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    reasoning: Reasoning | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    text: Text | None = None
    tool_choice: Literal["none", "auto", "required"] | Choice | None = None
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
