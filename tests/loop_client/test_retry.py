"""How often a failed model call is made again: a few times where the answer broke, patiently where nobody is there."""

from __future__ import annotations

from typing import Any

import pytest

from loop_client import PATIENT, ModelConnectionError, ModelStreamError, Retry
from loop_client.errors import RunError
from loop_client.retry import Attempts
from loop_client.server_error import http_error

BROKEN = ModelStreamError("it broke", retryable=True)
AWAY = ModelConnectionError("nobody is there", retryable=True, away=True)


def waits(attempts: Attempts, error: RunError, most: int = 1000) -> list[float]:
    """How long is waited after each of so many failures, until there is no other attempt."""
    found: list[float] = []
    while len(found) < most and (wait := attempts.wait_after(error)) is not None:
        found.append(wait)
    return found


@pytest.mark.parametrize("error", [BROKEN, AWAY])
def test_a_live_run_asks_twice_more_within_two_seconds(error: RunError) -> None:
    assert waits(Attempts(Retry()), error) == [0.5, 1.0]


def test_patience_is_for_a_server_that_is_away_and_bounded_in_all_and_in_each_wait() -> None:
    given = waits(Attempts(PATIENT), AWAY)
    *patient, last, last_but_one = given
    assert (last, last_but_one) == (0.5, 1.0), "what a live run may do is left when patience is at its end"
    assert 300 < sum(patient) <= PATIENT.patience
    assert max(patient) <= PATIENT.longest_wait
    for place, wait in enumerate(patient):
        doubled = min(PATIENT.first_wait * 2**place, PATIENT.longest_wait)
        assert doubled / 2 <= wait <= doubled
    assert len(set(patient)) == len(patient), "many runs do not come back at the same moments"


def test_an_answer_that_breaks_costs_tokens_and_is_asked_for_as_often_as_in_a_live_run() -> None:
    attempts = Attempts(PATIENT)
    assert waits(attempts, BROKEN) == [0.5, 1.0]
    assert len(waits(attempts, AWAY, 5)) == 5, "that the server went away afterwards is another matter"
    assert attempts.wait_after(BROKEN) is None


def test_what_a_server_asks_to_wait_is_waited_and_a_little_more() -> None:
    asked = http_error(503, {"retry-after": "120"}, b"", None)
    attempts = Attempts(PATIENT)
    given = waits(attempts, asked)
    assert len(given) == 7, "all that fits into 900 s"
    assert all(120 < wait <= 150 for wait in given)
    assert waits(Attempts(PATIENT), http_error(429, {"retry-after": "1000"}, b"", None)) == []
    assert min(waits(Attempts(PATIENT), http_error(429, {"retry-after": "0"}, b"", None), 5)) > 0


@pytest.mark.parametrize(
    ("status", "body", "away"),
    [
        (429, b"", True),
        (502, b"<html>bad gateway</html>", True),
        (502, b'{"error": {"message": "unreachable", "type": "connection_error"}}', True),
        (502, b'{"error": {"message": "not JSON", "type": "provider_protocol_error"}}', False),
        (503, b"", True),
        (504, b"", True),
        (504, b'{"error": {"message": "too slow", "type": "timeout_error"}}', False),
        (529, b"", True),
        (500, b"", False),
        (400, b"", False),
    ],
)
def test_a_model_that_was_asked_is_not_away(status: int, body: bytes, away: bool) -> None:
    assert http_error(status, {}, body, None).away is away


def test_thousands_of_attempts_overflow_nothing() -> None:
    endless: dict[str, Any] = {"first_wait": 0.001, "longest_wait": 0.001, "patience": 5.0}
    assert len(waits(Attempts(Retry(**endless)), AWAY, 3000)) == 3000
