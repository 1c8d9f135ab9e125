"""Fields and types of an OpenAI chat request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$", max_length=64)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Shape(BaseModel):
    """Exactly the fields named, of exactly their types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(Shape):
    type: Literal["text"]
    text: str


class RefusalPart(Shape):
    type: Literal["refusal"]
    refusal: str


class ImageLocation(Shape):
    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Shape):
    type: Literal["image_url"]
    image_url: ImageLocation


class DocumentPart(Shape):
    type: Literal["document_url"]
    document_url: str
    document_name: str | None = None


class Audio(Shape):
    data: str
    format: Literal["wav", "mp3"]


class AudioPart(Shape):
    type: Literal["input_audio"]
    input_audio: Audio


class File(Shape):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(Shape):
    type: Literal["file"]
    file: File


UserPart = Annotated[
    TextPart | ImagePart | DocumentPart | AudioPart | FilePart,
    Field(discriminator="type"),
]
AssistantPart = Annotated[TextPart | RefusalPart, Field(discriminator="type")]
TextParts = Annotated[list[TextPart], Field(min_length=1)]


class CalledFunction(Shape):
    name: Name
    arguments: str


class FunctionCall(Shape):
    id: str
    type: Literal["function"]
    function: CalledFunction


class CalledCustom(Shape):
    name: str
    input: str


class CustomCall(Shape):
    id: str
    type: Literal["custom"]
    custom: CalledCustom


class SystemMessage(Shape):
    role: Literal["system"]
    content: str | TextParts
    name: str | None = None


class DeveloperMessage(Shape):
    role: Literal["developer"]
    content: str | TextParts
    name: str | None = None


class UserMessage(Shape):
    role: Literal["user"]
    content: str | Annotated[list[UserPart], Field(min_length=1)]
    name: str | None = None


class AssistantMessage(Shape):
    role: Literal["assistant"]
    content: str | Annotated[list[AssistantPart], Field(min_length=1)] | None = None
    name: str | None = None
    refusal: str | None = None
    audio: dict[str, Any] | None = None
    annotations: list[Any] | None = None
    function_call: CalledFunction | None = None
    tool_calls: (
        Annotated[
            list[Annotated[FunctionCall | CustomCall, Field(discriminator="type")]],
            Field(min_length=1, max_length=128),
        ]
        | None
    ) = None


class ToolMessage(Shape):
    role: Literal["tool"]
    content: str | Annotated[list[Annotated[TextPart | ImagePart, Field(discriminator="type")]], Field(min_length=1)]
    tool_call_id: str
    name: str | None = None


class FunctionMessage(Shape):
    role: Literal["function"]
    content: str | None
    name: str


Message = Annotated[
    SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage,
    Field(discriminator="role"),
]


class Function(Shape):
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(Shape):
    type: Literal["function"]
    function: Function


class Custom(Shape):
    name: Name
    description: str | None = None
    format: dict[str, Any] | None = None


class CustomTool(Shape):
    type: Literal["custom"]
    custom: Custom


class Named(Shape):
    name: str


class NamedChoice(Shape):
    type: Literal["function"]
    function: Named


class CustomChoice(Shape):
    type: Literal["custom"]
    custom: Named


class Allowed(Shape):
    mode: Literal["auto", "required"]
    tools: list[dict[str, Any]]


class AllowedChoice(Shape):
    type: Literal["allowed_tools"]
    allowed_tools: Allowed


class StreamOptions(Shape):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class JsonSchema(Shape):
    name: Name
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class ResponseFormat(Shape):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(Shape):
    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    audio: dict[str, Any] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    function_call: Literal["none", "auto"] | Named | None = None
    functions: Annotated[list[Function], Field(min_length=1, max_length=128)] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    max_completion_tokens: NonNegativeInt | None = None
    max_tokens: NonNegativeInt | None = None
    metadata: dict[str, str] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    parallel_tool_calls: bool | None = None
    prediction: dict[str, Any] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    reasoning_effort: Effort | None = None
    response_format: ResponseFormat | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: str | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tool_choice: (
        Literal["none", "auto", "required", "any"]
        | Annotated[NamedChoice | CustomChoice | AllowedChoice, Field(discriminator="type")]
        | None
    ) = None
    tools: (
        Annotated[
            list[Annotated[FunctionTool | CustomTool, Field(discriminator="type")]],
            Field(min_length=1, max_length=128),
        ]
        | None
    ) = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    user: str | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    web_search_options: dict[str, Any] | None = None
