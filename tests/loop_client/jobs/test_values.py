"""Settings and specs: what is accepted, and what is refused in which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loop_client import PATIENT, ConfigurationError
from loop_client.jobs import InvalidAnswer, InvalidJob, JobAnswer, JobSettings, JobSpec, read_jobs_table


def test_a_table_is_read_and_the_environment_wins() -> None:
    table = {"store": "sqlite:///a.db", "role": "worker", "concurrency": 2, "tool_concurrency": {"pay": 1}}
    assert read_jobs_table(table, {}) == JobSettings("sqlite:///a.db", "worker", 2, tool_concurrency={"pay": 1})
    url = "postgresql://host/db"
    assert read_jobs_table(table, {"LOOP_CLIENT_JOBS_URL": url}).store == url
    assert read_jobs_table({}, {}) == JobSettings()


def test_jobs_may_be_kept_for_ever() -> None:
    assert read_jobs_table({"retention": "forever"}, {}) == JobSettings(retention=None)


def test_what_a_table_does_not_say_of_patience_is_as_in_the_default_of_jobs() -> None:
    assert read_jobs_table({"retry": {"patience": 60}}, {}).retry == replace(PATIENT, patience=60)
    assert JobSettings().retry == PATIENT


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"stoer": "memory"}, "jobs.stoer: there is no such setting"),
        ({"store": "mysql://user:secret@host"}, "jobs.store: memory, sqlite"),
        ({"role": "boss"}, "jobs.role"),
        ({"concurrency": "2"}, "jobs.concurrency"),
        ({"concurrency": 0}, "jobs.concurrency must be at least 1"),
        ({"retention": 0.0}, "jobs.retention must be above 0"),
        ({"retention": "for ever"}, 'jobs.retention: seconds are expected, or "forever"'),
        ({"retry": {"patience": -1.0}}, "jobs.retry: no number may be negative"),
        ({"retry": {"patients": 1}}, "jobs.retry.patients: there is no such setting"),
        ({"retry": 3}, "jobs.retry: a table is expected"),
        ({"max_event_bytes": 10}, "jobs.max_event_bytes must be at least 1024"),
        ({"tool_concurrency": {"pay": 0}}, "jobs.tool_concurrency"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key_without_its_value(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_jobs_table(table, {})
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_spec_survives_json_and_holds_references_only() -> None:
    spec = JobSpec.of("hello", model="m", tools=("a",), credentials={"bank": "vault:ada"}, metadata={"n": [1]})
    assert JobSpec.from_json(spec.to_json()) == spec
    with pytest.raises(InvalidJob) as refused:
        JobSpec.of("hello", credentials={"bank": "sk-1234567890"})
    assert "sk-1234567890" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [1]},
        {"messages": [{"role": "user", "content": "x"}], "tool": "a"},
        {"messages": [{"role": "user", "content": "x"}], "options": []},
        {"messages": [{"role": "user", "content": "x"}], "model": 1},
        {"messages": [{"role": "user", "content": "x"}], "credentials": {"a": 1}},
        {"messages": [{"role": "user", "content": {1, 2}}]},
    ],
)
def test_a_body_that_is_no_job_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidJob):
        JobSpec.from_json(body)


def test_an_answer_survives_json_and_a_null_is_a_value() -> None:
    for answer in (
        JobAnswer("c", value=None),
        JobAnswer("c", value={"a": 1}, token="t", metadata={"m": 1}),
        JobAnswer("c", approved=False, reason="no", arguments_text="{}"),
        JobAnswer("c", error="closed"),
    ):
        assert JobAnswer.from_json(answer.to_json()) == answer
    for body in ({}, {"call_id": 1}, {"call_id": "c", "approved": "yes"}, {"call_id": "c", "other": 1}):
        with pytest.raises(InvalidAnswer):
            JobAnswer.from_json(body)
