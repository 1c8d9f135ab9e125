"""A strict stand-in for Gemini and Claude on Google Cloud: their own rules, and what is different there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request

from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.anthropic_rules import VERTEX_VERSIONS, check_messages
from tests.fakes.gemini import Gemini
from tests.fakes.refusal import Refusal
from tests.fakes.scenario import WEATHER, Scenario
from tests.fakes.server import Answer, Received, json_answer

PROJECT = "project-1"
LOCATION = "us-east5"

_PLACE = f"/projects/{PROJECT}/locations/{LOCATION}/publishers"
_UNKNOWN_MEMBERS = re.compile(r"^(partMetadata|part_metadata|toolCall|tool_call|toolResponse|tool_response)$")
"""Members of a part that only the Gemini API has."""

Takes = Callable[[str], bool]
"""Whether an access token is good."""


def _check_token(headers: Mapping[str, str], takes: Takes) -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not takes(token):
        text = (
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
        )
        raise Refusal(f"{text} authentication credential.", status=401, kind="google")


class VertexGemini(Gemini):
    """Gemini; ``takes`` says which tokens are good."""

    paths = (f"/v1beta1{_PLACE}/google/models/{{call:path}}",)
    mixed_flag = False

    def __init__(self, takes: Takes, scenario: Scenario = WEATHER, *, verify_signatures: bool = True):
        super().__init__(scenario, verify_signatures=verify_signatures)
        self._takes = takes

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """The token."""
        _check_token(headers, self._takes)

    def answer(self, received: Received, request: Request) -> Answer:
        """Refuse what only the Gemini API has, then judge as it does."""
        _check_members(received.json)
        return super().answer(received, request)


def _check_members(body: Any) -> None:
    if not isinstance(body, dict):
        return
    config = body.get("toolConfig") or body.get("tool_config") or {}
    unknown = [("", name) for name in ("store", "webhookConfig", "model") if name in body]
    unknown += [
        ("tool_config", name)
        for name in ("includeServerSideToolInvocations", "include_server_side_tool_invocations")
        if name in config
    ]
    for index, content in enumerate(body.get("contents") or []):
        for position, part in enumerate(content.get("parts") or []):
            at = f"contents[{index}].parts[{position}]"
            unknown += [(at, name) for name in part if _UNKNOWN_MEMBERS.match(name)]
            response = part.get("functionResponse") or part.get("function_response") or {}
            unknown += [
                (f"{at}.function_response", name) for name in ("willContinue", "will_continue") if name in response
            ]
    for tool in body.get("tools") or []:
        unknown += [("tools", name) for name in ("fileSearch", "file_search", "mcpServers") if name in tool]
    for at, name in unknown:
        place = f" at '{at}'" if at else ""
        raise Refusal(f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')


class VertexClaude(AnthropicMessages):
    """Claude; ``takes`` says which tokens are good."""

    paths = (f"/v1{_PLACE}/anthropic/models/{{call:path}}",)

    def __init__(self, takes: Takes, scenario: Scenario = WEATHER, *, verify_signatures: bool = True):
        super().__init__(scenario, verify_signatures=verify_signatures)
        self._takes = takes

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """The token. The version is no header here."""
        _check_token(headers, self._takes)
        if "anthropic-version" in headers:
            raise Refusal("anthropic-version: the version stands in the body here")

    def answer(self, received: Received, request: Request) -> Answer:
        """Judge the request and play the scenario's turn."""
        model, _, method = request.path_params["call"].rpartition(":")
        if (model, method) == ("count-tokens", "rawPredict"):
            return self._counted(received.json)
        if method not in {"rawPredict", "streamRawPredict"}:
            raise Refusal(f"Method not found: {method}", status=404, kind="google")
        body = check_messages(received.json, surface="vertex", verify_signatures=self.verify_signatures)
        if (method == "streamRawPredict") != bool(body.get("stream")):
            raise Refusal(f"{method} does not go with stream={body.get('stream')}")
        return self.played({**body, "model": model.partition("@")[0]})

    def _counted(self, body: object) -> Answer:
        """The version stands in the body, and so does the model."""
        if not isinstance(body, dict) or body.get("anthropic_version") not in VERTEX_VERSIONS:
            raise Refusal("anthropic_version: Field required")
        told = {name: value for name, value in body.items() if name != "anthropic_version"}
        return self.counted({**told, "model": str(told["model"]).partition("@")[0]}, "2023-06-01")

    def error(self, refusal: Refusal) -> Answer:
        """Google's own body for what is refused before Anthropic sees it, Anthropic's for the rest."""
        if refusal.kind != "google":
            return super().error(refusal)
        status = {401: "UNAUTHENTICATED", 404: "NOT_FOUND"}[refusal.status]
        error = {"code": refusal.status, "message": refusal.message, "status": status}
        return json_answer({"error": error}, status=refusal.status)


class Vertex:
    """Both, at one address."""

    def __init__(self, takes: Takes, *, verify_signatures: bool = True):
        self.gemini = VertexGemini(takes, verify_signatures=verify_signatures)
        self.claude = VertexClaude(takes, verify_signatures=verify_signatures)
        self.app = Starlette(routes=[*self.gemini.app.routes, *self.claude.app.routes])
