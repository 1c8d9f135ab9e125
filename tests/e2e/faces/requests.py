"""The same small request with tools as a plain body of each face."""

from typing import Any

from tests.e2e import conversation
from tests.e2e.faces.voices import GEMINI_TOOLS, MESSAGES_TOOLS, QUESTION, RESPONSES_TOOLS


def path_of(face: str, model: str, *, stream: bool = False) -> str:
    """Where a request of this face goes."""
    match face:
        case "chat":
            return "/v1/chat/completions"
        case "messages":
            return "/v1/messages"
        case "responses":
            return "/v1/responses"
        case _:
            return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


def body_of(face: str, model: str, *, stream: bool = False, **more: Any) -> dict[str, Any]:
    """A question with two tools."""
    body: dict[str, Any]
    match face:
        case "chat":
            body = {"messages": [{"role": "user", "content": QUESTION}], "tools": conversation.TOOLS}
        case "messages":
            body = {
                "max_tokens": 1000,
                "messages": [{"role": "user", "content": QUESTION}],
                "tools": MESSAGES_TOOLS,
            }
        case "responses":
            body = {"input": QUESTION, "tools": RESPONSES_TOOLS}
        case _:
            return {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}], "tools": GEMINI_TOOLS, **more}
    return {"model": model, **body, **({"stream": True} if stream else {}), **more}


def calls_in(face: str, answer: dict[str, Any]) -> list[tuple[str, Any]]:
    """Names and arguments of the calls in a plain answer: text where the face has text, else the object."""
    match face:
        case "chat":
            calls = answer["choices"][0]["message"].get("tool_calls") or []
            return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]
        case "messages":
            return [(block["name"], block["input"]) for block in answer["content"] if block["type"] == "tool_use"]
        case "responses":
            return [(item["name"], item["arguments"]) for item in answer["output"] if item["type"] == "function_call"]
        case _:
            parts = answer["candidates"][0]["content"]["parts"]
            made = [part["functionCall"] for part in parts if "functionCall" in part]
            return [(call["name"], call.get("args", {})) for call in made]


def error_of(face: str, answer: dict[str, Any]) -> tuple[str, str]:
    """The path and the message of an error in a face's shape."""
    error = answer["error"]
    match face:
        case "chat" | "responses":
            assert set(answer) == {"error"}
            assert {"message", "type", "param", "code"} <= set(error)
            return str(error["param"]), error["message"]
        case "messages":
            assert answer["type"] == "error"
            return str(error.get("path")), error["message"]
        case _:
            assert {"code", "message", "status"} <= set(error)
            return str(error["details"][0]["metadata"].get("path")), error["message"]
