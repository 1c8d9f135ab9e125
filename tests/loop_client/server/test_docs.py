"""`docs/chat-front-ends.md`, executed: the service, the page in a browser, the hooks, the file, an answer by itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from loop_client.server.alone import read_server_table
from loop_client.server.tool_results import _STATUSES as STATUSES
from tests.loop_client.fake_server import WAIT, FakeServer, calls, says
from tests.loop_client.javascript import run_script, running_browser
from tests.loop_client.server.chatting import SECRET, ask, chunks_in, of_type, text_of, user
from tests.loop_client.server.pages import built_page
from tests.loop_client.serving import serving

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "chat-front-ends.md").read_text("utf-8")
HTML = '<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="/page.js"></script>'


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def program(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Everything the page's Python defines, before the scripted model."""
    monkeypatch.setenv("LOOP_CLIENT_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "snippet"}
    for snippet in snippets("python"):
        assert "http://127.0.0.1:8080/v1" in snippet or "client" in names
        exec(snippet.replace("http://127.0.0.1:8080/v1", server.base_url), names)  # noqa: S102  # that is the test
    return names


@pytest.mark.needs_browser
async def test_the_page_talks_to_the_service(server: FakeServer, program: dict[str, Any]) -> None:
    (source,) = snippets("jsx")
    script = await built_page(source)

    async def page(request: Request) -> Response:
        return HTMLResponse(HTML)

    async def code(request: Request) -> Response:
        return Response(script, media_type="text/javascript")

    app = program["app"]
    app.router.routes += [Route("/", page), Route("/page.js", code)]
    server.play(
        calls(("c1", "find_order", '{"number": "A-1"}'), ("c2", "get_time_zone", "{}")),
        calls(("c3", "refund", '{"number": "A-1", "euros": 20}')),
        calls(("c4", "refund", '{"number": "A-1", "euros": 100}')),
        says("Paid back."),
    )
    steps = [("send", "I want my money"), ("see", "refund {"), ("click", "Approve"), ("see", "Paid back.")]
    with running_browser() as browser:
        async with program["client"], serving(app) as address:
            await run_script("drive_page.mjs", {"endpoint": browser, "page": address, "steps": steps})
    results = [message["content"] for message in server.requests[-1]["messages"] if message["role"] == "tool"]
    assert results[0] == '{"number":"A-1","paid_euros":120}'
    assert re.fullmatch(r"[A-Za-z_]+(/[A-Za-z_]+)*", results[1]), "a time zone"
    assert results[2:] == ['{"number":"A-1","refunded_euros":20}', '{"number":"A-1","refunded_euros":100}']


async def test_the_hooks_decide(server: FakeServer, program: dict[str, Any]) -> None:
    server.play(calls(("c1", "my_orders", "{}")), says("One."))
    async with (
        program["client"],
        serving(program["guarded"]) as address,
        httpx2.AsyncClient(base_url=f"{address}/ai", timeout=WAIT) as http,
    ):
        assert (await http.post("/chat", json={"messages": [user("hi")]})).status_code == 401
        http.headers["x-session"] = "session-of-ada"
        foreign = await http.post("/chat", json={"messages": [user("hi")], "workspace": "w-2"})
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "FORBIDDEN")
        assert text_of(await ask(http, user("my orders?"), workspace="w-1")) == "One."
    assert server.requests[0]["model"] == "openai/gpt-5.1"
    assert server.requests[0]["messages"][0] == {"role": "system", "content": "You work for w-1."}
    assert server.requests[1]["messages"][-1]["content"] == '["order of ada"]'
    (history,) = program["HISTORIES"].values()
    assert history[-1]["content"] == "One."


async def test_an_answer_by_itself_is_acknowledged(server: FakeServer, program: dict[str, Any]) -> None:
    server.play(calls(("c1", "refund", '{"number": "A-1", "euros": 100}')))
    async with program["client"], serving(program["app"]) as address:
        async with httpx2.AsyncClient(base_url=f"{address}/ai", timeout=WAIT) as http:
            (chunk,) = of_type(await ask(http, user("go")), "tool-input-available")
        waiting = chunk["providerMetadata"]["loopClient"]
        async with httpx2.AsyncClient(base_url=address, timeout=WAIT) as http:
            taken = await program["answer"](http, waiting["runId"], waiting["token"], "c1")
    assert taken == {"toolCallId": "c1", "toolName": "refund", "result": {"approved": True}}


def test_the_file_is_one_that_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_KEYS", "key-1")
    (text,) = snippets("toml")
    address, settings = read_server_table(tomllib.loads(text)["server"])
    assert (address.port, settings.reasoning, settings.chat_jobs) == (8090, False, True)


async def test_a_page_comes_back_to_its_job(server: FakeServer, program: dict[str, Any]) -> None:
    server.play(calls(("c1", "find_order", '{"number": "A-1"}')), says("120 euros."))
    async with (
        serving(program["lasting_app"]) as address,
        httpx2.AsyncClient(base_url=f"{address}/ai", timeout=WAIT) as http,
    ):
        assert (await http.get("/chat/chat-1/stream")).status_code == 204
        chunks = await ask(http, user("what did I pay?"))
        assert text_of(chunks_in(await http.get("/chat/chat-1/stream"))) == text_of(chunks) == "120 euros."
        run_id = of_type(chunks, "start")[0]["messageMetadata"]["runId"]
        assert text_of(chunks_in(await http.get(f"/jobs/{run_id}/ui"))) == "120 euros."
        assert (await http.post("/chat/chat-1/cancel", json={})).json()["status"] == "completed"
    listed = set(re.findall(r"^\| `(GET|POST) (/(?:chat|jobs)/[^` ]*)` \|", PAGE, re.MULTILINE))
    known = {
        (method, re.sub(r"\{\w+\}", "{id}", route.path))
        for route in program["lasting"].app().routes
        for method in route.methods - {"HEAD"}
    }
    assert listed == {item for item in known if item[1].startswith("/chat/") or item[1].endswith("/ui")}


def test_every_code_of_a_refused_answer_is_listed_under_its_status() -> None:
    listed = {
        code: int(status)
        for status, codes in re.findall(r"^\| (\d{3}) \| (.*) \|$", PAGE, re.MULTILINE)
        for code in re.findall(r"`([A-Z_]{6,})`", codes)
    }
    expected = {code: status for code, status in STATUSES.items() if code not in {"BAD_STATE", "NOT_ANSWERED"}}
    assert listed == expected | {"UNAUTHORIZED": 401}
