"""Reads what is asked of the paths of jobs, and says where it is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, get_args

from starlette.requests import Request

from loop_client.jobs import InvalidAnswer, InvalidJob, JobAnswer, JobSpec, JobStatus
from loop_client.jsontext import JsonObject
from loop_client.server.problems import InvalidRequest

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
_STATUSES: Final[tuple[JobStatus, ...]] = get_args(JobStatus)
_LONGEST_KEY: Final = 255
_MOST_ANSWERS: Final = 256
_LARGEST_PAGE: Final = 200
_USUAL_PAGE: Final = 50
_LARGEST_NUMBER: Final = 2**53


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted."""

    status: JobStatus | None
    limit: int
    before: str | None


def read_job(body: JsonObject) -> JobSpec:
    """The job that a body asks for, in the members of ``JobSpec``.

    Raises:
        InvalidRequest: ``INVALID_JOB``, with the place.
    """
    for index, message in enumerate(_list(body.get("messages"))):
        if not isinstance(message, dict):
            raise _invalid(f"messages[{index}]: an object is expected")
        if message.get("role") not in _ROLES:
            raise _invalid(f"messages[{index}].role: one of {', '.join(sorted(_ROLES))} is expected")
        if not isinstance(message.get("content"), (str, list, type(None))):
            raise _invalid(f"messages[{index}].content: a string or a list of parts is expected")
    for index, tool in enumerate(_list(body.get("outside_tools"))):
        _check_outside_tool(f"outside_tools[{index}]", tool)
    try:
        return JobSpec.from_json(body)
    except InvalidJob as error:
        raise _invalid(str(error)) from None


def read_key(request: Request) -> str | None:
    """The header ``Idempotency-Key``.

    Raises:
        InvalidRequest: it is empty or too long.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        raise InvalidRequest(f"idempotency-key: 1 to {_LONGEST_KEY} characters are expected")
    return key


def read_answers(body: JsonObject) -> tuple[JobAnswer, ...]:
    """One answer, in the members of ``JobAnswer``; or several under ``answers``.

    Raises:
        InvalidRequest: ``INVALID_TOOL_RESULT``, with the place.
    """
    if "answers" not in body:
        return (_answer("", body),)
    if len(body) > 1:
        raise _bad_answer("answers: no other member stands beside it")
    given = body["answers"]
    if not isinstance(given, list) or not 0 < len(given) <= _MOST_ANSWERS:
        raise _bad_answer(f"answers: a list of 1 to {_MOST_ANSWERS} answers is expected")
    return tuple(_answer(f"answers[{index}]", item) for index, item in enumerate(given))


def read_page(request: Request) -> Page:
    """The query of a list: ``status``, ``limit``, ``before``.

    Raises:
        InvalidRequest: with the name of what is wrong.
    """
    query = request.query_params
    named = query.get("status")
    status = next((known for known in _STATUSES if known == named), None)
    if status is None and named is not None:
        raise InvalidRequest(f"status: one of {', '.join(_STATUSES)} is expected")
    limit = _number(query.get("limit"), "limit", _USUAL_PAGE)
    if not 1 <= limit <= _LARGEST_PAGE:
        raise InvalidRequest(f"limit: 1 to {_LARGEST_PAGE} is expected")
    return Page(status, limit, query.get("before") or None)


def read_position(request: Request) -> int | None:
    """The id of the last event that a viewer has: the header ``Last-Event-ID``, which a browser sends when it comes
    again, or else the query's ``after``.

    Raises:
        InvalidRequest: it is no event's id.
    """
    header = request.headers.get("last-event-id")
    given, name = (header, "last-event-id") if header else (request.query_params.get("after"), "after")
    return _number(given, name, 0) if given else None


def read_from_round(body: JsonObject) -> int | None:
    """The round from which a job is to be done again.

    Raises:
        InvalidRequest: it is none, or the body has other members.
    """
    if unknown := sorted(body.keys() - {"from_round"}):
        raise InvalidRequest(f"{unknown[0]}: there is no such member; from_round is the only one")
    number = body.get("from_round")
    if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
        raise InvalidRequest("from_round: the number of a round, from 1, is expected")
    return number


def refuse_members(body: JsonObject) -> None:
    """A body that has nothing to say.

    Raises:
        InvalidRequest: it says something.
    """
    if body:
        raise InvalidRequest(f"{min(body)}: there is no such member; an empty object is expected")


def _answer(path: str, item: Any) -> JobAnswer:
    before = f"{path}: " if path else ""
    if not isinstance(item, dict):
        raise _bad_answer(f"{before}an object is expected")
    if sum(name in item for name in ("value", "error", "approved")) != 1:
        raise _bad_answer(f"{before}exactly one of value, error and approved is expected")
    try:
        return JobAnswer.from_json(item)
    except InvalidAnswer as error:
        raise _bad_answer(f"{before}{error}") from None


def _check_outside_tool(path: str, tool: Any) -> None:
    if not isinstance(tool, dict):
        raise _invalid(f"{path}: an object is expected")
    for name, kind, what in (("name", str, "string"), ("description", str, "string"), ("parameters", dict, "object")):
        if not isinstance(tool.get(name), kind):
            raise _invalid(f"{path}.{name}: a{'n' if what == 'object' else ''} {what} is expected")


def _list(value: Any) -> list[Any]:
    """What is no list is refused elsewhere."""
    return value if isinstance(value, list) else []


def _number(text: str | None, name: str, usual: int) -> int:
    if text is None:
        return usual
    # Only ASCII digits: int() would read others, signs, spaces and underscores, too.
    if not (text.isascii() and text.isdigit()) or len(text) > 16 or int(text) > _LARGEST_NUMBER:
        raise InvalidRequest(f"{name}: a whole number is expected")
    return int(text)


def _invalid(text: str) -> InvalidRequest:
    return InvalidRequest(text, "INVALID_JOB")


def _bad_answer(text: str) -> InvalidRequest:
    return InvalidRequest(text, "INVALID_TOOL_RESULT")
