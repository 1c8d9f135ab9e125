"""A stock `useChat` page in a headless Chromium against the service, from another origin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from loop_client import Limits, LoopClient, Retry, tool
from loop_client.server import ChatService, ServiceSettings
from tests.loop_client.fake_server import FakeServer, Turn, calls, delta, says
from tests.loop_client.javascript import running_browser
from tests.loop_client.server.chatting import SECRET, add
from tests.loop_client.server.pages import built_page, page_server, use_page
from tests.loop_client.serving import serving

pytestmark = pytest.mark.needs_browser

paid: list[int] = []


@tool(needs_approval=True)
def pay(euros: int) -> dict[str, int]:
    """Pay an amount."""
    paid.append(euros)
    return {"paid": euros}


@pytest.fixture(scope="module")
def browser() -> Iterator[str]:
    """One browser for all tests here: starting one takes longer than most of them."""
    with running_browser() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def script(browser: str) -> str:
    """The page, built once."""
    return asyncio.run(built_page())


@dataclass
class Page:
    """The page, and the model behind the service it is to use."""

    browser: str
    address: str
    model: FakeServer

    async def use(self, *steps: tuple[str, str], tools: Sequence[Any] = (add, pay), **settings: Any) -> dict[str, Any]:
        """Do the steps before a service with these tools; the page must not throw."""
        client = LoopClient(
            base_url=self.model.base_url,
            model="test/model",
            tools=tools,
            secret=SECRET,
            retry=Retry(retries=0),
            **settings,
        )
        service = ChatService(client, settings=ServiceSettings(allow_origins=(self.address,)))
        async with client, serving(service.app()) as api:
            used = await use_page(self.browser, self.address, f"{api}/chat", *steps)
        assert used["logged"] == []
        return used


@pytest.fixture
async def page(browser: str, script: str, server: FakeServer) -> AsyncIterator[Page]:
    """A page of its own for each test."""
    paid.clear()
    async with page_server(script) as address:
        yield Page(browser, address, server)


def results_in(request: dict[str, Any]) -> list[str]:
    return [message["content"] for message in request["messages"] if message["role"] == "tool"]


async def test_a_server_tool_and_a_client_tool_of_one_turn_are_both_answered(server: FakeServer, page: Page) -> None:
    server.play(
        calls(("c1", "pick_color", '{"question": "Which?"}'), ("c2", "add", '{"left": 2, "right": 3}')),
        says("Five blue ones."),
    )
    used = await page.use(("send", "how many of which?"), ("see", "Five blue ones."), ("status", "ready"))
    assert used["error"] == ""
    assert [message["role"] for message in used["messages"]] == ["user", "assistant"], "it goes on in one message"
    parts = used["messages"][1]["parts"]
    assert [(part["type"], part.get("output")) for part in parts] == [
        ("step-start", None),
        ("tool-pick_color", {"color": "blue"}),
        ("tool-add", 5),
        ("step-start", None),
        ("text", None),
    ]
    first, second = server.requests
    assert {item["function"]["name"] for item in first["tools"]} == {"add", "pay", "pick_color"}
    assert results_in(second) == ['{"color":"blue"}', "5"]


async def test_an_approved_call_runs_once_and_the_answer_follows(server: FakeServer, page: Page) -> None:
    server.play(calls(("c1", "pay", '{"euros": 12}')), says("Paid."))
    used = await page.use(("send", "pay it"), ("click", "Approve"), ("see", "Paid."), ("status", "ready"))
    assert used["error"] == ""
    assert paid == [12]
    assert used["seen"][-3:] == ["pay:approval-requested", "pay:approval-responded", "pay:output-available"]
    assert results_in(server.requests[1]) == ['{"paid":12}']
    assert len(server.requests) == 2


async def test_a_denied_call_does_not_run_and_the_model_reads_why(server: FakeServer, page: Page) -> None:
    server.play(calls(("c1", "pay", '{"euros": 900}')), says("Then not."))
    used = await page.use(("send", "pay it"), ("click", "Deny"), ("see", "Then not."), ("status", "ready"))
    assert used["error"] == ""
    assert paid == []
    assert used["seen"][-1] == "pay:output-denied"
    (result,) = results_in(server.requests[1])
    assert "too expensive" in result


async def test_two_suspensions_in_one_message(server: FakeServer, page: Page) -> None:
    server.play(
        calls(("c1", "pay", '{"euros": 1}')),
        calls(("c2", "pick_color", "{}")),
        calls(("c3", "pay", '{"euros": 2}')),
        says("All done."),
    )
    used = await page.use(
        ("send", "pay twice"),
        ("click", "Approve"),
        ("see", "pay: approval-requested"),
        ("click", "Approve"),
        ("see", "All done."),
        ("status", "ready"),
    )
    assert used["error"] == ""
    assert paid == [1, 2]
    assert [message["role"] for message in used["messages"]] == ["user", "assistant"]


async def test_a_limit_is_not_escaped_by_the_page_going_on_by_itself(server: FakeServer, page: Page) -> None:
    """LOOP-03: every call of the last step is answered, which is when `useChat` sends again."""
    server.play(then=calls(("c", "add", '{"left": 1, "right": 1}')))
    steps = (("send", "loop"), ("see", "add: output-error"), ("status", "ready"))
    used = await page.use(*steps, limits=Limits(max_rounds=2))
    assert used["messages"][-1]["metadata"]["finishReason"] == "max_rounds"
    assert len(server.requests) == 2


async def test_a_run_that_ends_with_an_approved_call_is_over(server: FakeServer, page: Page) -> None:
    server.play(calls(("c1", "order", "{}")))
    order = tool(lambda: "ordered", name="order", description="Order.", needs_approval=True, terminal=True)
    steps = (("send", "order"), ("click", "Approve"), ("see", "order: output-available"), ("status", "ready"))
    used = await page.use(*steps, tools=[order])
    assert used["error"] == ""
    assert used["messages"][-1]["metadata"]["finishReason"] == "terminal_tool"
    assert len(server.requests) == 1


async def test_an_error_is_shown_masked(server: FakeServer, page: Page) -> None:
    server.play(Turn(status=500, body={"error": {"message": "db-7.internal: out of disk"}}))
    used = await page.use(("send", "hi"), ("status", "error"))
    assert used["error"].startswith("The answer could not be completed")
    assert "db-7" not in str(used)


async def test_the_user_may_stop_and_ask_again(server: FakeServer, page: Page) -> None:
    server.play(Turn((delta(role="assistant", content="Once upon"),), ending="hang"), says("Short."))
    used = await page.use(
        ("send", "a story"),
        ("see", "Once upon"),
        ("click", "Stop"),
        ("status", "ready"),
        ("send", "a short one"),
        ("see", "Short."),
        ("status", "ready"),
    )
    assert used["error"] == ""
    assert server.client_left.is_set()
