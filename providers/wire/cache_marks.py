"""Marks of what may be cached (``cache_control``), which callers of OpenAI chat write as Anthropic has them.

OpenRouter takes them on parts of the content, LiteLLM on messages, calls and tools too
(https://openrouter.ai/docs/features/prompt-caching, https://docs.litellm.ai/docs/completion/prompt_caching).
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.parts import OpaquePart, Part, ReasoningPart, TextPart, ToolResultPart
from providers.spec.request import Message, Request, Tool
from providers.spec.values import Ext, Json

MARK: Final = "cache_control"


def adopted_marks(request: Request, source: str, target: str, most: int, report: Report) -> Request:
    """The request with the marks that stand in the fields of dialect ``source`` in those of ``target``.

    The mark of a message stands on its last part, once (CACHE-03). More than ``most`` would be refused: the first are
    left out, for the last reach furthest (CACHE-02).
    """
    messages = [_with_message_mark(message, source) for message in request.messages]
    request = msgspec.structs.replace(request, messages=tuple(messages))
    paths = list(_marked(request, source))
    if not paths:
        return request
    dropped = set(paths[: max(0, len(paths) - most)])
    for path in sorted(dropped):
        report.add(
            f"{path}.{MARK}" if path else MARK, "dropped", f"no more than {most} marks are taken: the last count"
        )
    return _rewritten(request, source, target, dropped)


def without_marks(request: Request, source: str, report: Report) -> Request:
    """The request without the marks of dialect ``source``, for a host that refuses the field (CACHE-04)."""
    paths = list(_marked(request, source))
    paths += [f"messages[{index}]" for index, message in enumerate(request.messages) if _mark(message.ext, source)]
    if not paths:
        return request
    for path in paths:
        report.add(f"{path}.{MARK}" if path else MARK, "dropped", "this host has no marks of what may be cached")
    bare = tuple(msgspec.structs.replace(message, ext=_without(message.ext, source)) for message in request.messages)
    return _rewritten(msgspec.structs.replace(request, messages=bare), source, "", set(paths))


def _marked(request: Request, source: str) -> Iterator[str]:
    """Where there are marks, in the order in which they are read: tools, then messages."""
    for index, tool in enumerate(request.tools or ()):
        if _mark(tool.ext, source) or _mark(_inner(tool.ext, source), source):
            yield f"tools[{index}]"
    for index, message in enumerate(request.messages):
        for place, part in enumerate(message.parts):
            if _mark(part.ext, source):
                yield f"messages[{index}].content[{place}]"
            if isinstance(part, ToolResultPart):
                for number, item in enumerate(part.content):
                    if _mark(item.ext, source):
                        yield f"messages[{index}].content[{place}].content[{number}]"
    if _mark(request.ext, source):
        yield ""


def _rewritten(request: Request, source: str, target: str, dropped: set[str]) -> Request:
    """Marks moved to ``target``; those at ``dropped`` taken out."""

    def moved(ext: Ext, path: str) -> Ext:
        mark = _mark(ext, source)
        if mark is None:
            return ext
        rest = _without(ext, source)
        return rest if path in dropped else {**rest, target: {**rest.get(target, {}), MARK: mark}}

    def tool(one: Tool, path: str) -> Tool:
        inner = _mark(_inner(one.ext, source), source)
        ext = one.ext
        if inner is not None:
            # LiteLLM takes it inside ``function`` too.
            function = _without(_inner(ext, source), source)
            own = {key: value for key, value in ext[source].items() if key != "function"}
            own |= {"function": function[source]} if function else {}
            ext = {**ext, source: {**own, MARK: inner}}
        return one if ext is one.ext and not _mark(ext, source) else msgspec.structs.replace(one, ext=moved(ext, path))

    def part(one: Part, path: str) -> Part:
        if isinstance(one, ToolResultPart) and any(_mark(item.ext, source) for item in one.content):
            content = tuple(
                msgspec.structs.replace(item, ext=moved(item.ext, f"{path}.content[{number}]"))
                for number, item in enumerate(one.content)
            )
            one = msgspec.structs.replace(one, content=content)
        return one if not _mark(one.ext, source) else msgspec.structs.replace(one, ext=moved(one.ext, path))

    messages = tuple(
        msgspec.structs.replace(
            message,
            parts=tuple(part(one, f"messages[{index}].content[{place}]") for place, one in enumerate(message.parts)),
        )
        for index, message in enumerate(request.messages)
    )
    tools = request.tools and tuple(tool(one, f"tools[{index}]") for index, one in enumerate(request.tools))
    return msgspec.structs.replace(request, messages=messages, tools=tools, ext=moved(request.ext, ""))


def _with_message_mark(message: Message, source: str) -> Message:
    mark = _mark(message.ext, source)
    if mark is None:
        return message
    for place in range(len(message.parts) - 1, -1, -1):
        part = message.parts[place]
        if isinstance(part, ReasoningPart | OpaquePart) or (isinstance(part, TextPart) and not part.text.strip()):
            continue
        marked = msgspec.structs.replace(part, ext={**part.ext, source: {**part.ext.get(source, {}), MARK: mark}})
        parts = (*message.parts[:place], marked, *message.parts[place + 1 :])
        return msgspec.structs.replace(message, parts=parts, ext=_without(message.ext, source))
    return message


def _mark(ext: Ext, dialect: str) -> Json:
    fields = ext.get(dialect) if ext else None
    mark = fields.get(MARK) if fields else None
    return mark if isinstance(mark, dict) else None


def _inner(ext: Ext, dialect: str) -> Ext:
    fields = ext.get(dialect) if ext else None
    inner = fields.get("function") if fields else None
    return {dialect: inner} if isinstance(inner, dict) else {}


def _without(ext: Ext, dialect: str) -> Ext:
    rest = {key: value for key, value in ext.get(dialect, {}).items() if key != MARK}
    others = {name: fields for name, fields in ext.items() if name != dialect}
    return {**others, dialect: rest} if rest else others
