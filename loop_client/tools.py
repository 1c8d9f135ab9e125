"""Tools: what the model is told of each, what runs when it calls one, and under which rules."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from loop_client.context import ToolContext
from loop_client.errors import ConfigurationError, ToolDefinitionError
from loop_client.jsontext import JsonObject

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds a tool may take unless it says otherwise."""
DEFAULT_MAX_RESULT_BYTES: Final = 256 * 1024
"""Bytes of a result that go to the model unless the tool says otherwise: one call must not fill the context."""

_log = logging.getLogger("loop_client")

_LEGAL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Handler: TypeAlias = Callable[[dict[str, Any], ToolContext], Awaitable[object]]
"""Does a tool's work. What it returns goes to the model: a string as it is, content parts (see ``content``) as such,
anything else as JSON text."""

NeedsApproval: TypeAlias = bool | Callable[[dict[str, Any]], bool | Awaitable[bool]]
"""Whether a call may run only if somebody approves it, or a function of its arguments that tells."""

OnInterrupted: TypeAlias = Literal["error", "retry", "ask"]

OnAnswer: TypeAlias = Callable[[ToolContext, Any, JsonObject], object]
"""Runs here when the answer to a deferred call comes, with its value and metadata; may be async."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something the model may call."""

    name: str
    """Letters, digits, ``_`` and ``-``, at most 64: what every provider accepts."""
    description: str
    parameters: JsonObject
    """JSON Schema of the arguments object."""
    read_arguments: Callable[[str], dict[str, Any]] = field(repr=False)
    """From the model's argument text to the handler's arguments; raises ``InvalidArguments``."""
    handler: Handler | None = field(repr=False)
    """Does the work; None makes the tool a deferred one, whose result comes from outside."""
    timeout: float | None = DEFAULT_TIMEOUT
    """Seconds for one attempt; None for no bound but the run's. An async handler is cancelled then; a thread cannot be
    stopped."""
    retries: int = 0
    """Further attempts after an exception or a time-out. Only of an idempotent tool; a ``ToolError`` is no reason for
    one."""
    terminal: bool = False
    """Whether the run ends with its result, without asking the model again. A failure does not end it."""
    needs_approval: NeedsApproval = False
    parallel: bool = True
    """Whether other calls may run beside it."""
    idempotent: bool = False
    """Whether running it twice does what running it once does; then it may be repeated after a failure or a crash."""
    may_repeat: bool = False
    """Whether the same call again and again is its normal use, such as looking whether something is ready."""
    max_result_bytes: int | None = DEFAULT_MAX_RESULT_BYTES
    """Bytes of the result that go to the model: text beyond it is cut, which the text says; images and files beyond it
    are an error. None for no bound."""
    on_interrupted: OnInterrupted | None = None
    """What becomes of a call that ran when its process died, in a job. ``error``: the model reads that nobody knows how
    it ended. ``retry``: it is run again, under the same idempotency key. ``ask``: somebody is asked first. None for
    ``retry`` of an idempotent tool and ``error`` of any other."""
    title: str | None = None
    """Its name for people."""
    annotations: Mapping[str, Any] = field(default_factory=dict)
    """What its author says of it, as MCP has it (``readOnlyHint``, ``destructiveHint`` …): hints, never trusted."""
    dynamic: bool = False
    """Whether it was unknown when the program was written."""
    answer_schema: JsonObject | None = None
    """Of a deferred tool: JSON Schema that the answer's value must fit."""
    read_answer: Callable[[Any], Any] | None = field(default=None, repr=False)
    """Of a deferred tool: from the answer's value to what ``on_answer`` gets; raises ``ValueError`` naming the path."""
    on_answer: OnAnswer | None = field(default=None, repr=False)
    """Of a deferred tool: what it returns or raises becomes the result instead of the answer's value."""
    provides: Callable[[Any], Iterable[Tool]] | None = field(default=None, repr=False)
    """Makes tools of the JSON value that this tool returned: they are offered from the next round on, for this run.
    Called again with the same value when a suspended run goes on; raises ``ValueError`` where the value is no such."""

    def __post_init__(self) -> None:
        """Refuse what no provider would take, and rules that contradict each other.

        Raises:
            ToolDefinitionError: the text says what is wrong.
        """
        if _LEGAL_NAME.fullmatch(self.name) is None:
            raise ToolDefinitionError(f"tool name {self.name!r}: 1 to 64 letters, digits, '_' or '-' are accepted")
        problem = _problem(self)
        if problem:
            raise ToolDefinitionError(f"tool {self.name}: {problem}")

    @property
    def is_deferred(self) -> bool:
        """Whether its results come from outside."""
        return self.handler is None

    @property
    def interrupted(self) -> OnInterrupted:
        """What becomes of a call that ran when its process died."""
        return self.on_interrupted or ("retry" if self.idempotent else "error")

    @property
    def may_suspend(self) -> bool:
        """Whether a call may have to wait for somebody outside."""
        return self.handler is None or self.needs_approval is not False

    def definition(self) -> JsonObject:
        """The tool as it stands in a request's ``tools``."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}

    async def wants_approval(self, arguments: dict[str, Any]) -> bool:
        """Whether this call needs an approval. A function that fails counts as yes."""
        if isinstance(self.needs_approval, bool):
            return self.needs_approval
        try:
            answer = self.needs_approval(arguments)
            return bool(await answer if inspect.isawaitable(answer) else answer)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the call must not run unasked
            _log.warning("tool %s: its rule for approvals failed, so it is asked for", self.name, exc_info=error)
            return True


class ToolRegistry:
    """The tools of a round by name, in the order in which they were given.

    Raises:
        ConfigurationError: two tools have the same name.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._by_name: dict[str, Tool] = {}
        for item in tools:
            if item.name in self._by_name:
                raise ConfigurationError(f"two tools are named {item.name!r}")
            self._by_name[item.name] = item
        self.definitions: tuple[JsonObject, ...] = tuple(item.definition() for item in tools)
        """What goes into the request."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All of them."""
        return tuple(self._by_name.values())

    def names(self) -> tuple[str, ...]:
        """Names of all tools."""
        return tuple(self._by_name)

    def get(self, name: str) -> Tool | None:
        """The tool of that exact name."""
        return self._by_name.get(name)


def _problem(tool: Tool) -> str | None:
    if tool.timeout is not None and not tool.timeout > 0:
        return "the timeout must be above 0 seconds"
    if tool.retries < 0 or (tool.retries and not tool.idempotent):
        return "retries must not be negative, and only an idempotent tool may be retried"
    if tool.max_result_bytes is not None and tool.max_result_bytes < 1:
        return "max_result_bytes must be at least 1"
    if tool.handler is None and (tool.needs_approval is not False or tool.retries or tool.provides):
        return "a deferred tool is answered from outside: needs_approval, retries and provides make no sense for it"
    if tool.handler is not None and (tool.answer_schema or tool.on_answer or tool.read_answer):
        return "answer_schema and on_answer are for deferred tools, which have no handler"
    return None
