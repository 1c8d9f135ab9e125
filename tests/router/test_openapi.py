"""The OpenAPI document is true: it is valid, every path has its schemas, and every example is what the service does."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from fastapi.openapi.models import OpenAPI
from fastapi.routing import APIRoute

from router.app import _paths, create_app
from router.config import Config, load_config
from router.documentation.page import rendered
from router.paths import PATHS
from tests.e2e.conversation import TOOLS
from tests.e2e.service import client, router_before, router_service
from tests.e2e.test_bad_requests import USER, WRONG_TEXT
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.gemini import Gemini
from tests.fakes.openai_chat import OpenAIChat

ALIAS = '[aliases]\nfast = "scripted/demo"\n'
DRAFT = "https://json-schema.org/draft/2020-12/schema"
QUESTION = {"role": "user", "content": "How warm is it in Paris and Rome?"}
POSTS = ["/v1/chat/completions", "/v1/ai/run"]
ASKING = [
    *POSTS,
    "/v1/messages",
    "/v1/responses",
    "/v1/models/{call}",
    "/v1beta/models/{call}",
    "/explain/v1/chat/completions",
    "/explain/v1/messages",
    "/explain/v1/responses",
    "/explain/v1/models/{call}",
    "/explain/v1beta/models/{call}",
]
"""What asks a provider, or tells what would be asked."""
COUNT = "/v1/messages/count_tokens"
"""Which the scripted provider cannot answer."""


@cache
def document() -> dict[str, Any]:
    """The document, as JSON has it."""
    loaded: dict[str, Any] = json.loads(json.dumps(create_app(Config()).openapi()))
    return loaded


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of each."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def contents() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where, media type, and what is said of it: each body of a request or of an answer."""
    for method, path, operation in operations():
        bodies = {"request": operation["requestBody"]} if "requestBody" in operation else {}
        for name, body in {**bodies, **operation["responses"]}.items():
            for media_type, content in body["content"].items():
                yield f"{method} {path} {name}", media_type, content


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """What does not fit, by a real validator."""
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document()["components"],
        **schema,
    }
    return [error.message for error in jsonschema_rs.validator_for(whole).iter_errors(value)]


def component(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


# ---- the document


def test_it_is_an_openapi_document() -> None:
    assert document()["openapi"].startswith("3.1.")
    OpenAPI.model_validate(document())
    for schema in document()["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": DRAFT, **schema})


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    text = json.dumps(document())
    referred = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert referred == set(document()["components"]["schemas"])


def test_every_route_of_the_application_is_in_it() -> None:
    shown = {(method.upper(), path) for method, path, _ in operations()}
    served = {(method, plain(route.path)) for route in routes() for method in route.methods or ()}
    assert served - shown == {("GET", "/docs")}
    assert shown == {("POST", path) for path in ASKING} | {
        ("POST", COUNT), ("GET", "/v1/providers"), ("GET", "/v1/models"),
        ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
    }  # fmt: skip


def test_what_wants_a_key_says_so_and_declares_it() -> None:
    """Keys are declared by each path; a path without the declaration is seen here to be open."""
    keyed = {path for _, path, operation in operations() if "security" in operation}
    assert keyed == {*ASKING, COUNT, "/v1/models", "/v1/providers"}
    declared = {plain(entry.path) for entry in PATHS if entry.keyed}
    assert declared == keyed
    schemes = document()["components"]["securitySchemes"]
    for _, path, operation in operations():
        for choice in operation.get("security", []):
            assert choice.keys() <= schemes.keys(), path


def plain(path: str) -> str:
    """A route's path as the document has it."""
    return path.replace(":path}", "}")


def routes() -> list[APIRoute]:
    """The application's own, however FastAPI nests them."""
    return [route for route in _paths.routes if isinstance(route, APIRoute)]


