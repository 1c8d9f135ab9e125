"""One chat request, whatever dialect it was written in."""

from typing import Literal, TypeAlias

from providers.spec.parts import Part
from providers.spec.values import Json, JsonObject, Value

Role = Literal["system", "developer", "user", "assistant", "tool"]
ChoiceMode = Literal["auto", "none", "required"]


class Message(Value, frozen=True, kw_only=True):
    """One message. Role ``tool`` holds tool results only; a user message may mix results with other parts."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    """The author's name, where the dialect has one."""


class FunctionTool(Value, frozen=True, kw_only=True):
    """A tool the client runs."""

    name: str
    description: str | None = None
    schema: JsonObject | bool | None = None
    """The parameters as given, order and literals kept; ``None`` where none were given."""
    schema_grammar: Literal["json_schema", "gemini_schema"] = "json_schema"
    """What ``schema`` is written in: JSON Schema, or Gemini's OpenAPI-like subset."""
    strict: bool | None = None
    """``None`` where the caller did not say: defaults differ between dialects."""
    kind: Literal["function", "custom"] = "function"
    """``custom``: the argument is free text, perhaps bound by ``grammar``."""
    grammar: Json = None


class ProviderTool(Value, frozen=True, kw_only=True):
    """A tool the provider runs, or knows by type. Means nothing to another dialect."""

    dialect: str
    type: str
    name: str | None = None
    value: JsonObject


Tool: TypeAlias = FunctionTool | ProviderTool


class ToolChoice(Value, frozen=True, kw_only=True):
    """Which tools the model may or must call."""

    mode: ChoiceMode | None = None
    """``None`` where only ``parallel`` was said."""
    names: tuple[str, ...] = ()
    """With ``required``: one name forces that tool, several allow just these. With ``auto``: the allowed subset."""
    parallel: bool | None = None


class Reasoning(Value, frozen=True, kw_only=True):
    """How much the model should think, and what of it is shown."""

    enabled: bool | None = None
    effort: str | None = None
    """``none`` ``minimal`` ``low`` ``medium`` ``high`` ``xhigh`` ``max``: as the caller spelled it."""
    budget_tokens: int | None = None
    adaptive: bool = False
    show: str | None = None
    """What is returned: ``summarized``, ``omitted``, ``auto``, …, as the caller spelled it."""


class OutputFormat(Value, frozen=True, kw_only=True):
    """The form the answer must have."""

    kind: Literal["text", "json", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Json = None
    strict: bool | None = None
    schema_grammar: Literal["json_schema", "gemini_schema"] = "json_schema"


class Request(Value, frozen=True, kw_only=True):
    """One chat request. ``None`` means the caller did not say, and nothing is sent for it."""

    messages: tuple[Message, ...]
    model: str = ""
    """As the caller spelled it; the target decides what is sent."""
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None
    stream: bool | None = None
    stream_usage: bool | None = None
    """Whether a stream should report usage, where that has to be asked for."""
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    candidates: int | None = None
    """How many alternative answers are asked for."""
    reasoning: Reasoning | None = None
    output: OutputFormat | None = None
