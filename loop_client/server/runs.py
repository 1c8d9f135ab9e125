"""From a request to the events of a run: begins it, or takes the answers a browser brought and goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from loop_client.answers import NO_VALUE, Acknowledgement, Answer, AnswerRefused
from loop_client.client import LoopClient
from loop_client.events import AnyEvent, Message
from loop_client.server.chat_request import ChatRequest
from loop_client.server.client_tools import read_client_tools
from loop_client.server.hooks import Prepare, Prepared
from loop_client.server.problems import InvalidRequest
from loop_client.server.tool_results import refusal
from loop_client.tools import Tool
from loop_client.ui import BroughtAnswer

Events: TypeAlias = AsyncGenerator[AnyEvent, None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the hook and the browser ask for, put together."""

    prepared: Prepared
    tools: tuple[Tool, ...]
    values: Mapping[str, Any] = field(repr=False)


class Runs:
    """The runs of one client, each prepared by the service's hook."""

    def __init__(self, client: LoopClient, prepare: Prepare, *, client_tools: bool) -> None:
        self._client = client
        self._prepare = prepare
        self._client_tools = client_tools

    async def plan(self, asked: ChatRequest) -> Plan:
        """What the hook and the browser ask for.

        Raises:
            Problem: the request is refused.
        """
        prepared = await self._prepare(asked)
        tools = (*prepared.tools, *self._tools_of_browser(asked, prepared))
        return Plan(prepared, tools, {**asked.values, **prepared.values})

    async def begin(self, asked: ChatRequest, plan: Plan) -> Events | None:
        """The events of what a chat request asks for; None where the run it answers still waits for other answers.

        Raises:
            Problem: the request or an answer in it is refused.
        """
        answers = asked.conversation.answers
        if answers:
            return await self._take_all(answers, plan)
        prepared = plan.prepared
        return self._client.stream(
            self.history(asked, prepared),
            model=prepared.model,
            tools=plan.tools,
            tool_choice=prepared.tool_choice,
            limits=prepared.limits,
            options=prepared.options,
            values=plan.values,
        )

    async def take(self, run_id: str, answer: Answer, plan: Plan) -> Acknowledgement:
        """Take one answer to a waiting call.

        Raises:
            Problem: it is refused.
        """
        try:
            return await self._client.answer(run_id, answer, tools=plan.tools, values=plan.values)
        except AnswerRefused as refused:
            raise refusal(refused) from None

    async def _take_all(self, answers: tuple[BroughtAnswer, ...], plan: Plan) -> Events | None:
        (run_id, *others) = {answer.run_id for answer in answers}
        if others:
            raise InvalidRequest("messages: the last step answers more than one run", "INVALID_TOOL_RESULT")
        for brought in answers:
            try:
                await self._client.answer(run_id, _answer(brought), tools=plan.tools, values=plan.values)
            except AnswerRefused as refused:
                # A front end that sent its answer to `/runs/…/tool-results` shows it in its messages, too. The first
                # one counts; going on is refused below if the run went on.
                if refused.code != "ALREADY_ANSWERED":
                    raise refusal(refused) from None
        return await self.go_on(run_id, plan)

    async def go_on(self, run_id: str, plan: Plan) -> Events | None:
        """The events of a run that goes on; None where it still waits for answers.

        Raises:
            Problem: there is no such run, or somebody else went on with it.
        """
        prepared = plan.prepared
        try:
            return await self._client.resume(
                run_id, tools=plan.tools, limits=prepared.limits, options=prepared.options, values=plan.values
            )
        except AnswerRefused as refused:
            if refused.code == "NOT_ANSWERED":
                return None
            raise refusal(refused) from None

    def _tools_of_browser(self, asked: ChatRequest, prepared: Prepared) -> tuple[Tool, ...]:
        taken = {tool.name for tool in (*self._client.tools, *prepared.tools)}
        tools = read_client_tools(asked.client_tools, taken)
        if tools and not self._client_tools:
            raise InvalidRequest("tools: this service takes no tools of the browser", "CLIENT_TOOLS_OFF")
        if tools and not self._client.can_suspend:
            # Said to whoever builds the page, who may be the one who can mend it.
            raise InvalidRequest("tools: this service has no secret, so no call can wait here", "CLIENT_TOOLS_OFF")
        return tools

    def history(self, asked: ChatRequest, prepared: Prepared) -> list[Message]:
        """The history to go on from, with the system prompt before it."""
        messages = list(asked.conversation.messages if prepared.messages is None else prepared.messages)
        system = self._client.system if prepared.system is None else prepared.system
        if system and not (messages and messages[0].get("role") == "system"):
            messages.insert(0, {"role": "system", "content": system})
        return messages


def _answer(brought: BroughtAnswer) -> Answer:
    return Answer(
        call_id=brought.call_id,
        token=brought.token,
        value=brought.value if brought.outcome == "value" else NO_VALUE,
        error=brought.text if brought.outcome == "error" else None,
        approved=brought.outcome == "approved" if brought.outcome in {"approved", "denied"} else None,
        reason=brought.text if brought.outcome in {"approved", "denied"} else None,
        tool_name=brought.tool_name,
    )
