"""The vendors' own clients, each holding the same tool conversation as its users do."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

from tests.e2e import conversation

QUESTION = "How warm is it in Paris and Rome?"
EXPECTED = (
    'Results: get_weather({"city":"Paris"}) = {"celsius":21,"city":"Paris"}; '
    'get_weather({"city":"Rome"}) = {"celsius":28,"city":"Rome"}; convert('
)
"""How the last answer begins, whoever gave it."""
_MOST_ROUNDS = 6

_FUNCTIONS = [tool["function"] for tool in conversation.TOOLS]
MESSAGES_TOOLS: list[Any] = [
    {"name": each["name"], "description": each["description"], "input_schema": each["parameters"]}
    for each in _FUNCTIONS
]
RESPONSES_TOOLS: list[Any] = [{"type": "function", "strict": False, **each} for each in _FUNCTIONS]
GEMINI_TOOLS: list[Any] = [
    {
        "functionDeclarations": [
            {
                "name": each["name"],
                "description": each["description"],
                "parametersJsonSchema": each["parameters"],
            }
            for each in _FUNCTIONS
        ]
    }
]


Models: TypeAlias = Callable[[int], str]
"""Which model is asked in which round, from 0."""


def always(model: str) -> Models:
    """The same model in every round."""
    return lambda _: model


def _thinks(thinking: bool, model: str) -> bool:
    """The chat model of these tests does not reason, and its fake refuses to be asked for it."""
    return thinking and not model.startswith("chat/")


# ---- clients


def anthropic_client(url: str, **options: Any) -> anthropic.Anthropic:
    """Anthropic's client, pointed at the router."""
    return anthropic.Anthropic(base_url=url, api_key="unused", max_retries=0, timeout=20.0, **options)


def openai_client(url: str) -> openai.OpenAI:
    """OpenAI's client, pointed at the router."""
    return conversation.openai_client(url)


@contextmanager
def google_client(url: str, version: str = "v1beta") -> Iterator[genai.Client]:
    """Google's client, pointed at the router."""
    with httpx2.Client(timeout=20.0, trust_env=False) as http:
        options = types.HttpOptions(base_url=url, api_version=version, httpx_client=http)
        yield genai.Client(api_key="unused", http_options=options, vertexai=False)


# ---- the conversation on each face


def on_chat(url: str, models: Models, *, stream: bool, thinking: bool = False) -> str:
    """OpenAI chat, the message echoed as the client holds it."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": QUESTION}]
    with openai_client(url) as client:
        for turn in range(_MOST_ROUNDS):
            options: dict[str, Any] = {"reasoning_effort": "medium"} if _thinks(thinking, models(turn)) else {}
            answer = conversation.assistant_message(
                client, stream, model=models(turn), messages=messages, tools=conversation.TOOLS, **options
            )
            messages.append(conversation.echoed(answer))
            if not answer.tool_calls:
                return str(answer.content)
            messages += [
                {
                    "role": "tool",
                    "tool_call_id": call.id,
                    "content": conversation.run_tool(call.function.name, json.loads(call.function.arguments)),
                }
                for call in answer.tool_calls
            ]
    raise AssertionError("the conversation did not end")


def on_messages(url: str, models: Models, *, stream: bool, thinking: bool = False) -> str:
    """Anthropic Messages: ``create``, or the ``stream`` helper and its accumulated message."""
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    budget = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    with anthropic_client(url) as client:
        for turn in range(_MOST_ROUNDS):
            request: dict[str, Any] = {
                "model": models(turn),
                "max_tokens": 4096,
                "messages": messages,
                "tools": MESSAGES_TOOLS,
                **(budget if _thinks(thinking, models(turn)) else {}),
            }
            if stream:
                with client.messages.stream(**request) as streamed:
                    answer: Any = streamed.get_final_message()
            else:
                answer = client.messages.create(**request)
            messages.append({"role": "assistant", "content": answer.content})
            calls = [block for block in answer.content if block.type == "tool_use"]
            assert (answer.stop_reason == "tool_use") == bool(calls)
            if not calls:
                return "".join(block.text for block in answer.content if block.type == "text")
            results = [
                {
                    "type": "tool_result",
                    "tool_use_id": call.id,
                    "content": conversation.run_tool(call.name, call.input),
                }
                for call in calls
            ]
            messages.append({"role": "user", "content": results})
    raise AssertionError("the conversation did not end")


def on_responses(url: str, models: Models, *, stream: bool, thinking: bool = False) -> str:
    """OpenAI Responses without a store: ``create``, or the ``stream`` helper and its final response."""
    items: list[Any] = [{"role": "user", "content": QUESTION}]
    options: dict[str, Any] = {
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "medium", "summary": "auto"},
    }
    with openai_client(url) as client:
        for turn in range(_MOST_ROUNDS):
            request: dict[str, Any] = {
                "model": models(turn),
                "input": items,
                "tools": RESPONSES_TOOLS,
                "store": False,
                **(options if _thinks(thinking, models(turn)) else {}),
            }
            if stream:
                with client.responses.stream(**request) as streamed:
                    for _ in streamed:
                        pass
                    answer: Any = streamed.get_final_response()
            else:
                answer = client.responses.create(**request)
            assert answer.status == "completed"
            items += answer.output
            calls = [item for item in answer.output if item.type == "function_call"]
            if not calls:
                return str(answer.output_text)
            items += [
                {
                    "type": "function_call_output",
                    "call_id": call.call_id,
                    "output": conversation.run_tool(call.name, json.loads(call.arguments)),
                }
                for call in calls
            ]
    raise AssertionError("the conversation did not end")


def on_gemini(url: str, models: Models, *, stream: bool, thinking: bool = False, version: str = "v1beta") -> str:
    """Gemini: ``generate_content``, or the parts of ``generate_content_stream`` gathered as its users do."""
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=QUESTION)])]
    settings: dict[str, Any] = {"tools": GEMINI_TOOLS}
    thoughts = {"thinkingConfig": {"includeThoughts": True}}
    with google_client(url, version) as client:
        for turn in range(_MOST_ROUNDS):
            config = types.GenerateContentConfig.model_validate(
                {**settings, **(thoughts if _thinks(thinking, models(turn)) else {})}
            )
            request: dict[str, Any] = {"model": models(turn), "contents": contents, "config": config}
            if stream:
                chunks = client.models.generate_content_stream(**request)
                parts = [part for chunk in chunks for part in gemini_parts(chunk)]
            else:
                parts = gemini_parts(client.models.generate_content(**request))
            contents.append(types.Content(role="model", parts=parts))
            calls = [part.function_call for part in parts if part.function_call is not None]
            if not calls:
                return "".join(part.text for part in parts if part.text and not part.thought)
            contents.append(types.Content(role="user", parts=[_gemini_result(call) for call in calls]))
    raise AssertionError("the conversation did not end")


def gemini_parts(answer: types.GenerateContentResponse) -> list[types.Part]:
    """The parts of an answer's first candidate."""
    candidates = answer.candidates or []
    content = candidates[0].content if candidates else None
    return list(content.parts or []) if content is not None else []


def _gemini_result(call: types.FunctionCall) -> types.Part:
    output = json.loads(conversation.run_tool(str(call.name), dict(call.args or {})))
    return types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response=output))


Voice: TypeAlias = Callable[..., str]

VOICES: Mapping[str, Voice] = {
    "chat": on_chat,
    "messages": on_messages,
    "responses": on_responses,
    "gemini": on_gemini,
}
"""By face."""
FACES = tuple(VOICES)
