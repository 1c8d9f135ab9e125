"""The tool loop for a Python service: functions become tools, any OpenAI-compatible server answers."""

from __future__ import annotations

from loop_client.client import LoopClient, Question, ask
from loop_client.errors import (
    ConfigurationError,
    EmptyAnswerError,
    ErrorDetail,
    LoopClientError,
    ModelConnectionError,
    ModelHTTPError,
    ModelStreamError,
    ModelTimeoutError,
    RunError,
    ToolDefinitionError,
    ToolError,
)
from loop_client.events import (
    AnyEvent,
    Event,
    Message,
    ReasoningDelta,
    RoundFinish,
    RoundStart,
    RunFinish,
    RunStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputError,
)
from loop_client.handlers import FileTree, calculate, current_time
from loop_client.limits import Limits
from loop_client.result import RunResult
from loop_client.tools import Tool, tool
from loop_client.transport import Timeouts
from loop_client.usage import Usage

__version__ = "0.1.0"

__all__ = [
    "AnyEvent",
    "ConfigurationError",
    "EmptyAnswerError",
    "ErrorDetail",
    "Event",
    "FileTree",
    "Limits",
    "LoopClient",
    "LoopClientError",
    "Message",
    "ModelConnectionError",
    "ModelHTTPError",
    "ModelStreamError",
    "ModelTimeoutError",
    "Question",
    "ReasoningDelta",
    "RoundFinish",
    "RoundStart",
    "RunError",
    "RunFinish",
    "RunResult",
    "RunStart",
    "TextDelta",
    "Timeouts",
    "Tool",
    "ToolDefinitionError",
    "ToolError",
    "ToolInputAvailable",
    "ToolInputDelta",
    "ToolInputStart",
    "ToolOutputAvailable",
    "ToolOutputError",
    "Usage",
    "ask",
    "calculate",
    "current_time",
    "tool",
]
