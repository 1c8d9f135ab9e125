"""``generationConfig`` of a request to the canonical form."""

from typing import Final

import msgspec

from providers.dialects.gemini.grammar import NAME
from providers.dialects.gemini.reader import GeminiReader, was_written
from providers.dialects.gemini.tools_decode import texts
from providers.spec.request import OutputFormat, Reasoning
from providers.spec.values import Form, Json, JsonObject

JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain"
_TEXT_ALONE: Final[list[Json]] = ["TEXT"]


class DecodedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the object says; all ``None`` where there is none."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_output_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    candidates: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning: Reasoning | None = None
    output: OutputFormat | None = None
    carried: JsonObject = {}


def decode_config(request: GeminiReader) -> DecodedConfig:
    """Every field that has a canonical word; the others are carried under the object's name."""
    config = request.nested("generationConfig")
    if config is None:
        return DecodedConfig()
    _take_modalities(config)
    fields = DecodedConfig(
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.whole("topK"),
        max_output_tokens=config.whole("maxOutputTokens"),
        stop=texts(config, "stopSequences"),
        candidates=config.whole("candidateCount"),
        seed=config.whole("seed"),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        reasoning=_reasoning(config),
        output=_output(config),
    )
    return msgspec.structs.replace(fields, carried=request.keep("generationConfig", config))


def _take_modalities(config: GeminiReader) -> None:
    """An answer in text is what absence of ``responseModalities`` means: a spelling, not an option."""
    if config.peek("responseModalities") == _TEXT_ALONE:
        config.take("responseModalities")


def taken_modalities(form: Form | None, rest: JsonObject) -> list[Json] | None:
    """The ``responseModalities`` that were taken, if any."""
    taken = was_written(form, "responseModalities") and "responseModalities" not in rest
    return _TEXT_ALONE if taken and "response_modalities" not in rest else None


def _reasoning(config: GeminiReader) -> Reasoning | None:
    thinking = config.nested("thinkingConfig")
    if thinking is None:
        return None
    shown = thinking.boolean("includeThoughts")
    budget = thinking.whole("thinkingBudget")
    level = thinking.text("thinkingLevel")
    effort = None
    if level is not None:
        thinking.variants["thinkingLevel"] = level
        effort = level.lower() if level.upper() != "THINKING_LEVEL_UNSPECIFIED" else None
    return Reasoning(
        enabled=None if budget is None else budget != 0,
        effort=effort,
        # -1 leaves the budget to the model.
        budget_tokens=None if budget is not None and budget < 0 else budget,
        adaptive=budget is not None and budget < 0,
        show=None if shown is None else "summarized" if shown else "omitted",
        ext=thinking.rest(),
        form=thinking.form(),
    )


def _output(config: GeminiReader) -> OutputFormat | None:
    """The form of the answer. A MIME type with no canonical word is carried."""
    media_type = config.peek("responseMimeType")
    form = Form(dialect=NAME)
    if config.has("responseSchema"):
        _take_type(config)
        schema: Json = config.object("responseSchema")
        return OutputFormat(kind="json_schema", schema=schema, schema_grammar="gemini_schema", form=form)
    if config.has("responseJsonSchema"):
        _take_type(config)
        return OutputFormat(kind="json_schema", schema=config.take("responseJsonSchema"), form=form)
    if media_type in (JSON_TYPE, TEXT_TYPE):
        config.take("responseMimeType")
        return OutputFormat(kind="json" if media_type == JSON_TYPE else "text", form=form)
    return None


def _take_type(config: GeminiReader) -> None:
    """Beside a schema JSON says nothing more; ``text/x.enum`` does, and is carried."""
    if config.peek("responseMimeType") == JSON_TYPE:
        config.take("responseMimeType")
