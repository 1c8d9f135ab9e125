"""The tools that a request offers, as far as a verdict needs to know them."""

from collections.abc import Callable
from typing import Protocol

from providers.spec.dialect import PlainRequest
from providers.spec.request import FunctionTool, Request, ToolChoice
from router.verdicts.free_text import free_text_names
from router.verdicts.schemas import KnownTool, known_tool, tool_of_text


class Offer(Protocol):
    """What is asked of a request's tools."""

    @property
    def request(self) -> Request:
        """The whole of it, for whom this is not enough."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tools that the client runs, in order."""
        ...

    @property
    def free_text(self) -> frozenset[str]:
        """Names of the free-text tools."""
        ...

    @property
    def choice(self) -> ToolChoice | None:
        """Which tools may or must be called."""
        ...

    def tool(self, name: str) -> KnownTool | None:
        """The tool of this name, or ``None``."""
        ...


class RequestOffer:
    """The offer of a canonical request."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.names = tuple([tool.name for tool in request.tools or () if isinstance(tool, FunctionTool)])
        self.free_text = free_text_names(request)
        self.choice = request.tool_choice

    def tool(self, name: str) -> KnownTool | None:
        """The tool of this name, or ``None``."""
        return known_tool(self.request, name)


class PlainOffer:
    """The offer of a request that was read plainly; ``whole`` makes the canonical one."""

    free_text: frozenset[str] = frozenset()

    def __init__(self, plain: PlainRequest, whole: Callable[[], Request]) -> None:
        self._plain = plain
        self._whole = whole
        self.names = plain.tool_names
        self.choice = plain.tool_choice

    @property
    def request(self) -> Request:
        """The canonical request."""
        return self._whole()

    def tool(self, name: str) -> KnownTool | None:
        """The tool of this name, or ``None``. Its schema is known by its bytes."""
        if name not in self.names:
            return None
        text = self._plain.schema_text(name)
        return KnownTool() if text is None else tool_of_text(text)
