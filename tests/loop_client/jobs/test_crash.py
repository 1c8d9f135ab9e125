"""Processes that run jobs are killed at any moment: nothing recorded is run again, no event is lost, every job ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.loop_client.jobs.crash import COLUMNS, Plan, crash
from tests.postgres import own_postgres


async def test_ten_kills_of_a_worker_lose_and_repeat_nothing(tmp_path: Path) -> None:
    store, log = f"sqlite:///{tmp_path}/jobs.db", tmp_path / "tools.log"
    outcome = await crash(store, log, Plan(jobs=12, kills=10, seed=7, seconds=56))
    assert outcome.problems() == [], log.with_suffix(".out").read_text()[-4000:]
    print(dict(zip(COLUMNS, outcome.row(), strict=True)))
    assert outcome.kills == 10
    assert outcome.tools > 10


@pytest.mark.needs_own_postgres
async def test_a_restarted_database_is_survived(tmp_path: Path) -> None:
    with own_postgres() as server, server.database() as store:

        async def restart() -> None:
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)

        log = tmp_path / "tools.log"
        plan = Plan(jobs=6, kills=1, wait=(2.0, 3.0), seed=3, seconds=56, longest=1.5, cancelled=0)
        outcome = await crash(store, log, plan, restart)
    assert outcome.problems() == [], log.with_suffix(".out").read_text()[-4000:]
    print(dict(zip(COLUMNS, outcome.row(), strict=True)))
    assert outcome.tools > 6
