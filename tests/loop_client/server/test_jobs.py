"""The paths of jobs over a socket: start, look, watch, answer, cancel, do again, and who may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loop_client.jobs import StoreUnavailable
from loop_client.server import ServiceSettings, within_profile
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.stage import Stage, script
from tests.loop_client.server.chatting import user
from tests.loop_client.server.job_service import asked, job_service, start, until, watched

ADD = ["c1", "add", {"a": 2, "b": 3}]
HOLD = ["c1", "hold", {}]
ASK = ["c1", "ask_user", {"question": "Which?"}]
PAY = ["c1", "pay", {"euros": 200}]

CHANGING = [("cancel", {}), ("retry", {}), ("tool-results", {"call_id": "c1", "value": "x"})]


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_a_job_is_started_watched_to_its_end_and_looked_at(stage: Stage) -> None:
    async with job_service(stage) as served:
        response = await served.http.post("/jobs", json=asked(script([ADD]), metadata={"ticket": 7}))
        assert response.status_code == 201
        body = response.json()
        assert response.headers["location"] == f"/jobs/{body['id']}"
        assert (body["owner"], body["metadata"]) == ("ada", {"ticket": 7})
        assert body["status"] in {"queued", "running"}
        seen = await watched(served.http, body["id"])
        assert [event.id for event in seen] == list(range(len(seen)))
        assert [event.name for event in seen] == ["message"] * (len(seen) - 1) + ["end"]
        assert seen[-1].data["data"]["status"] == "completed"
        types = [event.data["type"] for event in seen]
        assert (
            types.index("tool-input-available") < types.index("job-call-start") < types.index("tool-output-available")
        )
        job = (await served.http.get(response.headers["location"])).json()
    assert (job["status"], job["finish_reason"], job["text"]) == ("completed", "stop", "words of round 2")
    assert job["active_calls"] == []
    (call,) = job["rounds"][0]["calls"]
    assert (call["state"], call["output"], call["attempt"]) == ("completed", "5", 1)
    assert call["started_at"] <= call["finished_at"]
    assert job["usage"]["total_tokens"] > 0
    assert [message["role"] for message in job["messages"]] == ["user", "assistant", "tool", "assistant"]


async def test_a_key_gives_the_same_job_however_often_it_is_asked_for(stage: Stage) -> None:
    async with job_service(stage) as served:
        headers = {"idempotency-key": "order 7"}
        first = await served.http.post("/jobs", json=asked(script([ADD])), headers=headers)
        again = await served.http.post("/jobs", json=asked(script([ADD])), headers=headers)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["id"] == again.json()["id"]
        assert first.headers["location"] == again.headers["location"]
        other = await served.http.post("/jobs", json=asked(script()), headers=headers)
        assert (other.status_code, other.json()["error"]["code"]) == (409, "JOB_CONFLICT")
        bobs = await served.http.post("/jobs", json=asked(script([ADD])), headers={**headers, "x-owner": "bob"})
        assert bobs.status_code == 201
        assert bobs.json()["id"] != first.json()["id"]
        await watched(served.http, first.json()["id"])
    assert len(stage.account.starts) == 2


async def test_lists_are_of_the_owner_by_status_and_in_pages(stage: Stage) -> None:
    async with job_service(stage) as served:
        done = [await start(served.http, script([ADD])) for _ in range(3)]
        for job_id in done:
            await watched(served.http, job_id)
        waiting = await start(served.http, script([ASK]))
        await until(served.http, waiting, "tool-deferred")
        listed = (await served.http.get("/jobs")).json()
        assert [job["id"] for job in listed["jobs"]] == [waiting, *reversed(done)]
        assert "next" not in listed
        assert all(job.keys().isdisjoint({"rounds", "messages"}) for job in listed["jobs"])
        only = (await served.http.get("/jobs", params={"status": "waiting"})).json()["jobs"]
        assert [job["id"] for job in only] == [waiting]
        first = (await served.http.get("/jobs", params={"limit": 2})).json()
        second = (await served.http.get("/jobs", params={"limit": 2, "before": first["next"]})).json()
        assert [job["id"] for job in first["jobs"] + second["jobs"]] == [waiting, *reversed(done)]
        assert (await served.http.get("/jobs", headers={"x-owner": "bob"})).json() == {"jobs": []}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "messages: at least one"),
        ({"messages": []}, "messages: at least one"),
        ({"messages": "hi"}, "messages: a list"),
        ({"messages": ["hi"]}, "messages[0]: an object"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role: one of"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content: a string"),
        (asked("hi", mesages=1), "mesages: there is no such member"),
        (asked("hi", profile="none"), "profile: there is none named"),
        (asked("hi", tools=["none"]), "there is no tool none"),
        (asked("hi", tools="add"), "tools: a list of strings"),
        (asked("hi", limits=7), "limits: an object"),
        (asked("hi", limits={"max_rounds": 0}), "max_rounds"),
        (asked("hi", credentials={"github": "ghp_0123456789"}), "credentials.github: a reference"),
        (asked("hi", outside_tools=[{"name": "pick"}]), "outside_tools[0].description: a string"),
        (asked("hi", outside_tools=[{"name": "pick", "description": "", "parameters": []}]), "parameters: an object"),
    ],
)
async def test_what_cannot_be_a_job_is_refused_with_the_place(stage: Stage, body: dict[str, Any], text: str) -> None:
    async with job_service(stage) as served:
        response = await served.http.post("/jobs", json=body)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "INVALID_JOB")
        assert text in response.json()["error"]["message"]
        assert "ghp_" not in response.text
        assert (await served.http.get("/jobs")).json() == {"jobs": []}


async def test_bodies_and_queries_that_make_no_sense_are_refused(stage: Stage) -> None:
    async with job_service(stage, settings=ServiceSettings(max_body_bytes=2000)) as served:
        http = served.http
        assert (await http.post("/jobs", content=b"{}", headers={"content-type": "text/plain"})).status_code == 415
        assert (await http.post("/jobs", json=asked("x" * 3000))).status_code == 413
        empty_key = await http.post("/jobs", json=asked(script()), headers={"idempotency-key": ""})
        assert empty_key.status_code == 400
        for query in ("status=done", "limit=0", "limit=201", "limit=1e2", "limit=-1"):
            response = await http.get(f"/jobs?{query}")
            assert response.status_code == 400, query
            assert query.partition("=")[0] in response.json()["error"]["message"]
        assert (await http.get("/jobs?before=job_none")).status_code == 404
        job_id = await start(http, script())
        for position in ("-1", "x", "1.5", "9" * 30):
            wrong = await http.get(f"/jobs/{job_id}/events", headers={"last-event-id": position})
            assert wrong.status_code == 400, position
        wrong = await http.post(f"/jobs/{job_id}/cancel", json={"now": True})
        assert "now: there is no such member" in wrong.json()["error"]["message"]
        wrong = await http.post(f"/jobs/{job_id}/retry", json={"from_round": "1"})
        assert "from_round: the number of a round" in wrong.json()["error"]["message"]


async def test_a_job_of_somebody_else_is_not_there(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script([ASK]))
        await until(served.http, job_id, "tool-deferred")
        before = (await served.http.get(f"/jobs/{job_id}")).json()
        bob = {"x-owner": "bob"}
        for method, path, body in [
            ("GET", "", None),
            ("GET", "/events", None),
            *(("POST", f"/{name}", body) for name, body in CHANGING),
        ]:
            his = await served.http.request(method, f"/jobs/{job_id}{path}", json=body, headers=bob)
            none = await served.http.request(method, f"/jobs/job_none{path}", json=body, headers=bob)
            assert (his.status_code, none.status_code) == (404, 404), path
            assert his.content == none.content, "nobody is told which of the two it is"
            assert his.json()["error"]["code"] == "JOB_NOT_FOUND"
        assert (await served.http.get("/jobs", params={"before": job_id}, headers=bob)).status_code == 404
        assert (await served.http.get(f"/jobs/{job_id}")).json() == before


async def test_an_answer_from_outside_is_taken_once_and_from_its_owner_only(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script([ASK, ["c2", "ask_user", {}]]))
        await until(served.http, job_id, "tool-deferred")
        path = f"/jobs/{job_id}/tool-results"
        job = (await served.http.get(f"/jobs/{job_id}")).json()
        assert job["status"] == "waiting"
        assert {call["call_id"]: call["kind"] for call in job["active_calls"]} == {"c1": "answer", "c2": "answer"}

        async def refused(body: dict[str, Any]) -> tuple[int, str]:
            response = await served.http.post(path, json=body)
            return response.status_code, response.json()["error"]["code"]

        assert await refused({"call_id": "c1", "value": 7}) == (400, "INVALID_TOOL_RESULT")
        assert await refused({"call_id": "c1"}) == (400, "INVALID_TOOL_RESULT")
        assert await refused({"call_id": "c1", "value": "x", "error": "y"}) == (400, "INVALID_TOOL_RESULT")
        assert await refused({"answers": [{"call_id": "c1", "value": "x"}, {}]}) == (400, "INVALID_TOOL_RESULT")
        assert await refused({"call_id": "c1", "approved": True}) == (400, "INVALID_TOOL_RESULT")
        assert await refused({"call_id": "c9", "value": "x"}) == (404, "UNKNOWN_CALL")
        altered = {"call_id": "c1", "value": "x", "arguments_text": '{"question": "Really?"}'}
        assert await refused(altered) == (409, "ANSWER_CONFLICT")
        assert await refused({"call_id": "c1", "value": "x", "token": "forged"}) == (409, "ANSWER_CONFLICT")

        response = await served.http.post(path, json={"call_id": "c1", "value": "the blue one"})
        assert (response.status_code, response.json()) == (
            200,
            {"job_id": job_id, "answered": ["c1"], "waiting": ["c2"]},
        )
        assert await refused({"call_id": "c1", "value": "the red one"}) == (409, "ANSWER_CONFLICT")
        assert (await served.http.post(path, json={"call_id": "c2", "error": "asleep"})).status_code == 200
        await watched(served.http, job_id)
        assert await refused({"call_id": "c2", "value": "awake"}) == (409, "ANSWER_CONFLICT")
        job = (await served.http.get(f"/jobs/{job_id}")).json()
    assert job["status"] == "completed"
    assert [call.get("output") for call in job["rounds"][0]["calls"]] == ["the blue one", None]
    assert job["rounds"][0]["calls"][1]["error_text"] == "asleep"


async def test_several_answers_of_one_request_are_taken_together(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script([PAY, ["c2", "pay", {"euros": 300}]]))
        await until(served.http, job_id, "tool-approval-requested")
        answers = [{"call_id": "c1", "approved": True}, {"call_id": "c2", "approved": False, "reason": "too much"}]
        path = f"/jobs/{job_id}/tool-results"
        wrong = await served.http.post(path, json={"answers": [*answers, {"call_id": "c3", "approved": True}]})
        assert wrong.status_code == 404
        response = await served.http.post(path, json={"answers": answers})
        assert response.json() == {"job_id": job_id, "answered": ["c1", "c2"], "waiting": []}
        await watched(served.http, job_id)
        job = (await served.http.get(f"/jobs/{job_id}")).json()
    assert [call["state"] for call in job["rounds"][0]["calls"]] == ["completed", "error"]
    assert sum(stage.account.starts.values()) == 1


async def test_cancelling_stops_a_running_handler_and_ends_the_stream(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script([HOLD]))
        await until(served.http, job_id, "job-call-start")
        watching = asyncio.create_task(watched(served.http, job_id))
        response = await served.http.post(f"/jobs/{job_id}/cancel", json={})
        assert (response.status_code, response.json()["status"]) == (200, "cancelled")
        async with asyncio.timeout(WAIT):
            seen = await watching
            await stage.account.was_cancelled.wait()
        assert seen[-1].name == "end"
        assert seen[-1].data["data"]["status"] == "cancelled"
        again = await served.http.post(f"/jobs/{job_id}/cancel", json={})
        assert (again.status_code, again.json()["status"]) == (200, "cancelled")
        job = (await served.http.get(f"/jobs/{job_id}")).json()
        assert job["rounds"][0]["calls"][0]["state"] == "interrupted"


async def test_a_job_that_is_over_can_be_done_again_from_a_round(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script([ADD], [["c2", "add", {}]]))
        await watched(served.http, job_id)
        refused = await served.http.post(f"/jobs/{job_id}/retry", json={})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "JOB_CONFLICT")
        response = await served.http.post(f"/jobs/{job_id}/retry", json={"from_round": 2})
        again = response.json()
        assert (response.status_code, again["retry_of"], again["attempt"]) == (201, job_id, 2)
        assert response.headers["location"] == f"/jobs/{again['id']}"
        await watched(served.http, again["id"])
        job = (await served.http.get(f"/jobs/{again['id']}")).json()
        assert job["status"] == "completed"
        assert [item["calls"][0]["call_id"] for item in job["rounds"][:2]] == ["c1", "c2"]
    assert sum(stage.account.starts.values()) == 3, "what was recorded before the round is not run again"


async def test_a_full_queue_says_when_to_come_again(stage: Stage) -> None:
    async with job_service(stage, jobs={"concurrency": 1, "queue_length": 1}) as served:
        running = await start(served.http, script([HOLD]))
        await until(served.http, running, "job-call-start")
        await start(served.http, script())
        response = await served.http.post("/jobs", json=asked(script()))
        assert (response.status_code, response.json()["error"]["code"]) == (429, "QUEUE_FULL")
        assert int(response.headers["retry-after"]) > 0


async def test_a_store_that_is_away_says_when_to_come_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the jobs cannot be reached now; try again later")

    async with job_service(stage, settings=ServiceSettings(chat_jobs=True)) as served:
        for name in ("start", "get", "list", "is_over"):
            monkeypatch.setattr(served.engine, name, away)
        chat = {"id": "chat-1", "messages": [user(script())]}
        for method, path, body in [
            ("POST", "/jobs", asked(script())),
            ("GET", "/jobs", None),
            ("GET", "/jobs/job_1/events", None),
            ("GET", "/jobs/job_1/ui", None),
            ("GET", "/chat/chat-1/stream", None),
            ("POST", "/chat", chat),
        ]:
            response = await served.http.request(method, path, json=body)
            assert (response.status_code, response.json()["error"]["code"]) == (503, "STORE_UNAVAILABLE"), path
            assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "members",
    [
        {"model": "dear/model"},
        {"system": "You obey."},
        {"limits": {"max_rounds": 1000}},
        {"options": {"n": 8}},
        {"credentials": {"github": "vault:github/bob"}},
        {"messages": [{"role": "system", "content": "You obey."}, {"role": "user", "content": "[]"}]},
    ],
)
async def test_a_service_for_browsers_decides_itself_what_a_job_may_cost(stage: Stage, members: dict[str, Any]) -> None:
    async with job_service(stage, prepare_job=within_profile) as served:
        response = await served.http.post("/jobs", json=asked(script()) | members)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "FORBIDDEN")
        assert next(iter(members)) in response.json()["error"]["message"]
        chosen = await served.http.post("/jobs", json=asked(script([ADD]), tools=["add"], metadata={"a": 1}))
        assert chosen.status_code == 201


async def test_tools_of_the_caller_are_answered_by_it_or_not_taken(stage: Stage) -> None:
    tool = {"name": "pick", "description": "Let the user pick.", "parameters": {"type": "object", "properties": {}}}
    body = asked(script([["c1", "pick", {}]]), outside_tools=[tool])
    async with job_service(stage) as served:
        job_id = (await served.http.post("/jobs", json=body)).json()["id"]
        await until(served.http, job_id, "tool-deferred")
        await served.http.post(f"/jobs/{job_id}/tool-results", json={"call_id": "c1", "value": {"color": "blue"}})
        await watched(served.http, job_id)
        assert (await served.http.get(f"/jobs/{job_id}")).json()["status"] == "completed"
    async with job_service(stage, settings=ServiceSettings(client_tools=False)) as served:
        refused = await served.http.post("/jobs", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "CLIENT_TOOLS_OFF")


async def test_who_is_known_without_an_owner_gets_no_jobs(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def by_user(request: object) -> dict[str, str]:
        return {"user": "ada"}

    async with job_service(stage, authenticate=by_user) as served:
        response = await served.http.post("/jobs", json=asked(script()))
        assert (response.status_code, response.json()["error"]["code"]) == (500, "INTERNAL")
    assert "jobs need an owner" in caplog.text
    async with job_service(stage, authenticate=by_user, owner=lambda values: values["user"]) as served:
        assert (await served.http.post("/jobs", json=asked(script()))).json()["owner"] == "ada"
