"""Shows a run to people as it happens: live and coloured on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Protocol, Self, TextIO

from rich.console import Console

from loop_client.display_live import LiveDisplay
from loop_client.display_text import (
    cleaned,
    decision_text,
    notice_text,
    one_line,
    progress_text,
    summary_text,
    time_text,
    token_text,
    waiting_text,
)
from loop_client.events import (
    AnyEvent,
    FileOutput,
    ProviderToolActivity,
    ReasoningDelta,
    ResponseMetadata,
    RoundFinish,
    RoundRestart,
    RoundStart,
    RunFinish,
    RunNotice,
    RunStart,
    RunSuspended,
    SourceFound,
    TextDelta,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolDeferred,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    ToolProgress,
)
from loop_client.tool_events import ToolEvent

_WIDTH = 160
_FRAGMENT = 24
"""Characters of arguments on one plain line while they arrive: a line for every token would be noise."""


class Display(Protocol):
    """Something that shows events; a context manager, so that a terminal is left in order."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, event: AnyEvent) -> None:  # one flat case for every kind
        """Show one event."""
        ...


def display_for(stream: TextIO) -> Display:
    """Live on a terminal (without colour where ``NO_COLOR`` is set), plain lines for anything else."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    return LiveDisplay(console) if console.is_terminal and not console.is_dumb_terminal else PlainDisplay(stream)


class PlainDisplay:
    """One line for every step, and the model's words line by line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._names: dict[str, str] = {}
        self._fragments: dict[str, str] = {}
        self._words = ""
        self._kind: type[AnyEvent] | None = None

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let out what is held back."""
        self._end_words()

    def show(self, event: AnyEvent) -> None:  # noqa: C901, PLR0912, PLR0915  # one flat case for every kind
        """Show one event."""
        if isinstance(event, (TextDelta, ReasoningDelta)):
            self._take_words(event)
            return
        self._end_words()
        match event:
            case RunStart(model=model, tools=tools):
                self._line(f"model {model}, tools: {', '.join(tools) or 'none'}")
            case RoundStart(round=number):
                self._line(f"round {number}")
            case ToolInputStart(call_id=call_id, tool_name=name):
                self._names[call_id] = name
                self._call_line(name, call_id, "input-streaming")
            case ToolInputDelta(call_id=call_id, text=text):
                self._take_fragment(call_id, text)
            case ToolInputAvailable():
                self._end_fragment(event.call_id)
                text = f"input-available {one_line(event.arguments_text, _WIDTH)}"
                self._event_line(event, text)
            case ToolOutputAvailable():
                text = f"output-available ({time_text(event.seconds)}) {one_line(event.output, _WIDTH)}"
                self._event_line(event, text)
            case ToolOutputError():
                self._end_fragment(event.call_id)
                text = f"output-error ({time_text(event.seconds)}) {event.code}: {one_line(event.error_text, _WIDTH)}"
                self._event_line(event, text)
            case ToolProgress():
                self._event_line(event, progress_text(event, _WIDTH))
            case ToolApprovalRequested() | ToolDeferred():
                self._end_fragment(event.call_id)
                text = f"{waiting_text(event)} {one_line(event.arguments_text, _WIDTH)}"
                self._event_line(event, text)
            case ToolApprovalAnswered():
                self._event_line(event, decision_text(event.approved, event.reason))
            case ToolOutputDenied():
                self._event_line(event, f"output-denied {one_line(event.reason or '', _WIDTH)}")
            case ProviderToolActivity():
                self._event_line(event, f"{event.status} (run by the provider)")
            case RoundRestart():
                self._fragments.clear()
                self._line(f"  {notice_text(event, _WIDTH)}")
            case RunNotice() | SourceFound() | FileOutput():
                self._line(f"  {notice_text(event, _WIDTH)}")
            case RunSuspended():
                self._line(f"waiting for {len(event.pending)} answers from outside")
            case ResponseMetadata():
                pass
            case RoundFinish():
                self._end_fragments()
                text = f"{event.finish_reason}, {time_text(event.seconds)}, {token_text(event.usage)}"
                self._line(f"  round {event.round} ended: {text}")
            case RunFinish():
                self._line(summary_text(event))

    def _take_words(self, event: TextDelta | ReasoningDelta) -> None:
        if self._kind is not type(event):
            self._end_words()
            self._kind = type(event)
        *whole, self._words = (self._words + cleaned(event.text)).split("\n")
        for line in whole:
            self._word_line(line)

    def _end_words(self) -> None:
        if self._words:
            self._word_line(self._words)
        self._words, self._kind = "", None

    def _word_line(self, line: str) -> None:
        self._line(f"  (reasoning) {line}" if self._kind is ReasoningDelta else line)

    def _take_fragment(self, call_id: str, text: str) -> None:
        held = self._fragments[call_id] = self._fragments.get(call_id, "") + text
        if len(held) >= _FRAGMENT:
            self._end_fragment(call_id)

    def _end_fragment(self, call_id: str) -> None:
        held = self._fragments.pop(call_id, "")
        if held:
            self._call_line(self._names[call_id], call_id, f"... {one_line(held, _WIDTH)}")

    def _end_fragments(self) -> None:
        for call_id in list(self._fragments):
            self._end_fragment(call_id)

    def _call_line(self, name: str, call_id: str, text: str) -> None:
        self._line(f"  {one_line(name, 64)} [{one_line(call_id, 64)}] {text}")

    def _event_line(self, event: ToolEvent, text: str) -> None:
        self._call_line(event.tool_name, event.call_id, text)

    def _line(self, text: str) -> None:
        print(cleaned(text), file=self._stream, flush=True)
