"""A stock `useChat` page with `resume`, in a headless Chromium: it is reloaded or closed while its job goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from loop_client import LoopClient, Retry, tool
from loop_client.jobs import JobRuntime, JobSettings, job_engine
from loop_client.server import ChatService, ServiceSettings
from tests.loop_client.fake_server import WAIT, FakeServer, Turn, calls, says
from tests.loop_client.javascript import running_browser
from tests.loop_client.server.chatting import SECRET, add
from tests.loop_client.server.job_service import watched
from tests.loop_client.server.pages import built_page, page_server, use_page
from tests.loop_client.serving import serving

pytestmark = [pytest.mark.needs_browser, pytest.mark.timeout(120)]

ADD = calls(("c1", "add", '{"left": 2, "right": 3}'))
HOLD = calls(("h1", "hold", "{}"))
PICK = calls(("p1", "pick_color", '{"question": "Which?"}'))
PAY = calls(("c1", "pay", '{"euros": 12}'))


@pytest.fixture(scope="module")
def browser() -> Iterator[str]:
    with running_browser() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def script(browser: str) -> str:
    return asyncio.run(built_page())


@dataclass
class Place:
    """A service with jobs, and a page for it."""

    browser: str
    page: str
    api: str
    model: FakeServer
    held: asyncio.Event = field(default_factory=asyncio.Event)
    runs: list[str] = field(default_factory=list)
    """Names of the tools that ran, in order."""

    async def use(self, *steps: tuple[str, str]) -> dict[str, Any]:
        """Do the steps in a browser that knows nothing but the chat's name."""
        used = await use_page(self.browser, self.page, f"{self.api}/chat", *steps, chat="chat-1")
        assert used["logged"] == []
        assert used["error"] == ""
        return used

    @property
    def release(self) -> tuple[str, str]:
        """The step that lets the tool ``hold`` end."""
        return ("fetch", f"{self.api}/release")


@asynccontextmanager
async def place_for(browser: str, script: str, model: FakeServer, store: str, *turns: Turn) -> AsyncIterator[Place]:
    model.play(*turns)
    async with page_server(script) as page:
        place = Place(browser, page, "", model)

        @tool
        async def hold() -> str:
            """Work until it is let go."""
            place.runs.append("hold")
            await place.held.wait()
            return "held"

        @tool(needs_approval=True)
        def pay(euros: int) -> dict[str, int]:
            """Pay an amount."""
            place.runs.append("pay")
            return {"paid": euros}

        async def release(request: Request) -> Response:
            place.held.set()
            return PlainTextResponse("ok")

        client = LoopClient(
            base_url=model.base_url,
            model="test/model",
            tools=[add, hold, pay],
            secret=SECRET,
            retry=Retry(retries=0),
        )
        engine = job_engine(JobSettings(store=store, event_seconds=0.02), JobRuntime(client))
        settings = ServiceSettings(allow_origins=(page,), chat_jobs=True)
        service = ChatService(client, jobs=engine, settings=settings)
        app = Starlette(routes=[Route("/release", release), Mount("/", service.app())])
        async with client, service, serving(app) as place.api:
            yield place


def parts_of(used: dict[str, Any]) -> list[tuple[str, Any]]:
    """What the assistant's one message shows."""
    (message,) = [message for message in used["messages"] if message["role"] == "assistant"]
    return [(part["type"], part.get("output", part.get("text"))) for part in message["parts"]]


WHOLE = [
    ("step-start", None),
    ("tool-add", 5),
    ("step-start", None),
    ("tool-hold", "held"),
    ("step-start", None),
    ("text", "All done."),
]


@pytest.mark.parametrize("kept", ["memory", "sqlite"])
async def test_a_page_that_is_reloaded_in_the_middle_shows_the_whole_answer(
    browser: str, script: str, server: FakeServer, kept: str, tmp_path: Path
) -> None:
    store = "memory" if kept == "memory" else f"sqlite:///{tmp_path}/jobs.db"
    async with place_for(browser, script, server, store, ADD, HOLD, says("All done.")) as place:
        used = await place.use(
            ("send", "do it"),
            ("see", "add: output-available"),
            ("see", "hold: input-available"),
            ("reload", ""),
            ("see", "add: output-available"),
            ("see", "hold: input-"),
            place.release,
            ("see", "All done."),
            ("status", "ready"),
        )
    assert [message["role"] for message in used["messages"]] == ["user", "assistant"]
    assert parts_of(used) == WHOLE
    assert used["messages"][1]["metadata"]["finishReason"] == "stop"
    assert place.runs == ["hold"]
    assert len(server.requests) == 3


async def test_the_answer_is_there_for_who_comes_back_when_all_is_over(
    browser: str, script: str, server: FakeServer
) -> None:
    async with place_for(browser, script, server, "memory", ADD, HOLD, says("All done.")) as place:
        await place.use(("send", "do it"), ("see", "hold: input-available"))
        # The browser is closed; the job does not mind.
        place.held.set()
        async with httpx2.AsyncClient(base_url=place.api, timeout=WAIT) as http:
            (job,) = (await http.get("/jobs")).json()["jobs"]
            await watched(http, job["id"])
        used = await place.use(("see", "All done."), ("status", "ready"), ("reload", ""), ("see", "All done."))
    assert [message["role"] for message in used["messages"]] == ["assistant"], "shown once, also after a reload"
    assert parts_of(used) == WHOLE
    assert len(server.requests) == 3


async def test_an_approval_is_given_after_a_reload(browser: str, script: str, server: FakeServer) -> None:
    async with place_for(browser, script, server, "memory", PAY, says("Paid.")) as place:
        used = await place.use(
            ("send", "pay it"),
            ("see", "pay: approval-requested"),
            ("status", "ready"),
            ("reload", ""),
            ("see", "pay: approval-requested"),
            ("status", "ready"),
            ("click", "Approve"),
            ("see", "Paid."),
            ("status", "ready"),
            ("reload", ""),
            ("see", "Paid."),
            ("status", "ready"),
        )
    assert parts_of(used) == [
        ("step-start", None),
        ("tool-pay", {"paid": 12}),
        ("step-start", None),
        ("text", "Paid."),
    ]
    assert place.runs == ["pay"]
    assert len(server.requests) == 2


async def test_a_tool_of_the_browser_runs_once_though_the_page_comes_back(
    browser: str, script: str, server: FakeServer
) -> None:
    async with place_for(browser, script, server, "memory", PICK, HOLD, says("All done.")) as place:
        used = await place.use(
            ("send", "pick it"),
            ("see", "hold: input-available"),
            ("reload", ""),
            ("see", "pick_color: output-available"),
            place.release,
            ("see", "All done."),
            ("status", "ready"),
        )
    assert parts_of(used)[1] == ("tool-pick_color", {"color": "blue"})
    assert used["picked"] == 1
    assert used["messages"][1]["parts"][1]["input"] == {"question": "Which?"}
    assert len(server.requests) == 3
