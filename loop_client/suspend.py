"""From a run to its suspension and back."""

from __future__ import annotations

from loop_client.call_stream import ToolCall
from loop_client.function_tool import schema_tool
from loop_client.jsontext import JsonObject
from loop_client.limits import Budget
from loop_client.repeats import Repeats
from loop_client.run_state import Resumed, Run, RunSpec, Turn
from loop_client.steps import Steps
from loop_client.suspension import Suspension
from loop_client.tools import Tool, ToolRegistry


def suspension_of(run: Run, turn: Turn) -> Suspension:
    """What has to be kept of a run whose turn waits for answers."""
    return Suspension(
        run_id=run.run_id,
        number=run.suspensions + 1,
        model=run.model,
        messages=tuple(run.messages),
        pending=tuple(turn.pending),
        outcomes=dict(turn.outcomes),
        tally=run.budget.to_json(run.steps.now())
        | {"repeats": run.repeats.to_json(), "warned": turn.warned, "limit": turn.limit},
        tool_choice=run.tool_choice,
        # One with code of its own is given anew with the answer, or there is no such tool.
        outside_tools=tuple(outside_tool_to_json(tool) for tool in run.spec.toolbox.outside if tool.on_answer is None),
        added_tools=tuple(run.added.brought),
        terminal=turn.terminal,
        text=turn.text,
        finish_reason=turn.finish_reason,
        suspended_at=run.steps.unix_time(),
        calls=tuple({"id": call.id, "name": call.name, "arguments": call.arguments_text} for call in turn.calls),
    )


def resume(spec: RunSpec, steps: Steps, resumed: Resumed) -> Run:
    """The run as it was; its tools are gathered by the loop. The limits are those of today."""
    suspension, now = resumed.suspension, steps.now()
    budget = Budget.from_json(suspension.tally, spec.limits, now)
    return Run(
        spec=spec,
        steps=steps,
        run_id=suspension.run_id,
        budget=budget,
        messages=list(suspension.messages),
        model=suspension.model,
        deadline=budget.deadline,
        tool_choice=suspension.tool_choice,
        repeats=Repeats(suspension.tally["repeats"]),
        suspensions=suspension.number,
    )


def resumed_turn(suspension: Suspension, registry: ToolRegistry) -> Turn:
    """The turn that waited."""
    return Turn(
        round=suspension.tally["rounds"],
        text=suspension.text,
        finish_reason=suspension.finish_reason,
        calls=tuple(ToolCall(item["id"], item["name"], item["arguments"]) for item in suspension.calls),
        registry=registry,
        outcomes=dict(suspension.outcomes),
        pending=list(suspension.pending),
        warned=dict(suspension.tally["warned"]),
        limit=suspension.tally.get("limit"),
        terminal=suspension.terminal,
    )


def outside_tool_to_json(tool: Tool) -> JsonObject:
    """A tool that is answered from outside, as plain data."""
    body: JsonObject = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return body | {"answer_schema": tool.answer_schema, "title": tool.title, "dynamic": tool.dynamic}


def outside_tool(body: JsonObject) -> Tool:
    """The tool that ``outside_tool_to_json`` wrote."""
    return schema_tool(
        body["name"],
        body["description"],
        body["parameters"],
        answer=body.get("answer_schema"),
        title=body.get("title"),
        dynamic=body.get("dynamic", False),
    )
