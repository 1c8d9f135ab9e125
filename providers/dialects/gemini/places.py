"""Where a Gemini caller wrote what stands at a place of the canonical form, in the spelling that it used."""

from collections.abc import Sequence
from typing import Final

from providers.dialects.gemini.carrier import attach_carried
from providers.dialects.gemini.grammar import NAME
from providers.dialects.gemini.parts_decode import PartContext, decode_parts, required_parts
from providers.dialects.gemini.reader import GeminiReader, snake_case
from providers.dialects.gemini.request_decode import OTHER_PARTS, context_of, decode_request
from providers.spec.parts import Part
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.places import PlacedMessage, PlacedPart, Spelling


def _messages(body: JsonObject) -> list[PlacedMessage]:
    decoded = iter(decode_request(body).messages)
    reader = GeminiReader(body, "", NAME)
    placed: list[PlacedMessage] = []
    if (instruction := reader.peek("systemInstruction")) is not None:
        placed.append(_message(instruction, reader.at("systemInstruction"), next(decoded), OTHER_PARTS))
    for index, value in enumerate(reader.required_array("contents")):
        path = f"contents[{index}]"
        context = context_of(GeminiReader(value, path, NAME).text("role"))
        placed.append(_message(value, path, next(decoded), context))
    return placed


def _message(value: Json, path: str, message: Message, context: PartContext) -> PlacedMessage:
    reader = GeminiReader(value, path, NAME)
    values, at = required_parts(reader), reader.at("parts")
    given = decode_parts(values, at, context)
    attached = given if message.role == "system" else attach_carried(given)
    parts = [
        PlacedPart(at) if index is None else PlacedPart(f"{at}[{index}]", _result_content(values[index], at, index))
        for index in _indexes(given, attached)
    ]
    return PlacedMessage(path, message, parts)


def _indexes(given: Sequence[Part], attached: Sequence[Part]) -> list[int | None]:
    """For each part the one that it was given as; ``None`` where it was made of several."""
    known = {id(part): index for index, part in enumerate(given)}
    found = [known.get(id(part)) for part in attached]
    behind = [*found[1:], len(given)]
    before = -1
    for place, index in enumerate(found):
        if index is None and behind[place] == before + 2:
            found[place] = before + 1
        before = before if found[place] is None else found[place] or 0
    return found


def _result_content(value: Json, at: str, index: int) -> list[str]:
    """The response is one text of the result's content, before what stands in its ``parts``."""
    result = GeminiReader(value, f"{at}[{index}]", NAME).nested("functionResponse")
    if result is None:
        return []
    places = [result.at("response")] if result.has("response") else []
    return [*places, *(f"{result.at('parts')}[{n}]" for n, _ in enumerate(result.array("parts") or ()))]


def _tools(body: JsonObject) -> list[str]:
    places: list[str] = []
    for index, value in enumerate(GeminiReader(body, "", NAME).array("tools") or ()):
        reader = GeminiReader(value, f"tools[{index}]", NAME)
        for key in reader.form().keys:
            at = reader.at(key)
            if key == reader.spelling("functionDeclarations"):
                places += [f"{at}[{number}]" for number, _ in enumerate(reader.array(key) or ())]
            elif reader.has(key):
                places.append(at)
    return places


def _spellings(key: str) -> tuple[str, ...]:
    return (key, snake_case(key))


_CONFIG: Final = "generationConfig"
_THINKING: Final = f"{_CONFIG}.thinkingConfig"
_SCHEMA: Final = (f"{_CONFIG}.responseSchema", f"{_CONFIG}.responseJsonSchema")
_CHOICE: Final = "toolConfig.functionCallingConfig"

SPELLING: Final = Spelling(
    fields={
        "messages": ("contents",),
        "tools": ("tools",),
        "tool_choice": (_CHOICE,),
        "parallel_tool_calls": (_CHOICE,),
        "max_output_tokens": (f"{_CONFIG}.maxOutputTokens",),
        "temperature": (f"{_CONFIG}.temperature",),
        "top_p": (f"{_CONFIG}.topP",),
        "top_k": (f"{_CONFIG}.topK",),
        "stop": (f"{_CONFIG}.stopSequences",),
        "seed": (f"{_CONFIG}.seed",),
        "presence_penalty": (f"{_CONFIG}.presencePenalty",),
        "frequency_penalty": (f"{_CONFIG}.frequencyPenalty",),
        "candidates": (f"{_CONFIG}.candidateCount",),
        "reasoning": (_THINKING,),
        "reasoning.effort": (f"{_THINKING}.thinkingLevel", _THINKING),
        "reasoning.budget_tokens": (f"{_THINKING}.thinkingBudget", _THINKING),
        "reasoning.show": (f"{_THINKING}.includeThoughts", _THINKING),
        "output": (*_SCHEMA, f"{_CONFIG}.responseMimeType"),
        "output.schema": _SCHEMA,
    },
    parts={
        "id": ("functionCall.id", "functionResponse.id"),
        "name": ("functionCall.name", "functionResponse.name"),
        "arguments": ("functionCall.args",),
        "outcome": ("functionResponse.response",),
        "state": ("thoughtSignature",),
        "signature": ("thoughtSignature",),
    },
    tools={"parameters": ("parameters", "parametersJsonSchema")},
    messages=_messages,
    tool_places=_tools,
    keys=_spellings,
)
