"""Words and numbers of a run, made fit for a terminal line."""

from __future__ import annotations

import re
from typing import Final

from loop_client.events import (
    FileOutput,
    RoundRestart,
    RunFinish,
    RunNotice,
    SourceFound,
    ToolApprovalRequested,
    ToolDeferred,
    ToolProgress,
)
from loop_client.usage import Usage

# Control characters could move the cursor or rewrite what was shown before, bidirectional marks reorder it.
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def cleaned(text: str) -> str:
    """Text from a model or a tool without anything a terminal would obey; line ends and tabs stay."""
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, width: int) -> str:
    """The beginning of a text on one line of at most so many characters."""
    # Looking at a part is enough: a result may be a megabyte.
    line = " ".join(cleaned(text[: width * 4]).split())
    return line if len(line) <= width and len(text) <= width * 4 else line[: width - 1] + "…"


def time_text(seconds: float) -> str:
    """A duration as people read it."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def token_text(usage: Usage | None) -> str:
    """Tokens in and out, as far as the server told."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return "tokens not reported"
    counts = (("in", usage.input_tokens), ("out", usage.output_tokens))
    return "tokens " + ", ".join(f"{'?' if count is None else count} {way}" for way, count in counts)


def summary_text(finish: RunFinish) -> str:
    """One line about a whole run."""
    rounds = f"{finish.rounds} round{'' if finish.rounds == 1 else 's'}"
    calls = f"{finish.calls} tool call{'' if finish.calls == 1 else 's'}"
    outcome = _OUTCOMES[finish.finish_reason]
    return f"{outcome}: {rounds}, {calls}, {time_text(finish.seconds)}, {token_text(finish.usage)}"


def progress_text(event: ToolProgress, width: int) -> str:
    """How far a tool is."""
    total = "" if event.total is None else f" of {event.total:g}"
    return one_line(f"at {event.progress:g}{total} {event.message or ''}", width)


def waiting_text(event: ToolApprovalRequested | ToolDeferred) -> str:
    """What a call waits for."""
    return "approval-requested" if isinstance(event, ToolApprovalRequested) else "waits for an answer from outside"


def decision_text(approved: bool, reason: str | None) -> str:
    """What somebody decided about a call."""
    return ("approved" if approved else "denied") + (f": {one_line(reason, 160)}" if reason else "")


def notice_text(event: RoundRestart | RunNotice | SourceFound | FileOutput, width: int) -> str:
    """One line about something beside the conversation."""
    return one_line(_notice(event), width)


def _notice(event: RoundRestart | RunNotice | SourceFound | FileOutput) -> str:
    match event:
        case RoundRestart():
            return f"asking again in {time_text(event.wait_seconds)}, because {event.error.message}"
        case RunNotice():
            return event.message
        case SourceFound():
            return f"source: {event.title or ''} {event.url or ''}"
        case FileOutput():
            return f"the model made a file of type {event.media_type}"


_OUTCOMES: Final = {
    "stop": "answered",
    "length": "cut by the model's output limit",
    "content_filter": "stopped by a content filter",
    "other": "ended for a reason the server did not explain",
    "max_rounds": "stopped at the limit of rounds",
    "max_calls": "stopped at the limit of calls",
    "max_seconds": "stopped at the time limit",
    "max_tokens": "stopped at the limit of tokens",
    "max_cost": "stopped at the limit of cost",
    "max_pauses": "stopped at the limit of pauses",
    "repeated_calls": "stopped because the model repeated itself",
    "stop_condition": "stopped by a condition of the caller",
    "terminal_tool": "ended by a tool",
    "suspended": "suspended",
    "error": "failed",
}
