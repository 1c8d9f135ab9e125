"""What a grounded answer rests on, as citations of its texts: ``url_citation`` as OpenAI's dialects have it.

Google tells it of the whole candidate (``groundingMetadata``), with places in bytes of UTF-8
(https://ai.google.dev/api/generate-content#GroundingSupport); there it stays, for callers of this dialect.
"""

from collections.abc import Mapping, Sequence

from providers.spec.values import Json, JsonObject

Texts = Sequence[tuple[int, str]]
"""Index and text of each text part, in order."""


def citations(metadata: Json, texts: Texts) -> Mapping[int, tuple[Json, ...]]:
    """The citations of each text, by index of its part. What has no place in a text, or no address, is none."""
    if not isinstance(metadata, dict) or not texts:
        return {}
    sources = [_source(chunk) for chunk in _list(metadata.get("groundingChunks"))]
    found: dict[int, list[Json]] = {}
    for support in _list(metadata.get("groundingSupports")):
        place = _place(support.get("segment"), texts) if isinstance(support, dict) else None
        if place is None or not isinstance(support, dict):
            continue
        index, start, end = place
        for number in _list(support.get("groundingChunkIndices")):
            known = isinstance(number, int) and 0 <= number < len(sources)
            source = sources[number] if known and isinstance(number, int) else None
            if source is not None:
                found.setdefault(index, []).append({**source, "start_index": start, "end_index": end})
    return {index: tuple(cited) for index, cited in found.items()}


def _source(chunk: Json) -> JsonObject | None:
    for kind in ("web", "maps", "retrievedContext"):
        source = chunk.get(kind) if isinstance(chunk, dict) else None
        if isinstance(source, dict) and isinstance(source.get("uri"), str):
            title = source.get("title")
            return {"type": "url_citation", "url": source["uri"], "title": title if isinstance(title, str) else ""}
    return None


def _place(segment: Json, texts: Texts) -> tuple[int, int, int] | None:
    """Part, and characters from and to, of a stretch of the texts given in bytes; they count over all of them."""
    if not isinstance(segment, dict):
        return None
    start, end = segment.get("startIndex", 0), segment.get("endIndex")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
        return None
    before = 0
    for index, text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        if start < before + len(raw):
            first = _characters(raw[: start - before])
            return index, first, first + _characters(raw[start - before : end - before])
        before += len(raw)
    return None


def _characters(raw: bytes) -> int:
    return len(raw.decode("utf-8", "ignore"))


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
