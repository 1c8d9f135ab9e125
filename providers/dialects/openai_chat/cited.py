"""Citations of a chat answer as those of its text, flat as Responses has them; the message keeps its own spelling."""

from collections.abc import Iterable

import msgspec

from providers.spec.parts import Part, TextPart
from providers.spec.values import Json


def flat(annotations: Json) -> tuple[Json, ...]:
    """What stands under ``annotations`` of a message, each with its fields beside its type."""
    return tuple(map(_flat, annotations)) if isinstance(annotations, list) else ()


def with_citations(parts: Iterable[Part], annotations: Json) -> list[Part]:
    """The parts with the citations on the first text: their places count from the beginning of the message."""
    found = list(parts)
    cited = flat(annotations)
    first = next((index for index, part in enumerate(found) if isinstance(part, TextPart)), None)
    if cited and first is not None:
        found[first] = msgspec.structs.replace(found[first], annotations=cited)
    return found


def _flat(annotation: Json) -> Json:
    if not isinstance(annotation, dict):
        return annotation
    kind = annotation.get("type")
    below = annotation.get(kind) if isinstance(kind, str) else None
    return {"type": kind, **below} if isinstance(below, dict) else annotation
