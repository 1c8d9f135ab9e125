"""The state envelope written: what of an answer the chat dialect has no place for, call by call.

An envelope goes on a call (``tool_calls[].extra_content.router``) and tells of the parts since the call before it; what
follows the last call goes on the message (``extra_content.router``). The entries are those of ``providers.wire.state``,
with offsets, so that a client may lose any of it and the rest still fits:

    {"reasoning": text, "at": n, "kind": …, "redacted": …, "state": STATE}  ``at``: its place in reasoning_content
    {"text": n, "at": n, "state": STATE}                                   ``at``: its place in content
    {"part": {…}}                        a part chat cannot say: provider-run calls and results, opaque parts
    {"call": true, "state": STATE}       state of the call that holds the envelope
    {"call": "<id>", "state": STATE}     on the message: state that came after its call was sent
    … "late": true                       on the message: state of a part that was listed before it was known

Where no part but the calls bears state nothing else is listed: reasoning, text, calls is what the dialect itself says.
"""

import msgspec

from providers.spec.fold import merged_ext
from providers.spec.parts import Part, ReasoningPart, RefusalPart, State, TextPart, ToolCallPart
from providers.spec.values import Ext, JsonObject
from providers.wire.parts import part_to_json
from providers.wire.state import THOUGHT_SIGNATURE, seal, state_to_json


class _Item:
    """A part that is no client call, while it may still grow or gain state."""

    def __init__(self, part: Part, at: int) -> None:
        self.part = part
        self.at = at
        self.pieces: list[str] = []
        self.length = 0
        self.listed = False

    def grow(self, text: str) -> None:
        self.length += len(text)
        self.pieces.append(text)

    def gain(self, state: State | None, ext: Ext) -> None:
        if state is not None:
            self.part = msgspec.structs.replace(self.part, state=state)
        if ext and not isinstance(self.part, TextPart | ReasoningPart):
            self.part = msgspec.structs.replace(self.part, ext=merged_ext(self.part.ext, ext))

    @property
    def bears(self) -> bool:
        """Whether it is lost on a chat client without an envelope."""
        return self.part.state is not None or not isinstance(self.part, TextPart | ReasoningPart)

    def entry(self) -> JsonObject:
        fields: JsonObject
        match self.part:
            case TextPart():
                fields = {"text": self.length, "at": self.at}
            case ReasoningPart():
                fields = {"reasoning": "".join(self.pieces), "at": self.at}
                if self.part.kind != "text":
                    fields["kind"] = self.part.kind
                if self.part.redacted:
                    fields["redacted"] = True
            case _:
                return {"part": self._whole()}
        if self.part.state is not None:
            fields["state"] = state_to_json(self.part.state)
        return fields

    def _whole(self) -> JsonObject | None:
        part = self.part
        if isinstance(part, ToolCallPart):
            part = msgspec.structs.replace(part, arguments="".join(self.pieces))
        return part_to_json(part)


class StateTrail:
    """Follows one candidate's parts in order and says which envelopes they need; plain and streamed answers alike.

    ``own``: the dialect that is written, whose own state of calls has a field of its own.
    """

    def __init__(self, own: str = "") -> None:
        self._own = own
        self._items: dict[int, _Item] = {}
        self._section: list[_Item] = []
        self._first = True
        self._tracking = False
        self._text = 0
        self._reasoning = 0
        self._late: dict[int, _Item] = {}
        self._sent_calls: dict[int, str] = {}
        self._late_calls: list[JsonObject] = []

    def start(self, index: int, part: Part) -> None:
        """A part that is no client call begins."""
        if isinstance(part, RefusalPart):
            return
        item = _Item(part, self._reasoning if isinstance(part, ReasoningPart) else self._text)
        self._items[index] = item
        self._section.append(item)
        if isinstance(part, ToolCallPart):
            item.grow(part.arguments)
        elif isinstance(part, TextPart | ReasoningPart):
            self.grow(index, part.text)

    def grow(self, index: int, text: str) -> None:
        """More text of a part."""
        item = self._items.get(index)
        if item is None:
            return
        if isinstance(item.part, TextPart):
            item.length += len(text)
            self._text += len(text)
            return
        item.grow(text)
        if isinstance(item.part, ReasoningPart):
            self._reasoning += len(text)

    def place(self, index: int) -> int:
        """Where a text part begins in the whole text."""
        item = self._items.get(index)
        return 0 if item is None else item.at

    def gain(self, index: int, state: State | None, ext: Ext) -> None:
        """Late knowledge about a part; of a call only if it was sent already."""
        item = self._items.get(index)
        if item is not None:
            item.gain(state, ext)
            if item.listed:
                self._late[index] = item
        elif state is not None and index in self._sent_calls:
            self._late_calls.append({"call": self._sent_calls[index], "state": state_to_json(state)})

    def call(self, index: int, call: ToolCallPart, sent_id: str) -> JsonObject | None:
        """What goes into ``extra_content`` of a client call that is about to be sent; ``None`` where nothing does."""
        state = call.state
        self._sent_calls[index] = sent_id
        self._tracking = self._tracking or (state is not None and state.origin.dialect != self._own)
        entries = self._take_section()
        if state is not None:
            entries.append({"call": True, "state": state_to_json(state)})
        extra: JsonObject = {}
        if state is not None and state.kind == THOUGHT_SIGNATURE:
            extra["google"] = {THOUGHT_SIGNATURE: state.value}
        if entries:
            extra["router"] = seal(entries)
        return extra or None

    def legacy_call(self, call: ToolCallPart) -> None:
        """A ``function_call``, which has no place for state: it goes on the message, under no id."""
        if call.state is not None:
            self._tracking = self._tracking or call.state.origin.dialect != self._own
            self._late_calls.append({"call": "", "state": state_to_json(call.state)})

    @property
    def text_signature(self) -> str | None:
        """The signature of the last text that has one, where Google's own chat front put it on the message."""
        for item in reversed(self._items.values()):
            state = item.part.state if isinstance(item.part, TextPart) else None
            if state is not None:
                return state.value if state.kind == THOUGHT_SIGNATURE and state.origin.dialect == self._own else None
        return None

    def close(self) -> str | None:
        """The envelope of the message, at its end."""
        entries = self._take_section()
        entries += [{**item.entry(), "late": True} for item in self._late.values()]
        entries += self._late_calls
        return seal(entries) if entries else None

    def _take_section(self) -> list[JsonObject]:
        """The entries of the parts since the previous call."""
        section, self._section = self._section, []
        bears = any(item.bears for item in section)
        self._tracking = self._tracking or bears
        first, self._first = self._first, False
        for item in section:
            item.listed = True
        if not self._tracking or (first and not bears and _in_default_order(section)):
            return []
        return [item.entry() for item in section]


def _in_default_order(section: list[_Item]) -> bool:
    """Whether reasoning comes before text, as the fields of a chat message have it."""
    texts = [isinstance(item.part, TextPart) for item in section]
    return texts == sorted(texts)