def test_every_body_has_a_schema_and_examples_that_fit() -> None:
    seen = 0
    for where, media_type, content in contents():
        assert content["schema"], where
        assert content["examples"], where
        for example in content["examples"].values():
            seen += 1
            assert faults(content["schema"], example["value"]) == [], where
            assert media_type in {"text/event-stream", "text/plain"} or isinstance(example["value"], dict), where
    assert seen > 30


def test_every_answer_of_an_operation_is_described() -> None:
    for method, path, operation in operations():
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["operationId"], path
        if method == "post":
            assert {"200", "400", "401", "404", "413", "415", "422", "429", "500", "502", "503", "504"} <= set(
                operation["responses"]
            )


# ---- what the service does


@pytest.mark.parametrize("path", POSTS)
def test_every_example_is_accepted_and_answered_as_it_says(tmp_path: Path, path: str) -> None:
    operation = document()["paths"][path]["post"]
    answers = operation["responses"]["200"]["content"]
    shown = {**answers["application/json"]["examples"], **answers.get("text/event-stream", {}).get("examples", {})}
    requests = operation["requestBody"]["content"]["application/json"]["examples"]
    assert set(shown) <= set(requests)
    with router_service(tmp_path) as url, client(url) as http:
        for name, example in requests.items():
            answer = http.post(path, json=example["value"])
            assert answer.status_code == 200, answer.text
            if answer.headers["content-type"].startswith("text/event-stream"):
                assert events(answer.text) == events(shown[name]["value"])
                continue
            assert faults(answers["application/json"]["schema"], answer.json()) == []
            if name in shown:
                assert answer.json() == shown[name]["value"]


@pytest.mark.parametrize("path", [path for path in ASKING if path not in POSTS])
def test_every_example_of_the_other_dialects_is_answered_as_it_says(tmp_path: Path, path: str) -> None:
    operation = document()["paths"][path]["post"]
    answers = operation["responses"]["200"]["content"]["application/json"]
    example, *_ = operation["requestBody"]["content"]["application/json"]["examples"].values()
    (shown,) = answers["examples"].values()
    call = "scripted/demo:generateContent"
    with router_service(tmp_path) as url, client(url) as http:
        answer = http.post(path.replace("{call}", call), json=example["value"])
    assert answer.status_code == 200, answer.text
    assert faults(answers["schema"], answer.json()) == []
    assert answer.json().keys() == shown["value"].keys()


def events(text: str) -> list[Any]:
    """The events of a stream, each of which fits its schema."""
    assert all(piece.startswith("data: ") for piece in text.split("\n\n") if piece)
    *lines, last = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert last == "[DONE]"
    found = [json.loads(line) for line in lines]
    assert [fault for event in found for fault in faults(component("ChatCompletionChunk"), event)] == []
    return found


