"""Fields and types of a Gemini generateContent request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Shape(BaseModel):
    """Exactly the fields named, in either spelling; null stands for an absent field, as in JSON of protocol buffers."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _number(value: Any) -> Any:
    """Whole numbers may be written as strings."""
    return int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else value


Whole = Annotated[int, BeforeValidator(_number)]
TypeName = Annotated[
    Literal["TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"],
    BeforeValidator(_upper),
]


class Schema(Shape):
    """The OpenAPI-like subset that ``parameters`` and ``responseSchema`` take."""

    type: TypeName | None = None
    format: str | None = None
    title: str | None = None
    description: str | None = None
    nullable: bool | None = None
    enum: list[str] | None = None
    items: Schema | None = None
    properties: dict[str, Schema] | None = None
    required: list[str] | None = None
    property_ordering: list[str] | None = None
    any_of: list[Schema] | None = None
    min_items: Whole | None = None
    max_items: Whole | None = None
    min_length: Whole | None = None
    max_length: Whole | None = None
    min_properties: Whole | None = None
    max_properties: Whole | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    default: Any = None
    example: Any = None
    additional_properties: Any = None
    defs: dict[str, Schema] | None = None
    ref: str | None = None


class Blob(Shape):
    mime_type: str
    data: str
    display_name: str | None = None


class FileData(Shape):
    mime_type: str | None = None
    file_uri: str
    display_name: str | None = None


class FunctionCall(Shape):
    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None


class ResponsePart(Shape):
    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(Shape):
    id: str | None = None
    name: str | None = None
    response: dict[str, Any] | None = None
    parts: list[ResponsePart] | None = None
    will_continue: bool | None = None
    scheduling: str | None = None


class Part(Shape):
    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: dict[str, Any] | None = None
    code_execution_result: dict[str, Any] | None = None
    tool_call: dict[str, Any] | None = None
    tool_response: dict[str, Any] | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    video_metadata: dict[str, Any] | None = None
    media_resolution: dict[str, Any] | None = None
    part_metadata: dict[str, Any] | None = None


class Content(Shape):
    role: str | None = None
    parts: list[Part] | None = None


class FunctionDeclaration(Shape):
    name: str
    description: str | None = None
    behavior: str | None = None
    parameters: Schema | None = None
    parameters_json_schema: dict[str, Any] | None = None
    response: Schema | None = None
    response_json_schema: dict[str, Any] | None = None


class Tool(Shape):
    function_declarations: list[FunctionDeclaration] | None = None
    google_search: dict[str, Any] | None = None
    google_search_retrieval: dict[str, Any] | None = None
    google_maps: dict[str, Any] | None = None
    code_execution: dict[str, Any] | None = None
    url_context: dict[str, Any] | None = None
    computer_use: dict[str, Any] | None = None
    file_search: dict[str, Any] | None = None
    retrieval: dict[str, Any] | None = None
    enterprise_web_search: dict[str, Any] | None = None
    mcp_servers: list[dict[str, Any]] | None = None


class FunctionCallingConfig(Shape):
    mode: Annotated[Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"], BeforeValidator(_upper)] | None = (
        None
    )
    allowed_function_names: list[str] | None = None
    stream_function_call_arguments: bool | None = None


class ToolConfig(Shape):
    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: dict[str, Any] | None = None
    include_server_side_tool_invocations: bool | None = None


class ThinkingConfig(Shape):
    include_thoughts: bool | None = None
    thinking_budget: Whole | None = None
    thinking_level: Annotated[Literal["MINIMAL", "LOW", "MEDIUM", "HIGH"], BeforeValidator(_upper)] | None = None


class GenerationConfig(Shape):
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: float | None = None
    candidate_count: Whole | None = None
    max_output_tokens: Whole | None = None
    stop_sequences: list[str] | None = None
    response_mime_type: str | None = None
    response_schema: Schema | None = None
    response_json_schema: Any = None
    response_format: dict[str, Any] | None = None
    response_logprobs: bool | None = None
    logprobs: Whole | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: Whole | None = None
    response_modalities: list[str] | None = None
    speech_config: dict[str, Any] | None = None
    thinking_config: ThinkingConfig | None = None
    media_resolution: str | None = None
    image_config: dict[str, Any] | None = None
    audio_timestamp: bool | None = None
    routing_config: dict[str, Any] | None = None
    enable_enhanced_civic_answers: bool | None = None


class SafetySetting(Shape):
    category: str
    threshold: str
    method: str | None = None


class GenerateRequest(Shape):
    contents: list[Content] | None = None
    model: str | None = None
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    safety_settings: list[SafetySetting] | None = None
    generation_config: GenerationConfig | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    model_armor_config: dict[str, Any] | None = None
    service_tier: str | None = None
    store: bool | None = None
