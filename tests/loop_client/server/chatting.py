"""A chat service on a socket before the scripted model, and a browser's side of the conversation in Python."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from loop_client import LoopClient
from loop_client.server import ChatService
from tests.loop_client.fake_server import WAIT, FakeServer
from tests.loop_client.serving import serving

SECRET = "a secret of thirty-two characters"


def user(words: str, message_id: str = "u1") -> dict[str, Any]:
    """A message of the user."""
    return {"id": message_id, "role": "user", "parts": [{"type": "text", "text": words}]}


def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right


def client_for(model: FakeServer, *tools: Any, **settings: Any) -> LoopClient:
    """A loop client before the scripted model."""
    return LoopClient(base_url=model.base_url, model="test/model", tools=tools or (add,), **settings)


@asynccontextmanager
async def chat_server(client: LoopClient, **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """The service over this client, on a socket; gives an HTTP client for it."""
    async with (
        client,
        serving(ChatService(client, **options).app()) as address,
        httpx2.AsyncClient(base_url=address, timeout=WAIT) as http,
    ):
        yield http


async def ask(http: httpx2.AsyncClient, *messages: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """Send a chat request; the chunks of the answer, which has to be whole."""
    response = await http.post("/chat", json={"id": "chat-1", "messages": list(messages), **fields})
    assert response.status_code == 200, response.text
    return chunks_in(response)


def chunks_in(response: httpx2.Response) -> list[dict[str, Any]]:
    """The chunks of a whole stream."""
    assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
    events = [event.removeprefix("data: ") for event in response.text.split("\n\n") if event.startswith("data: ")]
    assert events.pop() == "[DONE]"
    return [json.loads(event) for event in events]


def text_of(chunks: list[dict[str, Any]]) -> str:
    """The words of an answer."""
    return "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta")


def of_type(chunks: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The chunks of one type."""
    return [chunk for chunk in chunks if chunk["type"] == kind]
