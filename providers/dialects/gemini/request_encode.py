"""The canonical form to a generateContent request."""

from providers.dialects.gemini.absent import without_absent
from providers.dialects.gemini.config_encode import encode_config
from providers.dialects.gemini.grammar import path_of, report_foreign_ext
from providers.dialects.gemini.history_encode import encode_history
from providers.dialects.gemini.plain_history import plain_history
from providers.dialects.gemini.reader import outer_ext, was_written, written
from providers.dialects.gemini.tools_encode import encode_tools
from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.profile import Target
from providers.spec.request import Request
from providers.spec.values import JsonObject


def encode_request(request: Request, target: Target, report: Report) -> EncodedRequest:
    """One request for Gemini, or for a host that speaks its dialect. Model and streaming stand in the path.

    Raises InvalidRequestError for orphaned calls and results, illegal tools and a call forced without tools;
    UnsupportedError for media and tools that Gemini has no words for.
    """
    report_foreign_ext(request.ext, "", report)
    history = plain_history(request.messages, target) or encode_history(request.messages, target, report)
    tools = encode_tools(request, target, report)
    path = path_of(target.model, stream=request.stream is True)
    fields: JsonObject = {
        "model": path.removeprefix("/v1beta/").partition(":")[0] if was_written(request.form, "model") else None,
        "systemInstruction": history.system,
        "contents": history.contents,
        "tools": tools.tools,
        "toolConfig": tools.config,
        "generationConfig": encode_config(request, target, report),
    }
    ext = outer_ext(request.ext, "generationConfig", "toolConfig")
    body = written(fields, ext, request.form)
    return EncodedRequest(path=path, body=without_absent(body, target.profile.absent_fields, report))
