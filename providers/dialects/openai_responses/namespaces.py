"""Namespaces, and tools that come with the conversation: what other dialects are told of them.

A namespace is a group of the client's tools, which are called under its name beside their own (``NamespaceTool``, and
``namespace`` of calls, in the types of OpenAI's SDK); agents put the tools of each MCP server into one. Elsewhere each
is a tool of its own called NAMESPACE__NAME, and a call of it comes back with the two apart. An ``additional_tools``
item offers tools from its place on; elsewhere they stand with the others.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeGuard

import msgspec

from providers.dialects.openai_responses.grammar import NAME
from providers.dialects.openai_responses.tools_decode import decode_tool
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError
from providers.spec.events import PartStart, StreamEvent
from providers.spec.parts import OpaquePart, Part, ToolCallPart, is_client_call
from providers.spec.request import FunctionTool, Message, ProviderTool, Request, Tool, ToolChoice
from providers.spec.response import Candidate, Response
from providers.spec.values import Ext, Json, JsonObject, extended
from providers.wire.places import listed_tools, moved

_KIND: Final = "namespace"
_FIELD: Final = "namespace"
_ADDITIONAL: Final = "additional_tools"
_KNOWN: Final = frozenset({"type", "name", "description", "tools"})
_TOLD: Final = "a namespace is told as its tools, called NAMESPACE__NAME; their calls come back under their own names"


def ungrouped(request: Request, report: Report) -> tuple[Request, Report]:
    """The request with every tool by itself, as other dialects take it, and the report for its places.

    The first tool of a namespace stands in its place, and has its description before its own; the others follow all
    tools. A namespace with tools that only the provider knows, without any, or with one whose name is taken stays, for
    the target to refuse. Raises InvalidRequestError for wrong types in one.
    """
    request, report = _with_additional(request, report)
    messages = tuple(_message(message, index, report) for index, message in enumerate(request.messages))
    choice = request.tool_choice
    ungrouped = msgspec.structs.replace(
        request,
        messages=messages,
        tools=request.tools and _ungrouped(request.tools, report),
        tool_choice=choice and _choice(choice),
    )
    return ungrouped, report


def offered(request: Request) -> Request:
    """The request with every tool, those in namespaces under the names of both kinds: its answer's are known."""
    try:
        additional = _additional(request)
        tools = (*(request.tools or ()), *additional)
        groups = _groups(tools)
    except InvalidRequestError:
        # What is wrong in them, a provider of this dialect has judged.
        return request
    if not groups and not additional:
        return request
    inner = [tool for members in groups.values() for tool in members]
    named = [_called(tool, name) for name, members in groups.items() for tool in members]
    return msgspec.structs.replace(request, tools=(*tools, *named, *inner))


def calls_of_namespaces(request: Request) -> "NamespaceCalls | None":
    """What puts the names of calls apart again; ``None`` where there is no namespace."""
    try:
        groups = _groups((*(request.tools or ()), *_additional(request)))
    except InvalidRequestError:
        return None
    names = {_joined(group, tool.name): (group, tool.name) for group, members in groups.items() for tool in members}
    return NamespaceCalls(names) if names else None


def tool_places(body: JsonObject) -> list[str]:
    """Where the tools of a body stand: in its list, in its items, and the further ones of each namespace."""
    listed = list(_listed(body, ""))
    items = body.get("input")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and item.get("type") == _ADDITIONAL:
            listed += _listed(item, f"input[{index}].")
    places = [place for place, _ in listed]
    for place, tool in listed:
        if isinstance(tool, dict) and tool.get("type") == _KIND:
            places += [f"{place}.{member}" for member in listed_tools(tool)[1:]]
    return places


def _listed(body: JsonObject, before: str) -> Iterator[tuple[str, Json]]:
    values = body.get("tools")
    for index, value in enumerate(values if isinstance(values, list) else ()):
        yield f"{before}tools[{index}]", value