def test_the_examples_of_the_other_paths_are_what_they_answer(tmp_path: Path) -> None:
    with router_service(tmp_path, ALIAS) as url, client(url) as http:
        http.post("/v1/chat/completions", json={"model": "fast", "messages": [USER]})  # waits until it is ready
        for path in ("/v1/models", "/v1/providers", "/healthz", "/readyz"):
            content = document()["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            (example,) = content["examples"].values()
            assert http.get(path).json() == example["value"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("status", "chat"),
    [
        (400, {"model": "scripted/demo", "messages": [{"role": 1}]}),
        (404, {"model": "opennai/x", "messages": [USER]}),
    ],
)
def test_the_examples_of_errors_are_what_is_answered(tmp_path: Path, path: str, status: int, chat: Any) -> None:
    chat = dict(chat)
    body = chat if path == POSTS[0] else {"model": chat.pop("model"), "input": chat}
    responses = document()["paths"][path]["post"]["responses"]
    with router_service(tmp_path) as url, client(url) as http:
        answer = http.post(path, json=body)
        unlike = http.post(path, content=b"x", headers={"content-type": "text/plain"})
    for got in (answer, unlike):
        content = responses[str(got.status_code)]["content"]["application/json"]
        assert got.json() == content["examples"]["error"]["value"]
    assert (answer.status_code, unlike.status_code) == (status, 415)


def test_answers_of_every_provider_fit_the_schemas(tmp_path: Path) -> None:
    models = {"openai": "gpt-4.1", "anthropic": "claude-sonnet-4-5", "google": "gemini-3-pro-preview"}
    with (
        router_before(tmp_path, {"openai": OpenAIChat(), "anthropic": AnthropicMessages(), "google": Gemini()}) as url,
        client(url) as http,
    ):
        for provider, model in models.items():
            more = {} if provider == "openai" else {"reasoning_effort": "medium"}
            body = {
                "messages": [{"role": "user", "content": "How warm is it in Paris and Rome?"}],
                "tools": TOOLS,
                **more,
            }
            chat = {"model": f"{provider}/{model}", **body}
            assert faults(component("ChatRequest"), chat) == []
            plain = http.post("/v1/chat/completions", json=chat)
            assert faults(component("ChatCompletion"), plain.json()) == []
            # What was answered fits into the next request.
            history = [*body["messages"], plain.json()["choices"][0]["message"]]
            assert faults(component("ChatRequest"), {**chat, "messages": history}) == []
            assert events(http.post("/v1/chat/completions", json={**chat, "stream": True}).text)
            enveloped = http.post("/v1/ai/run", json={"provider": provider, "model": model, "input": body})
            assert faults(component("EnvelopeAnswer"), enveloped.json()) == []


def test_what_the_service_refuses_does_not_fit_the_schema(tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"model": "scripted/demo"},
        {"messages": [USER]},
        {"model": 7, "messages": [USER]},
        {"model": "", "messages": [USER]},
        {"model": "scripted/demo", "messages": []},
        {"model": "scripted/demo", "messages": "x"},
        {"model": "scripted/demo", "messages": [7]},
        {"model": "scripted/demo", "messages": [WRONG_TEXT]},
        {"model": "scripted/demo", "messages": [{"role": "tool", "content": "x"}]},
        {"model": "scripted/demo", "messages": [{"role": "narrator", "content": "x"}]},
        {"model": "scripted/demo", "messages": [USER], "tools": {}},
        {"model": "scripted/demo", "messages": [USER], "tools": [{"type": "function"}]},
        {"model": "scripted/demo", "messages": [USER], "tool_choice": "sometimes"},
        {"model": "scripted/demo", "messages": [USER], "temperature": "hot"},
        {"model": "scripted/demo", "messages": [USER], "stream": "yes"},
        {"model": "scripted/demo", "messages": [USER], "stop": 1},
        {"model": "scripted/demo", "messages": [USER], "router": []},
        {"model": "scripted/demo", "messages": [USER], "router": {"fallbax": []}},
    ]
    with router_service(tmp_path) as url, client(url) as http:
        for body in wrong:
            assert faults(component("ChatRequest"), body), body
            answer = http.post("/v1/chat/completions", json=body)
            assert answer.status_code == 400, body
            assert faults(component("Error"), answer.json()) == []


# ---- the page


def test_the_page_shows_every_path_with_schemas_and_examples_and_loads_nothing(tmp_path: Path) -> None:
    with router_service(tmp_path) as url, client(url) as http:
        answer = http.get("/docs")
    page = answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for _, path, operation in operations():
        assert path in page
        assert f"id={operation['operationId']}" in page
    for name in document()["components"]["schemas"]:
        assert f"id=schema-{name}" in page
    assert "Text and a call" in page
    assert not any(word in page for word in ("<script", "src=", "@import", "url("))


def test_the_page_escapes_what_it_shows() -> None:
    spiteful = json.loads(json.dumps(document()).replace("scripted/demo", "<img onerror=x>"))
    assert "<img" not in rendered(spiteful)


def test_the_document_is_the_same_for_every_configuration() -> None:
    one, two = (create_app(load_config(None, environ)).openapi() for environ in ({}, {"OPENAI_API_KEY": "k"}))
    assert one == two
