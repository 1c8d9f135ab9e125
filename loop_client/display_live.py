"""The terminal view of a run: the model's words as they come, its calls as rows that change in place."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

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

_STATE_STYLES = {
    "input-streaming": "yellow",
    "input-available": "cyan",
    "approval-requested": "magenta",
    "approval-responded": "cyan",
    "output-available": "green",
    "output-error": "red",
    "output-denied": "red",
}
_WIDEST_STATE = max(len(state) for state in _STATE_STYLES)
_REFRESHES_PER_SECOND = 10


_CallEvent: TypeAlias = (
    ToolInputAvailable
    | ToolApprovalRequested
    | ToolApprovalAnswered
    | ToolDeferred
    | ToolOutputAvailable
    | ToolOutputError
    | ToolOutputDenied
)


@dataclass(slots=True)
class _Row:
    name: str
    state: str = "input-streaming"
    arguments: str = ""
    outcome: str = ""
    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    def is_over(self) -> bool:
        return self.state.startswith("output")

    def lines(self, width: int) -> list[Text]:
        seconds = time.monotonic() - self.started if self.seconds is None else self.seconds
        tail = f" {time_text(seconds)}"
        head = _line_of_width().append(f"  {self.state.ljust(_WIDEST_STATE)}  ", _STATE_STYLES[self.state])
        head.append(f"{one_line(self.name, 64)} ", "bold")
        room = max(8, width - head.cell_len - len(tail) - 1)
        lines = [head.append(one_line(self.arguments, room)).append(tail, "dim")]
        if self.outcome:
            indent = " " * (_WIDEST_STATE + 4)
            style = "red" if self.state == "output-error" else "dim"
            outcome = one_line(self.outcome, max(8, width - len(indent) - 1))
            lines.append(_line_of_width().append(indent).append(outcome, style))
        return lines


def _line_of_width() -> Text:
    # Wide characters may still overrun, and a wrapped line would shake what is redrawn in place.
    return Text(no_wrap=True, overflow="ellipsis")


class LiveDisplay:
    """Shows events on a terminal. Leave the context, and the cursor is back and nothing moves any more."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._rows: dict[str, _Row] = {}
        self._words = Text()
        self._is_line_open = False

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal in order, whatever happened."""
        self._end_rows()
        self._end_line()

    def __rich__(self) -> RenderableType:
        """The rows of the calls under way, and words that came after them."""
        # The display's own thread draws this while events come in.
        lines = [line for row in list(self._rows.values()) for line in row.lines(self._console.width)]
        return Group(*lines, self._words) if self._words else Group(*lines)

    def show(self, event: AnyEvent) -> None:  # noqa: C901, PLR0912  # one flat case for every kind
        """Show one event."""
        match event:
            case RunStart(model=model, tools=tools):
                self._line(Text.assemble(("model ", "dim"), cleaned(model), (f"  tools: {', '.join(tools)}", "dim")))
            case RoundStart(round=number):
                self._line(Text(f"round {number}", "bold blue"))
            case TextDelta(text=text):
                self._add_words(Text(cleaned(text)))
            case ReasoningDelta(text=text):
                self._add_words(Text(cleaned(text), "dim italic"))
            case ToolInputStart(call_id=call_id, tool_name=name):
                self._start_row(call_id, _Row(name))
            case ToolInputDelta(call_id=call_id, text=text):
                self._rows[call_id].arguments += text
            case ToolInputAvailable():
                self._set_state(event, event.arguments_text)
            case ToolOutputAvailable():
                self._set_state(event, None, event.output, event.seconds)
            case ToolOutputError():
                self._set_state(event, event.arguments_text, f"{event.code}: {event.error_text}", event.seconds)
            case ToolProgress():
                self._rows[event.call_id].outcome = progress_text(event, 160)
            case ToolApprovalRequested() | ToolDeferred():
                self._set_state(event, event.arguments_text, waiting_text(event))
            case ToolApprovalAnswered():
                self._set_state(event, event.arguments_text, decision_text(event.approved, event.reason))
            case ToolOutputDenied():
                self._set_state(event, event.arguments_text, event.reason or "", 0.0)
            case ProviderToolActivity():
                self._line(Text(f"  {one_line(event.tool_name, 64)} {event.status} (run by the provider)", "dim"))
            case RoundRestart():
                self._end_rows()
                self._line(Text(f"  {notice_text(event, 160)}", "yellow"))
            case RunNotice() | SourceFound() | FileOutput():
                self._line(Text(f"  {notice_text(event, 160)}", "dim"))
            case RunSuspended():
                self._end_rows()
                self._line(Text(f"waiting for {len(event.pending)} answers from outside", "bold yellow"))
            case ResponseMetadata():
                pass
            case RoundFinish():
                text = f"  {event.finish_reason}, {time_text(event.seconds)}, {token_text(event.usage)}"
                self._line(Text(text, "dim"))
            case RunFinish():
                self._end_rows()
                self._line(Text(summary_text(event), "bold green" if event.finish_reason == "stop" else "bold red"))

    def _start_row(self, call_id: str, row: _Row) -> None:
        self._end_line()
        self._rows[call_id] = row
        if self._live is None:
            self._live = Live(self, console=self._console, refresh_per_second=_REFRESHES_PER_SECOND)
            self._live.start()

    def _set_state(
        self,
        event: _CallEvent,
        arguments: str | None,
        outcome: str = "",
        seconds: float | None = None,
    ) -> None:
        if event.call_id not in self._rows:  # a run that goes on tells of calls that began before
            self._start_row(event.call_id, _Row(event.tool_name))
        row = self._rows[event.call_id]
        row.state = event.state or row.state
        row.arguments = row.arguments if arguments is None else arguments
        row.outcome, row.seconds, row.started = outcome, seconds, time.monotonic()
        if all(other.is_over() for other in self._rows.values()):
            self._end_rows()

    def _end_rows(self) -> None:
        """Leave the rows as they are now, and go on below them."""
        if self._live is not None:
            self._live.stop()
        self._live, self._rows, self._words = None, {}, Text()

    def _add_words(self, words: Text) -> None:
        if self._live is not None:
            self._words.append_text(words)
            return
        self._is_line_open = not words.plain.endswith("\n") if words.plain else self._is_line_open
        self._console.print(words, end="", soft_wrap=True)

    def _line(self, text: Text) -> None:
        self._end_line()
        self._console.print(text, soft_wrap=True)

    def _end_line(self) -> None:
        if self._is_line_open:
            self._console.print()
            self._is_line_open = False