class NamespaceCalls:
    """Puts namespace and name of each call apart that came under both."""

    def __init__(self, names: Mapping[str, tuple[str, str]]) -> None:
        self._names = names

    def answer(self, response: Response) -> Response:
        """A whole answer."""
        return msgspec.structs.replace(response, candidates=tuple(map(self._candidate, response.candidates)))

    def feed(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Events of a stream."""
        return [
            msgspec.structs.replace(event, part=self._part(event.part)) if isinstance(event, PartStart) else event
            for event in events
        ]

    def report(self, report: Report) -> None:
        """Nothing is lost."""

    def _candidate(self, candidate: Candidate) -> Candidate:
        return msgspec.structs.replace(candidate, parts=tuple(map(self._part, candidate.parts)))

    def _part(self, part: Part) -> Part:
        if not is_client_call(part) or part.name not in self._names:
            return part
        group, name = self._names[part.name]
        ext: Ext = {**part.ext, NAME: {**extended(part.ext, NAME), _FIELD: group}}
        return msgspec.structs.replace(part, name=name, ext=ext)


def _joined(group: str, name: str) -> str:
    return f"{group}__{name}"


def _called(tool: FunctionTool, group: str) -> FunctionTool:
    return msgspec.structs.replace(tool, name=_joined(group, tool.name))


# ---- tools


def _groups(tools: Sequence[Tool]) -> dict[str, list[FunctionTool]]:
    """The tools of every namespace that can be told elsewhere, by its name."""
    found: dict[str, list[FunctionTool]] = {}
    taken = {tool.name for tool in tools if isinstance(tool, FunctionTool)}
    for index, tool in enumerate(tools):
        if not isinstance(tool, ProviderTool) or tool.dialect != NAME or tool.type != _KIND or not tool.name:
            continue
        members = list(_members(tool, f"tools[{index}].tools"))
        functions = [member for member in members if isinstance(member, FunctionTool)]
        names = {_joined(tool.name, member.name) for member in functions}
        if functions and len(names) == len(members) and not names & taken:
            taken |= names
            found[tool.name] = functions
    return found


def _members(group: ProviderTool, path: str) -> Iterator[Tool]:
    values = group.value.get("tools")
    for index, value in enumerate(values if isinstance(values, list) else ()):
        yield decode_tool(value, f"{path}[{index}]")


def _ungrouped(tools: tuple[Tool, ...], report: Report) -> tuple[Tool, ...]:
    groups = _groups(tools)
    first: list[Tool] = []
    rest: list[Tool] = []
    for index, tool in enumerate(tools):
        members = groups.pop(tool.name or "", None) if isinstance(tool, ProviderTool) and tool.type == _KIND else None
        if members is None or not isinstance(tool, ProviderTool) or tool.name is None:
            first.append(tool)
            continue
        report.add(f"tools[{index}]", "mapped", _TOLD, from_=tool.name)
        for key, value in tool.value.items():
            if key not in _KNOWN:
                report.add(f"tools[{index}].{key}", "dropped", "only Responses has namespaces", from_=value)
        named = [_called(member, tool.name) for member in members]
        first.append(_described(named[0], tool.value.get("description")))
        rest += named[1:]
    return (*first, *rest)


def _described(tool: FunctionTool, description: object) -> FunctionTool:
    if not isinstance(description, str) or not description:
        return tool
    texts = [description, *([tool.description] if tool.description else [])]
    return msgspec.structs.replace(tool, description="\n\n".join(texts))


# ---- tools of the conversation


def _is_additional(part: Part) -> TypeGuard[OpaquePart]:
    return type(part) is OpaquePart and part.type == _ADDITIONAL and part.dialect == NAME


def _additional(request: Request) -> tuple[Tool, ...]:
    """The tools that come with the conversation."""
    return tuple(
        decode_tool(value, f"tools[{index}]")
        for message in request.messages
        for part in message.parts
        if _is_additional(part) and isinstance(part.value, dict)
        for index, (_, value) in enumerate(_listed(part.value, ""))
    )


def _with_additional(request: Request, report: Report) -> tuple[Request, Report]:
    """Those tools with the others; they were told where they came, and are told from the beginning."""
    if not any(map(_is_additional, (part for message in request.messages for part in message.parts))):
        return request, report
    messages: list[Message] = []
    for index, message in enumerate(request.messages):
        kept = tuple(part for part in message.parts if not _is_additional(part))
        if len(kept) == len(message.parts):
            messages.append(message)
            continue
        for number, part in enumerate(message.parts):
            if _is_additional(part):
                report.add(
                    f"messages[{index}].content[{number}]", "mapped", "tools stand with the others, from the first"
                )
        if kept:
            messages.append(msgspec.structs.replace(message, parts=kept))
    tools = (*(request.tools or ()), *_additional(request))
    told = msgspec.structs.replace(request, messages=tuple(messages), tools=tools)
    return told, report.moving(moved(request, told))


# ---- calls and choice


def _message(message: Message, index: int, report: Report) -> Message:
    if not any(_group_of(part) for part in message.parts):
        return message
    at = f"messages[{index}].content"
    parts = tuple(_call(part, f"{at}[{number}]", report) for number, part in enumerate(message.parts))
    return msgspec.structs.replace(message, parts=parts)


def _group_of(part: Part) -> str | None:
    if type(part) is not ToolCallPart or not part.ext:
        return None
    group = extended(part.ext, NAME).get(_FIELD)
    return group if isinstance(group, str) and group else None


def _call(part: Part, path: str, report: Report) -> Part:
    group = _group_of(part)
    if group is None or not isinstance(part, ToolCallPart):
        return part
    name = _joined(group, part.name)
    report.add(f"{path}.name", "mapped", _TOLD, from_=part.name, to=name)
    return msgspec.structs.replace(part, name=name, ext=_without_group(part.ext))


def _choice(choice: ToolChoice) -> ToolChoice:
    group = extended(choice.ext, NAME).get(_FIELD)
    if not isinstance(group, str) or len(choice.names) != 1:
        return choice
    return msgspec.structs.replace(choice, names=(_joined(group, choice.names[0]),), ext=_without_group(choice.ext))


def _without_group(ext: Ext) -> Ext:
    rest = {key: value for key, value in extended(ext, NAME).items() if key != _FIELD}
    others = {dialect: fields for dialect, fields in ext.items() if dialect != NAME}
    return {**others, NAME: rest} if rest else others
