"""Tool names that a target would refuse: renamed on the way out, injectively, and restored on the way back."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.events import PartStart, StreamEvent
from providers.spec.parts import Part, TextPart, ToolCallPart, ToolResultPart
from providers.spec.request import FunctionTool, Message, Request, Tool, ToolChoice
from providers.spec.response import Candidate, Response
from providers.wire.ids import base62_digest, is_legal, matcher
from providers.wire.known_tools import KnownTools, fit_names

_LENGTH: Final = 64
"""What every provider takes (OpenAI, Anthropic and Bedrock document no more)."""
_DIGEST: Final = 12


class ToolNames(msgspec.Struct, frozen=True):
    """The names of one request that its target would refuse, and what they are called there."""

    outward: Mapping[str, str] = MappingProxyType({})

    def __bool__(self) -> bool:
        """Whether any name had to be changed."""
        return bool(self.outward)

    def written(self, request: Request, report: Report) -> Request:
        """The request under the target's names, in every place where a name stands (SCHEMA-15)."""
        if not self.outward:
            return request
        for path, name in _named(request):
            if name in self.outward:
                reason = "the provider takes no such tool name; answers come back under the caller's"
                report.add(path, "mapped", reason, from_=name, to=self.outward[name])
        return msgspec.structs.replace(
            request,
            messages=tuple(self._message(message) for message in request.messages),
            tools=None if request.tools is None else tuple(map(self._tool, request.tools)),
            tool_choice=self._choice(request.tool_choice),
        )

    def restored(self, response: Response) -> Response:
        """A whole answer under the caller's names."""
        if not self.outward:
            return response
        return msgspec.structs.replace(response, candidates=tuple(map(self._candidate, response.candidates)))

    def restored_event(self, event: StreamEvent) -> StreamEvent:
        """An event of a stream under the caller's names."""
        if not self.outward or not isinstance(event, PartStart):
            return event
        return msgspec.structs.replace(event, part=_under(event.part, self._inward()))

    # ---- parts of it

    def _inward(self) -> dict[str, str]:
        return {there: here for here, there in self.outward.items()}

    def _candidate(self, candidate: Candidate) -> Candidate:
        inward = self._inward()
        return msgspec.structs.replace(candidate, parts=tuple(_under(part, inward) for part in candidate.parts))

    def _message(self, message: Message) -> Message:
        return msgspec.structs.replace(message, parts=tuple(_under(part, self.outward) for part in message.parts))

    def _tool(self, tool: Tool) -> Tool:
        if not isinstance(tool, FunctionTool) or tool.name not in self.outward:
            return tool
        return msgspec.structs.replace(tool, name=self.outward[tool.name])

    def _choice(self, choice: ToolChoice | None) -> ToolChoice | None:
        if choice is None or not any(name in self.outward for name in choice.names):
            return choice
        # Its form may hold the names as they were spelled.
        names = tuple(self.outward.get(name, name) for name in choice.names)
        return msgspec.structs.replace(choice, names=names, form=None, ext={})


NO_NAMES: Final = ToolNames()
"""Of a request whose every name is taken as it is."""


def names_for(request: Request, pattern: str) -> ToolNames:
    """The names of a request that do not match ``pattern`` in full, with legal ones for them.

    A new name keeps a readable stem and ends in a digest of the whole original, so that names that differ only behind
    the limit stay two (SCHEMA-16). The same name is always renamed alike, whatever else is in the request, unless the
    caller has a tool that is called like that already. A name that no rewrite makes legal is left for the dialect to
    refuse.
    """
    if are_legal(request.tools or (), pattern) and _calls_are_legal(request.messages, pattern):
        return NO_NAMES
    names = list(dict.fromkeys([name for _, name in _named(request)]))
    used = {name for name in names if is_legal(name, pattern)}
    outward: dict[str, str] = {}
    for name in names:
        if name in used or not name:
            continue
        legal = _legal(name, pattern, used)
        if legal is not None:
            used.add(legal)
            outward[name] = legal
    return ToolNames(MappingProxyType(outward))


def are_legal(tools: tuple[Tool, ...], pattern: str) -> bool:
    """Whether every tool of the client's has a name that matches ``pattern`` in full."""
    return tools.names_fit(pattern) if isinstance(tools, KnownTools) else fit_names(tools, pattern)


def _calls_are_legal(messages: tuple[Message, ...], pattern: str) -> bool:
    fits = matcher(pattern)
    for message in messages:
        for part in message.parts:
            if type(part) is TextPart:
                continue
            named = isinstance(part, ToolCallPart | ToolResultPart) and part.executed_by == "client" and part.name
            if named and not fits(named):
                return False
    return True


def _legal(name: str, pattern: str, used: set[str]) -> str | None:
    stem = re.sub(r"[^a-zA-Z0-9_-]", "_", name)
    for start in ("", "t_"):
        repeat = 1
        while True:
            digest = base62_digest(name if repeat == 1 else f"{name} ({repeat})", _DIGEST)
            legal = f"{f'{start}{stem}'[: _LENGTH - _DIGEST - 1]}_{digest}"
            if not re.fullmatch(pattern, legal):
                break
            if legal not in used:
                return legal
            repeat += 1
    return None


def _named(request: Request) -> Iterator[tuple[str, str]]:
    """Every name of a tool of the client's, with its path."""
    for index, tool in enumerate(request.tools or ()):
        if isinstance(tool, FunctionTool):
            yield f"tools[{index}].name", tool.name
    for index, message in enumerate(request.messages):
        for number, part in enumerate(message.parts):
            if isinstance(part, ToolCallPart | ToolResultPart) and part.executed_by == "client" and part.name:
                yield f"messages[{index}].content[{number}].name", part.name


def _under(part: Part, names: Mapping[str, str]) -> Part:
    if not isinstance(part, ToolCallPart | ToolResultPart) or part.executed_by != "client" or part.name is None:
        return part
    return msgspec.structs.replace(part, name=names.get(part.name, part.name))
