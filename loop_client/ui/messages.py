"""UI messages, as `useChat` sends them, into chat messages and the answers they bring for a suspended run."""

from __future__ import annotations

from dataclasses import dataclass, field

from loop_client.events import Message
from loop_client.ui.content import DataPart, user_content
from loop_client.ui.fields import Fields, InvalidUIMessages, objects
from loop_client.ui.tool_part import BroughtAnswer, ToolPart, read_tool_part, tool_name_of


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part that has no place in a chat message."""

    path: str
    kind: str
    """The type of the part, such as ``reasoning``."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a chat front end sent."""

    messages: tuple[Message, ...]
    """The history; every call in it is answered, those that nobody answered by an error."""
    answers: tuple[BroughtAnswer, ...] = ()
    """For the calls of the last step, where the conversation ends in one and the calls name their run."""
    left_out: tuple[LeftOut, ...] = ()
    """Parts that are for display only, in order."""


def read_ui_messages(
    raw: object, *, allow_system: bool = False, data_part: DataPart | None = None, path: str = "messages"
) -> Conversation:
    """Read the ``messages`` of a chat request.

    A message of the assistant becomes one chat message for every step, with the calls in order and their results behind
    it. Reasoning, sources and data parts are for display and are left out.

    Args:
        raw: The list, as parsed from JSON.
        allow_system: Whether the browser may write system messages. A stock front end sends none.
        data_part: What a ``data-…`` part of a user message becomes; left out without it.
        path: The list's name in what is raised.

    Raises:
        InvalidUIMessages: the list is not what the protocol allows.
    """
    reading = _Reading(data_part)
    messages = list(objects(raw, path))
    for index, message in enumerate(messages):
        _read_message(message, reading, allow_system=allow_system, is_last=index == len(messages) - 1)
    if not messages:
        raise InvalidUIMessages(path, "at least one message is expected")
    return Conversation(tuple(reading.messages), tuple(reading.answers), tuple(reading.left_out))


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    data_part: DataPart | None
    messages: list[Message] = field(default_factory=list)
    answers: list[BroughtAnswer] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, part: Fields) -> None:
        self.left_out.append(LeftOut(part.path, part.text("type")))


@dataclass(slots=True)
class _Step:
    """One turn of the model within a UI message."""

    texts: list[str] = field(default_factory=list)
    tools: list[ToolPart] = field(default_factory=list)


def _read_message(message: Fields, reading: _Reading, *, allow_system: bool, is_last: bool) -> None:
    parts = list(message.items("parts"))
    match message.text("role"):
        case "user":
            content = user_content(parts, reading.data_part, reading.leave_out)
            if not content:
                raise message.problem("parts", "there is nothing in the message for the model to read")
            reading.messages.append({"role": "user", "content": content})
        case "system" if allow_system:
            text = "".join(part.text("text") for part in parts if part.text("type") == "text")
            reading.messages.append({"role": "system", "content": text})
        case "system":
            raise message.problem("role", "system messages are not accepted here")
        case "assistant":
            steps = _steps(parts, reading)
            for step in steps:
                reading.messages += _step_messages(step)
            if is_last and steps:
                reading.answers += [tool.answer for tool in steps[-1].tools if tool.answer is not None]
        case _:
            raise message.problem("role", "user or assistant is expected")


def _steps(parts: list[Fields], reading: _Reading) -> list[_Step]:
    steps: list[_Step] = [_Step()]
    for part in parts:
        kind = part.text("type")
        name = tool_name_of(part)
        if name is not None and part.optional_flag("providerExecuted"):
            # The provider ran it: on the chat wire there is neither a call to answer nor a result to give.
            reading.leave_out(part)
        elif name is not None:
            _take_tool(steps[-1], part, name)
        elif kind == "step-start":
            steps.append(_Step())
        elif kind == "text":
            steps[-1].texts.append(part.text("text"))
        else:
            reading.leave_out(part)
    # A step without content ends every answer that no front end is to go on with by itself, so the empty ones stay
    # out of the history but not out of this list.
    return steps


def _take_tool(step: _Step, part: Fields, name: str) -> None:
    tool = read_tool_part(part, name)
    # A call that was still being written when its stream broke was never made.
    if tool.state == "input-streaming":
        return
    if any(other.call_id == tool.call_id for other in step.tools):
        raise part.problem("toolCallId", "two calls of one step have the same id")
    step.tools.append(tool)


def _step_messages(step: _Step) -> list[Message]:
    text = "".join(step.texts)
    if not step.tools:
        return [{"role": "assistant", "content": text}] if text else []
    calls = [tool.call() for tool in step.tools]
    return [
        {"role": "assistant", "content": text or None, "tool_calls": calls},
        *(tool.result_message() for tool in step.tools),
    ]
