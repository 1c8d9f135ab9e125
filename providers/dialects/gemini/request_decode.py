"""A generateContent request to the canonical form. Model and streaming stand in the path, not in the body."""

from typing import Final

from providers.dialects.gemini.carrier import attach_carried
from providers.dialects.gemini.config_decode import decode_config
from providers.dialects.gemini.grammar import NAME
from providers.dialects.gemini.pairing import paired
from providers.dialects.gemini.parts_decode import PartContext, decode_parts, required_parts
from providers.dialects.gemini.reader import GeminiReader, merged
from providers.dialects.gemini.tools_decode import decode_choice, decode_tools
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import Origin, Part, ToolResultPart
from providers.spec.request import Message, Request, Role
from providers.spec.values import Json, JsonObject

INSTRUCTION: Final = "instruction"
"""Variant of a system message that stood in ``systemInstruction``."""

_ORIGIN: Final = Origin(dialect=NAME)
_MODEL_PARTS: Final = PartContext(_ORIGIN)
OTHER_PARTS: Final = PartContext(_ORIGIN, thinks=False)
"""Where parts of what is given to the model come from."""


def decode_request(body: JsonObject) -> Request:
    """One request. Raises InvalidRequestError with the JSON path for wrong types; unknown fields are carried."""
    reader = GeminiReader(body, "", NAME)
    messages = [*_instruction(reader), *paired(_contents(reader))]
    tools = decode_tools(reader)
    choice, choice_rest = decode_choice(reader)
    config = decode_config(reader)
    return Request(
        messages=tuple(messages),
        model=reader.text("model") or "",
        tools=tools,
        tool_choice=choice,
        max_output_tokens=config.max_output_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        stop=config.stop,
        seed=config.seed,
        presence_penalty=config.presence_penalty,
        frequency_penalty=config.frequency_penalty,
        candidates=config.candidates,
        reasoning=config.reasoning,
        output=config.output,
        ext=merged(reader.rest(), {**choice_rest, **config.carried}),
        form=reader.form(),
    )


def _instruction(request: GeminiReader) -> list[Message]:
    """``systemInstruction`` as a leading message; its role says nothing."""
    content = request.nested("systemInstruction")
    if content is None:
        return []
    content.variants["system"] = INSTRUCTION
    role = content.text("role")
    if role is not None:
        content.variants["role"] = role
    parts = decode_parts(required_parts(content), content.at("parts"), OTHER_PARTS)
    return [Message(role="system", parts=tuple(parts), ext=content.rest(), form=content.form())]


def _contents(request: GeminiReader) -> list[Message]:
    values = request.required_array("contents")
    return [_message(value, f"contents[{index}]") for index, value in enumerate(values)]


def _message(value: Json, path: str) -> Message:
    reader = GeminiReader(value, path, NAME)
    spelled = reader.text("role")
    parts = attach_carried(decode_parts(required_parts(reader), reader.at("parts"), context_of(spelled)))
    role = _role(spelled, parts, reader.at("role"))
    if spelled is not None:
        reader.variants["role"] = spelled
    return Message(role=role, parts=parts, ext=reader.rest(), form=reader.form())


def context_of(role: str | None) -> PartContext:
    """Where the parts of a content of this role come from."""
    return _MODEL_PARTS if role == "model" else OTHER_PARTS


def _role(spelled: str | None, parts: tuple[Part, ...], path: str) -> Role:
    match spelled:
        case "model":
            return "assistant"
        # ``function`` was the role of results in older versions; no role is the user's.
        case "user" | "function" | "" | None:
            results = bool(parts) and all(isinstance(part, ToolResultPart) for part in parts)
            return "tool" if results else "user"
        case _:
            raise InvalidRequestError(f"{path}: unknown role {spelled!r}: use user or model", path=path)
