"""Whose error it was, how long to wait, and what of its text may be shown."""

import email.utils
import time

import pytest

from providers.spec.errors import InvalidRequestError, ProviderError, ProviderTimeoutError
from providers.upstreams.base import ProviderRow
from router.blame import attributed, retry_after
from router.errors import error_headers

ROW = ProviderRow(
    name="mine", dialect="openai-chat", base_url="http://x", api_key="key-of-mine", headers={"a": "header-of-mine"}
)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Tue, 99 Foo 2026"}, None),
        ({}, None),
    ],
)
def test_the_time_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """ERROR-05."""
    assert retry_after(headers) == seconds


def test_a_date_to_wait_for() -> None:
    """ERROR-05."""
    then = email.utils.formatdate(time.time() + 60, usegmt=True)
    seconds = retry_after({"retry-after": then})
    assert seconds is not None
    assert 50 < seconds <= 61


def test_an_error_of_the_provider_is_named_and_loses_the_rows_secrets() -> None:
    error = attributed(ProviderError("key-of-mine and header-of-mine are wrong", status=401), ROW)
    assert (error.provider, error.status) == ("mine", 401)
    assert "of-mine" not in error.message
    assert attributed(ProviderTimeoutError("slow"), ROW).provider == "mine"


def test_an_error_of_the_caller_is_not() -> None:
    assert attributed(InvalidRequestError("wrong"), ROW).provider is None


def test_headers_of_an_error() -> None:
    error = ProviderError("x", status=429, retry_after=1.2, request_id="theirs")
    assert error_headers(error, "ours") == {"retry-after": "2", "x-upstream-request-id": "theirs"}
    assert error_headers(ProviderError("x", request_id="a\nb"), "ours") == {}
    assert error_headers(ProviderError("x", request_id="ours"), "ours") == {}
