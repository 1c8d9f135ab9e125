"""Chat requests in the spelling that nearly every client writes, read in one pass by a compiled reader.

What it reads, it reads as ``request_decode`` does, and it says what ``request_encode`` would change for a host of this
dialect, without taking the body apart: schemas, the most of a request with tools, stay bytes. Whatever is spelled in
another way is not read here at all.
"""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from providers.dialects.openai_chat.grammar import NAME, PATH
from providers.dialects.openai_chat.other_carriers import SIGNED_ID
from providers.dialects.openai_chat.plain_tools import PlainTools, read_tools
from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.parts import Part, TextPart, ToolCallPart, ToolResultPart
from providers.spec.profile import Profile, Target
from providers.spec.request import Message, Reasoning, Request, ToolChoice
from providers.spec.values import JsonObject
from providers.wire.ids import is_legal
from providers.wire.json import JsonError, dumps, loads
from providers.wire.known_tools import KnownTools
from providers.wire.members import changed_members
from providers.wire.state_ids import SEPARATOR
from providers.wire.tool_names import are_legal

_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["text"]
    text: str


class _Called(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: _Name
    arguments: str


class _Call(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: _Name
    type: Literal["function"]
    function: _Called


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | tuple[_Text, ...] | UnsetType | None = UNSET
    tool_calls: tuple[_Call, ...] | UnsetType = UNSET
    tool_call_id: _Name | UnsetType = UNSET


class _StreamOptions(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    include_usage: bool


class _Body(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    model: _Name
    messages: Annotated[tuple[_Message, ...], msgspec.Meta(min_length=1)]
    tools: Raw | UnsetType = UNSET
    tool_choice: Literal["auto", "none", "required"] | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    stream: bool | UnsetType = UNSET
    stream_options: _StreamOptions | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    max_completion_tokens: int | UnsetType = UNSET
    temperature: Raw | UnsetType = UNSET
    top_p: Raw | UnsetType = UNSET
    stop: str | tuple[str, ...] | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    reasoning_effort: str | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Body).decode

_NO_TOOLS: Final = PlainTools(KnownTools(()), (), {}, 0)


def read_plain(raw: bytes, depth: int) -> "PlainRequest | None":
    """The request, where every member is one that is known here and spelled plainly; ``None`` for any other.

    ``depth``: how deep the body may be nested at most; ``None`` too where it may be deeper.
    """
    try:
        body = _decode(raw)
        if not raw.isascii():
            # What is kept as bytes has not been read as text.
            raw.decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if b"-0" in raw and 0 in (body.max_tokens, body.max_completion_tokens, body.seed):
        # An integer for one reader, and none for the other.
        return None
    tools = _NO_TOOLS if body.tools is UNSET else read_tools(bytes(body.tools))
    if tools is None or tools.depth > depth or not _is_plain(body):
        return None
    return PlainRequest(raw, body, tools)


def _is_plain(body: _Body) -> bool:
    """Whether every message has what its role has, no id carries anything, and numbers are numbers."""
    for message in body.messages:
        content = message.content
        if message.role == "tool":
            if message.tool_call_id is UNSET or content is None or content is UNSET or message.tool_calls is not UNSET:
                return False
            if _carries_state(message.tool_call_id):
                return False
        elif message.tool_call_id is not UNSET:
            return False
        elif message.role == "assistant":
            # An empty text is none here, and not for every host the same.
            if content == "" or not (content or message.tool_calls) or message.tool_calls == ():
                return False
            for call in message.tool_calls or ():
                if _carries_state(call.id):
                    return False
        elif content is None or content is UNSET or message.tool_calls is not UNSET:
            return False
    return _is_number(body.temperature) and _is_number(body.top_p)


def _carries_state(call_id: str) -> bool:
    # Looked for in ids and not in the body: a search through all of a large one costs as much as to read it.
    return SEPARATOR in call_id or SIGNED_ID in call_id


def _is_number(value: Raw | UnsetType) -> bool:
    return value is UNSET or bytes(value)[:1] in b"-0123456789"


class PlainRequest:
    """A request as ``read_plain`` has read it."""

    __slots__ = ("_body", "_raw", "_tools", "tool_choice")

    def __init__(self, raw: bytes, body: _Body, tools: PlainTools) -> None:
        self._raw = raw
        self._body = body
        self._tools = tools
        self.tool_choice = _tool_choice(body)
        """Which tools may or must be called."""

    # ---- what it says

    @property
    def model(self) -> str:
        """As the caller spelled it."""
        return self._body.model

    @property
    def stream(self) -> bool | None:
        """Whether a stream is asked for."""
        return self._body.stream if self._body.stream is not UNSET else None

    @property
    def stream_usage(self) -> bool | None:
        """Whether the stream should report usage."""
        options = self._body.stream_options
        return options.include_usage if options is not UNSET else None

    @property
    def thinks(self) -> bool:
        """Whether anything is said of reasoning."""
        return self._body.reasoning_effort is not UNSET

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Names of the tools, in order."""
        return self._tools.names

    def schema_text(self, name: str) -> bytes | None:
        """The parameters of the first tool of this name as they were written; ``None`` where it has none."""
        return self._tools.schemas.get(name)

    def request(self) -> Request:
        """The canonical form, spelling aside. Raises JsonError where a number that was kept as bytes is none."""
        body = self._body
        stop, effort = body.stop, body.reasoning_effort
        limit = body.max_completion_tokens if body.max_completion_tokens is not UNSET else body.max_tokens
        ext: JsonObject = {}
        if body.max_completion_tokens is not UNSET and body.max_tokens is not UNSET:
            ext["max_tokens"] = body.max_tokens
        return Request(
            messages=tuple([_message(message) for message in body.messages]),
            model=body.model,
            tools=self._tools.tools if body.tools is not UNSET else None,
            tool_choice=self.tool_choice,
            stream=self.stream,
            stream_usage=self.stream_usage,
            max_output_tokens=limit if limit is not UNSET else None,
            temperature=_number(body.temperature),
            top_p=_number(body.top_p),
            stop=None if stop is UNSET else (stop,) if isinstance(stop, str) else stop,
            seed=body.seed if body.seed is not UNSET else None,
            reasoning=None if effort is UNSET else Reasoning(enabled=effort != "none", effort=effort),
            ext={NAME: ext} if ext else {},
        )

    # ---- what a host of this dialect gets

    def relayed(self, target: Target, report: Report) -> EncodedRequest | None:
        """The caller's own bytes with the host's names for model and limit; ``None`` where more would be changed."""
        body, profile = self._body, target.profile
        # Turns that called may have to carry something beside them.
        if profile.reasoning_required or not self._fits(profile):
            return None
        if self.stream and body.tools is not UNSET and profile.tool_stream_field is not None:
            return None
        if body.tool_choice is not UNSET or body.parallel_tool_calls is not UNSET:
            forced = body.tool_choice == "required" and profile.forced_choice_with_thinking == "refuse"
            if body.tools is UNSET or forced:
                return None
        changes = {"model": ("model", dumps(target.model))}
        if not self._limited(profile, changes):
            return None
        content = changed_members(self._raw, changes)
        if content is None:
            return None
        if "max_tokens" in changes:
            told = changes["max_tokens"][0]
            report.add("max_tokens", "mapped", "the host's own name for it", from_="max_tokens", to=told, carried=True)
        return EncodedRequest(path=PATH, body={}, content=content)

    def _limited(self, profile: Profile, changes: dict[str, tuple[str, bytes]]) -> bool:
        """Add the limit under the host's name to what is changed; whether there is one for it."""
        body, wanted = self._body, profile.max_tokens_field
        if wanted is None:
            return True
        if body.max_completion_tokens is not UNSET:
            return wanted == "max_completion_tokens" and body.max_tokens is UNSET
        if body.max_tokens is not UNSET and wanted != "max_tokens":
            changes["max_tokens"] = (wanted, b"%d" % body.max_tokens)
        return True

    def _fits(self, profile: Profile) -> bool:
        """Whether every name and id is one that the host takes, and every turn stands where it may."""
        names, ids = profile.tool_name, profile.tool_call_id
        before = ""
        for message in self._body.messages:
            if before == "tool" and message.role == "user" and not profile.user_after_tool:
                return False
            before = message.role
            for call in message.tool_calls or ():
                if not is_legal(call.id, ids) or not is_legal(call.function.name, names):
                    return False
            if message.tool_call_id is not UNSET and not is_legal(message.tool_call_id, ids):
                return False
        return are_legal(self._tools.tools, names)


# ---- to the canonical form


def _tool_choice(body: _Body) -> ToolChoice | None:
    choice, parallel = body.tool_choice, body.parallel_tool_calls
    told = parallel if parallel is not UNSET else None
    if choice is UNSET:
        return None if told is None else ToolChoice(parallel=told)
    return ToolChoice(mode=choice, parallel=told)


def _message(message: _Message) -> Message:
    content, calls = message.content, message.tool_calls
    texts = (TextPart(text=content),) if isinstance(content, str) else _texts(content)
    if message.role == "tool":
        return Message(role="tool", parts=(ToolResultPart(call_id=str(message.tool_call_id), content=texts),))
    parts: tuple[Part, ...] = texts
    if calls:
        called = [
            ToolCallPart(id=call.id, name=call.function.name, arguments=call.function.arguments) for call in calls
        ]
        parts = (*parts, *called)
    return Message(role=message.role, parts=parts)


def _texts(content: tuple[_Text, ...] | UnsetType | None) -> tuple[TextPart, ...]:
    return tuple([TextPart(text=item.text) for item in content]) if content else ()


def _number(value: Raw | UnsetType) -> float | None:
    if value is UNSET:
        return None
    number = loads(bytes(value))
    if not isinstance(number, int | float):
        raise JsonError("not a number")
    return number
