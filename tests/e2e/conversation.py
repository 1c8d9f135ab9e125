"""A tool conversation as an application with the stock OpenAI client holds it, plain or streamed."""

import json
from typing import Any

from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "How warm it is.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "minLength": 1}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "convert",
            "description": "From one unit to another.",
            "parameters": {"type": "object", "properties": {"value": {}}, "required": ["value"]},
        },
    },
]
WARMTH = {"Paris": 21, "Rome": 28}


def run_tool(name: str, arguments: dict[str, Any]) -> str:
    """The application's own tools."""
    if name == "get_weather":
        return json.dumps({"celsius": WARMTH[arguments["city"]], "city": arguments["city"]})
    return json.dumps({"converted": arguments["value"]})


def openai_client(url: str, key: str = "unused") -> OpenAI:
    """The stock client, pointed at the router."""
    return OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20.0)


def assistant_message(client: OpenAI, stream: bool, **request: Any) -> Any:
    """One answer's message, whole: of the plain answer, or as the client's own accumulator makes it of the stream."""
    if not stream:
        return client.chat.completions.create(**request).choices[0].message
    state: Any = ChatCompletionStreamState()
    for chunk in client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}):
        state.handle_chunk(chunk)
    return state.get_final_completion().choices[0].message


def echoed(message: Any) -> dict[str, Any]:
    """The message as stock clients put it back into the history."""
    dumped: dict[str, Any] = message.to_dict()
    for call in dumped.get("tool_calls") or []:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    dumped.pop("parsed", None)
    return dumped


def hold(client: OpenAI, model: str, *, stream: bool, strip: bool = False, **options: Any) -> list[dict[str, Any]]:
    """The whole conversation until the model stops calling; the messages, the answer last.

    ``strip``: an application that keeps only id, name and arguments of a call.
    """
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How warm is it in Paris and Rome?"},
    ]
    for _ in range(6):
        answer = assistant_message(client, stream, model=model, messages=messages, tools=TOOLS, **options)
        messages.append(_stripped(answer) if strip else echoed(answer))
        if not answer.tool_calls:
            return messages
        messages += [
            {
                "role": "tool",
                "tool_call_id": call.id,
                "content": run_tool(call.function.name, json.loads(call.function.arguments)),
            }
            for call in answer.tool_calls
        ]
    raise AssertionError("the conversation did not end")


def _stripped(message: Any) -> dict[str, Any]:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in message.tool_calls or []
    ]
    return {"role": "assistant", "content": message.content, **({"tool_calls": calls} if calls else {})}
