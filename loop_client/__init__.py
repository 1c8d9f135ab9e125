"""The tool loop for a Python service: functions become tools, any OpenAI-compatible server answers."""

from __future__ import annotations

from loop_client.answers import Acknowledgement, Answer, AnswerRefused
from loop_client.callbacks import Callbacks, Step
from loop_client.client import LoopClient, ask
from loop_client.config import Config, load_config
from loop_client.content import ContentPart, FilePart, ImagePart, TextPart, ToolContent
from loop_client.context import ToolContext
from loop_client.errors import (
    ConfigurationError,
    EmptyAnswerError,
    ErrorDetail,
    HookError,
    LimitReached,
    LoopClientError,
    ModelConnectionError,
    ModelHTTPError,
    ModelStreamError,
    ModelTimeoutError,
    RunError,
    ToolDefinitionError,
    ToolError,
    ToolSourceError,
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
from loop_client.hooks import BrokenCall, Repaired, RoundPlan
from loop_client.http_tools import HttpTool, HttpTools
from loop_client.limits import Limits
from loop_client.prices import Price
from loop_client.provided_tools import provided_by
from loop_client.result import RunResult, result_of
from loop_client.retry import PATIENT, Retry
from loop_client.run_settings import Question, RunSettings
from loop_client.run_store import MemoryRunStore, RunStore
from loop_client.sqlite_store import SqliteRunStore
from loop_client.stop import StepState, after_rounds, when_called
from loop_client.tool_source import ToolSource
from loop_client.tools import Tool
from loop_client.transport import Timeouts
from loop_client.usage import Usage

__version__ = "0.1.0"

__all__ = [
    "PATIENT",
    "Acknowledgement",
    "Answer",
    "AnswerRefused",
    "AnyEvent",
    "BrokenCall",
    "Callbacks",
    "Config",
    "ConfigurationError",
    "ContentPart",
    "EmptyAnswerError",
    "ErrorDetail",
    "Event",
    "FileOutput",
    "FilePart",
    "FileTree",
    "HookError",
    "HttpTool",
    "HttpTools",
    "ImagePart",
    "LimitReached",
    "Limits",
    "LoopClient",
    "LoopClientError",
    "MemoryRunStore",
    "Message",
    "ModelConnectionError",
    "ModelHTTPError",
    "ModelStreamError",
    "ModelTimeoutError",
    "PendingCall",
    "Price",
    "ProviderToolActivity",
    "Question",
    "ReasoningDelta",
    "Repaired",
    "ResponseMetadata",
    "Retry",
    "RoundFinish",
    "RoundPlan",
    "RoundRestart",
    "RoundStart",
    "RunError",
    "RunFinish",
    "RunNotice",
    "RunResult",
    "RunSettings",
    "RunStart",
    "RunStore",
    "RunSuspended",
    "SourceFound",
    "SqliteRunStore",
    "Step",
    "StepState",
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
    "ToolSourceError",
    "Usage",
    "after_rounds",
    "ask",
    "calculate",
    "current_time",
    "event_from_json",
    "load_config",
    "provided_by",
    "result_of",
    "schema_tool",
    "tool",
    "when_called",
]
