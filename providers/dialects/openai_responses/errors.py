"""Errors of Responses: OpenAI's shape, and the places where this dialect puts them."""

from providers.spec.errors import ProviderError, RouterError
from providers.spec.values import JsonObject
from providers.wire.failures import text_of
from providers.wire.openai_errors import code_status, decode_error, encode_error, error_of

__all__ = ["decode_error", "encode_error", "error_event", "error_in_answer", "failure"]


def error_in_answer(value: JsonObject) -> ProviderError | None:
    """The error a 200 holds: an error body, or an answer that failed; ``None`` where it holds none."""
    error = value.get("error")
    if isinstance(error, dict):
        return error_of(None, error, text_of(error.get("message")), value)
    if value.get("status") == "failed":
        return error_of(None, {}, "the provider says that the answer failed, and not why", value)
    return None


def error_event(value: JsonObject) -> ProviderError:
    """The error of an ``error`` event: its fields stand in it, or in an object of their own (STREAM-14)."""
    inner = value.get("error")
    fields = inner if isinstance(inner, dict) else value
    return error_of(None, fields, text_of(fields.get("message")), value)


def failure(error: RouterError) -> JsonObject:
    """The ``error`` object of a response that failed."""
    known = error.code if code_status(error.code) is not None else None
    return {
        "code": known or ("rate_limit_exceeded" if error.status == 429 else "server_error"),
        "message": error.message,
    }
