"""Lists by the beginning of the id, as chats look for their jobs."""

from __future__ import annotations

from loop_client.jobs import JobEngine, JobSpec
from tests.loop_client.jobs.stage import ended, script


async def test_a_list_may_be_of_ids_that_begin_alike(engine: JobEngine) -> None:
    for job_id in ("chat_a_1", "chat_a_2", "chat_ab_1", "other"):
        await engine.start(JobSpec.of(script()), owner="ada", job_id=job_id)
        await ended(engine, job_id)
    await engine.start(JobSpec.of(script()), owner="bob", job_id="chat_a_3")
    assert [job.id for job in await engine.list("ada", prefix="chat_a_")] == ["chat_a_2", "chat_a_1"]
    assert [job.id for job in await engine.list("ada", limit=1, prefix="chat_a_")] == ["chat_a_2"]
    assert [job.id for job in await engine.list("ada", prefix="chat_a_", before="chat_a_2")] == ["chat_a_1"]
    assert [job.id for job in await engine.list("ada", "failed", prefix="chat_")] == []
    assert await engine.list("ada", prefix="chat%") == []
