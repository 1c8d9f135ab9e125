"""Takes out of a request the members that one of Gemini's hosts has and another refuses."""

from collections.abc import Sequence

from providers.dialects.gemini.reader import snake_case
from providers.spec.adjustments import Report
from providers.spec.values import Json, JsonObject

_EACH = "[]"
_SIGNATURE = {"thoughtSignature", "thought_signature", "thought"}
"""Members of a part that say nothing by themselves."""


def without_absent(body: JsonObject, paths: Sequence[str], report: Report) -> JsonObject:
    """The body without what stands at these paths (``contents[].parts[].partMetadata``), each reported as dropped.

    Keys are found in both of their spellings. What is left of a list's item is left out with its last meaning.
    """
    for path in paths:
        found = _without(body, path.split("."), "", report)
        body = found if isinstance(found, dict) else body
    return body


def _without(value: Json, path: Sequence[str], at: str, report: Report) -> Json:
    step, *rest = path
    name = step.removesuffix(_EACH)
    if not isinstance(value, dict):
        return value
    key = next((each for each in (name, snake_case(name)) if each in value), None)
    if key is None:
        return value
    here = f"{at}.{key}" if at else key
    if not rest:
        report.add(here, "dropped", "not known to this host", from_=value[key])
        return {each: item for each, item in value.items() if each != key}
    inner = value[key]
    if not step.endswith(_EACH):
        return {**value, key: _without(inner, rest, here, report)}
    if not isinstance(inner, list):
        return value
    changed = [(item, _without(item, rest, f"{here}[{index}]", report)) for index, item in enumerate(inner)]
    return {**value, key: [now for before, now in changed if now is before or not _is_empty(now)]}


def _is_empty(value: Json) -> bool:
    return isinstance(value, dict) and not set(value) - _SIGNATURE
