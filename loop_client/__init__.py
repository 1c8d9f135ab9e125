"""The tool loop for a Python service: functions become tools, any OpenAI-compatible server answers."""

from __future__ import annotations

from loop_client.client import LoopClient, Question, ask
from loop_client.content import ContentPart, FilePart, ImagePart, TextPart, ToolContent
from loop_client.context import ToolContext
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
    FileOutput,
    Message,
    PendingCall,
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
    event_from_json,
)
from loop_client.function_tool import schema_tool, tool
from loop_client.handlers import FileTree, calculate, current_time
from loop_client.limits import Limits
from loop_client.result import RunResult
from loop_client.tool_source import ToolSource
from loop_client.tools import Tool
from loop_client.transport import Timeouts
from loop_client.usage import Usage

__version__ = "0.1.0"

__all__ = [
    "AnyEvent",
    "ConfigurationError",
    "ContentPart",
    "EmptyAnswerError",
    "ErrorDetail",
    "Event",
    "FileOutput",
    "FilePart",
    "FileTree",
    "ImagePart",
    "Limits",
    "LoopClient",
    "LoopClientError",
    "Message",
    "ModelConnectionError",
    "ModelHTTPError",
    "ModelStreamError",
    "ModelTimeoutError",
    "PendingCall",
    "ProviderToolActivity",
    "Question",
    "ReasoningDelta",
    "ResponseMetadata",
    "RoundFinish",
    "RoundRestart",
    "RoundStart",
    "RunError",
    "RunFinish",
    "RunNotice",
    "RunResult",
    "RunStart",
    "RunSuspended",
    "SourceFound",
    "TextDelta",
    "TextPart",
    "Timeouts",
    "Tool",
    "ToolApprovalAnswered",
    "ToolApprovalRequested",
    "ToolContent",
    "ToolContext",
    "ToolDeferred",
    "ToolDefinitionError",
    "ToolError",
    "ToolInputAvailable",
    "ToolInputDelta",
    "ToolInputStart",
    "ToolOutputAvailable",
    "ToolOutputDenied",
    "ToolOutputError",
    "ToolProgress",
    "ToolSource",
    "Usage",
    "ask",
    "calculate",
    "current_time",
    "event_from_json",
    "schema_tool",
    "tool",
]
