"""Which of a provider's dialects a request goes out in, where it has more than one."""

import re

from providers.spec.errors import InvalidRequestError
from providers.spec.request import ProviderTool, Request
from providers.upstreams.base import ProviderRow
from router.options import Wire

CHAT = "openai-chat"
RESPONSES = "openai-responses"


def wire_of(row: ProviderRow, model: str, request: Request, *, face: str, asked: Wire) -> str:
    """The dialect to speak.

    OpenAI has chat completions and Responses: a caller of Responses gets Responses, and so does a request that chat
    cannot serve on this model (PARAM-01: reasoning effort with tools); ``router.wire`` decides otherwise. Raises
    InvalidRequestError for a wire that the provider has not.
    """
    if row.dialect != CHAT or not row.profile.responses:
        if asked != "auto" and row.dialect != (CHAT if asked == "chat" else RESPONSES):
            raise InvalidRequestError(f"router.wire: provider {row.name} has no {asked}", path="router.wire")
        return row.dialect
    if asked != "auto":
        return CHAT if asked == "chat" else RESPONSES
    return RESPONSES if face == RESPONSES or _needs_responses(row, model, request) else CHAT


def _needs_responses(row: ProviderRow, model: str, request: Request) -> bool:
    if any(isinstance(tool, ProviderTool) and tool.dialect == RESPONSES for tool in request.tools or ()):
        return True
    pattern = row.profile.responses_models
    reasoning = request.reasoning
    thinks = reasoning is not None and reasoning.enabled is not False and reasoning.effort != "none"
    return bool(request.tools) and thinks and pattern is not None and re.search(pattern, model) is not None
