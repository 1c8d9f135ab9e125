"""The npm package's own transport and reader against the real service: no browser, no page, every chunk."""

from __future__ import annotations

from typing import Any

import pytest

from loop_client import LoopClient, Retry, ToolContext, ToolError, schema_tool, tool
from loop_client.server import ChatService
from tests.loop_client.fake_server import FakeServer, Turn, call, calls, delta, finish, says, usage
from tests.loop_client.javascript import run_script
from tests.loop_client.server.chatting import SECRET, add, user
from tests.loop_client.serving import serving

pytestmark = pytest.mark.needs_node


@tool(needs_approval=True)
def pay(euros: int) -> dict[str, int]:
    """Pay an amount."""
    return {"paid": euros}


def crash() -> None:
    """Crash."""
    raise RuntimeError("the password is hunter2")


def refuse() -> None:
    """Refuse."""
    raise ToolError("closed on Sundays")


async def slow(context: ToolContext) -> str:
    """Take some time."""
    context.report_progress(1, 2, "half", output={"so": "far"})
    return "done"


pick = schema_tool("pick", "Pick.", {"type": "object", "properties": {}})


class Reader:
    """A chat of one service, read by the AI SDK."""

    def __init__(self, api: str) -> None:
        self.api = api
        self.messages: list[dict[str, Any]] = []

    async def send(self, message: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Send the messages, with one more where one is given; the answer is kept as the last of them."""
        self.messages += [message] if message is not None else []
        read = await run_script("read_stream.mjs", {"api": self.api, "messages": self.messages, **options})
        if "refused" not in read and read.get("message"):
            continues = self.messages[-1]["role"] == "assistant"
            self.messages = [*(self.messages[:-1] if continues else self.messages), read["message"]]
        return read

    def part(self, call_id: str) -> dict[str, Any]:
        """The part of a call, to be answered in place."""
        found: dict[str, Any] = next(part for part in self.messages[-1]["parts"] if part.get("toolCallId") == call_id)
        return found


def service_before(model: FakeServer, *tools: Any) -> tuple[LoopClient, ChatService]:
    client = LoopClient(base_url=model.base_url, model="test/model", tools=tools, secret=SECRET, retry=Retry(retries=0))
    return client, ChatService(client)


async def test_the_states_of_every_kind_of_call_come_in_order(server: FakeServer) -> None:
    server.play(
        calls(
            ("ok", "add", '{"left": 2, "right": 3}'),
            ("boom", "crash", "{}"),
            ("no", "refuse", "{}"),
            ("wrong", "add", '{"left": "two"}'),
            ("none", "missing", "{}"),
            ("wait", "slow", "{}"),
        ),
        says("Done."),
    )
    client, service = service_before(server, add, crash, refuse, slow)
    async with client, serving(service.app()) as address:
        read = await Reader(f"{address}/chat").send(user("go"))
    assert read["errors"] == []
    by_call: dict[str, list[str]] = {}
    for state in read["states"]:
        call_id, _, name = state.partition(":")
        by_call.setdefault(call_id, []).append(name)
    ran = ["input-streaming", "input-available"]
    assert by_call == {
        "ok": [*ran, "output-available"],
        "boom": [*ran, "output-error"],
        "no": [*ran, "output-error"],
        "wrong": ["input-streaming", "output-error"],
        "none": ["input-streaming", "output-error"],
        "wait": [*ran, "output-available"],
    }
    texts = {part["toolCallId"]: part.get("errorText") for part in read["message"]["parts"] if "toolCallId" in part}
    assert texts["no"] == "closed on Sundays"
    assert "hunter2" not in str(read)
    assert {"output": {"so": "far"}, "preliminary": True}.items() <= next(
        chunk.items() for chunk in read["chunks"] if chunk.get("preliminary")
    )


async def test_a_chat_with_answers_a_denial_and_a_second_question(server: FakeServer) -> None:
    server.play(
        calls(("c1", "pick", "{}"), ("c2", "pay", '{"euros": 1}'), ("c3", "pay", '{"euros": 900}')),
        says("Blue, paid once."),
        says("You are welcome."),
    )
    client, service = service_before(server, pick, pay)
    async with client, serving(service.app()) as address:
        chat = Reader(f"{address}/chat")
        first = await chat.send(user("go"))
        assert [state for state in first["states"] if "streaming" not in state] == [
            "c1:input-available",
            "c2:input-available",
            "c2:approval-requested",
            "c3:input-available",
            "c3:approval-requested",
        ]
        chat.part("c1").update(state="output-available", output="blue")
        chat.part("c2").update(state="approval-responded", approval={"id": "c2", "approved": True})
        denial = {"id": "c3", "approved": False, "reason": "dear"}
        chat.part("c3").update(state="approval-responded", approval=denial)
        second = await chat.send(trigger="submit-message", messageId=chat.messages[-1]["id"])
        assert second["errors"] == []
        assert [chat.part(name)["state"] for name in ("c1", "c2", "c3")] == [
            "output-available",
            "output-available",
            "output-denied",
        ]
        assert len(chat.messages) == 2
        third = await chat.send(user("thanks", "u2"))
    assert third["message"]["parts"][-1]["text"] == "You are welcome."
    last = server.requests[-1]["messages"]
    assert [message["role"] for message in last] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "tool",
        "assistant",
        "user",
    ]
    assert last[1]["tool_calls"][1]["function"]["arguments"] == '{"euros": 1}', "as the model wrote it"
    assert [message["content"] for message in last[2:5]][:2] == ["blue", '{"paid":1}']


async def test_a_failure_in_the_middle_is_a_masked_error(server: FakeServer) -> None:
    """STREAM-14."""
    server.play(Turn((delta(role="assistant", content="Once"), b'data: {"error": {"message": "db-7 is down"}}\n\n')))
    client, service = service_before(server, add)
    async with client, serving(service.app()) as address:
        read = await Reader(f"{address}/chat").send(user("go"))
    assert len(read["errors"]) == 1
    assert "db-7" not in str(read)
    assert read["message"]["parts"][-1] == {"type": "text", "text": "Once", "state": "done"}


async def test_a_refusal_reaches_the_transport_as_one(server: FakeServer) -> None:
    client, service = service_before(server, add)
    async with client, serving(service.app()) as address:
        read = await Reader(f"{address}/chat").send(user("go"), body={"tools": [{"name": "add"}]})
    assert read["refused"]["status"] == 400
    assert "TOOL_NAME_TAKEN" in read["refused"]["body"]


async def test_sources_and_images_of_the_model_are_parts(server: FakeServer) -> None:
    citation = {"type": "url_citation", "url_citation": {"url": "https://example.com/a", "title": "A"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}
    server.play(
        Turn((delta(role="assistant", content="See A.", annotations=[citation], images=[image]), finish("stop")))
    )
    client, service = service_before(server, add)
    async with client, serving(service.app()) as address:
        read = await Reader(f"{address}/chat").send(user("go"))
    parts = {part["type"]: part for part in read["message"]["parts"]}
    assert (parts["source-url"]["url"], parts["source-url"]["title"]) == ("https://example.com/a", "A")
    assert parts["file"]["url"] == "data:image/png;base64,eA=="


async def test_a_repeated_model_call_leaves_no_half_a_step(server: FakeServer) -> None:
    broken = Turn((delta(role="assistant", content="Hal"), call(0, "c1", "add", '{"left"')), ending="break")
    server.play(broken, Turn((delta(role="assistant", content="Hello."), finish("stop"), usage(1, 1))))
    client = LoopClient(base_url=server.base_url, model="test/model", tools=[add], retry=Retry(retries=1, first_wait=0))
    async with client, serving(ChatService(client).app()) as address:
        read = await Reader(f"{address}/chat").send(user("go"))
    assert read["errors"] == []
    assert {"type": "reset-step"} in read["chunks"]
    assert [(part["type"], part.get("text")) for part in read["message"]["parts"]] == [
        ("step-start", None),
        ("text", "Hello."),
    ]
