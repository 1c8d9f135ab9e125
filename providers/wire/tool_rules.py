"""What every dialect does alike with tools: a choice of none, a grammar only described, a tool that is not there."""

import re
from typing import Final

from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import FunctionTool, ProviderTool, ToolChoice
from providers.wire.json import dumps_text

_NO_TOOLS: Final = "there are no tools to choose from"


def report_without_tools(choice: ToolChoice, report: Report) -> None:
    """Say what becomes of a choice that has no tools beside it (CHOICE-07, CHOICE-08).

    Many clients always send a choice. Raises InvalidRequestError for a forced call, which cannot be had without tools.
    """
    if choice.mode == "required":
        raise InvalidRequestError(f"tool_choice: a call is required and {_NO_TOOLS}", path="tool_choice")
    if choice.mode is not None:
        report.add("tool_choice", "dropped", _NO_TOOLS, from_=choice.mode)
    if choice.parallel is not None:
        report.add("parallel_tool_calls", "dropped", _NO_TOOLS, from_=choice.parallel)


def check_is_there(tool: ProviderTool, path: str, target: Target) -> None:
    """Raise UnsupportedError naming a tool of the target's own dialect that this host does not have (SERVER-04)."""
    absent = target.profile.absent_tools
    if absent is not None and re.search(absent, tool.type):
        raise UnsupportedError(f"{path}: {target.provider} has no tool {tool.type!r}", path=path)


def described_grammar(tool: FunctionTool, path: str, report: Report) -> str | None:
    """The description of a free-text tool where its grammar can only be described (SCHEMA-20)."""
    if tool.grammar is None:
        return tool.description
    text = f"The input must follow this grammar: {dumps_text(tool.grammar)}"
    report.add(f"{path}.format", "downgraded", "the grammar is described to the model and not enforced")
    return text if tool.description is None else f"{tool.description}\n\n{text}"
