"""Reads what an answer refers to or brings along: sources in annotations, images, and tools the provider has run."""

from __future__ import annotations

from typing import Any, Final

from loop_client.events import FileOutput, ProviderToolActivity, SourceFound
from loop_client.jsontext import JsonObject

_DEFAULT_IMAGE: Final = "image/png"


def read_source(annotation: JsonObject, round_number: int, source_id: str) -> SourceFound:
    """The source of one annotation: a ``url_citation`` as OpenAI has it, or a file that the provider holds."""
    kind = annotation.get("type")
    inner = annotation.get(kind) if isinstance(kind, str) else None
    citation = inner if isinstance(inner, dict) else annotation
    url = _text(citation, "url")
    title = _text(citation, "title") or _text(citation, "filename") or _text(citation, "document_title")
    return SourceFound(round_number, source_id, "url" if url else "document", url, title, annotation)


def read_image(image: JsonObject, round_number: int) -> FileOutput | None:
    """An image the model made, as OpenRouter and others send it beside the text; None where it has no address."""
    inner = image.get("image_url")
    url = _text(inner, "url") if isinstance(inner, dict) else _text(image, "url")
    return None if url is None else FileOutput(round_number, _media_type(url), url)


def read_executed_tool(item: JsonObject, round_number: int) -> ProviderToolActivity:
    """A tool the provider ran itself, as Groq lists them in ``executed_tools`` (its documentation of Compound)."""
    output, place = item.get("output"), item.get("index")
    return ProviderToolActivity(
        round_number,
        _text(item, "id") or f"provider_{round_number}_{place if isinstance(place, int) else 0}",
        _text(item, "name") or _text(item, "type") or "tool",
        "input-available" if output is None else "output-available",
        item.get("arguments") if output is None else output,
    )


def _media_type(url: str) -> str:
    if not url.startswith("data:"):
        return _DEFAULT_IMAGE
    return url[5:].partition(",")[0].partition(";")[0] or _DEFAULT_IMAGE


def _text(container: Any, name: str) -> str | None:
    value = container.get(name) if isinstance(container, dict) else None
    return value if isinstance(value, str) and value else None
