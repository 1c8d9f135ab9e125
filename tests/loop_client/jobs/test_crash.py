"""Processes that run jobs are killed at any moment: nothing recorded is run again, no event is lost, every job ends."""

from __future__ import annotations

from pathlib import Path

from tests.loop_client.jobs.crash import COLUMNS, Plan, crash


async def test_ten_kills_of_a_worker_lose_and_repeat_nothing(tmp_path: Path) -> None:
    store, log = f"sqlite:///{tmp_path}/jobs.db", tmp_path / "tools.log"
    outcome = await crash(store, log, Plan(jobs=12, kills=10, seed=7, seconds=56))
    assert outcome.problems() == [], log.with_suffix(".out").read_text()[-4000:]
    print(dict(zip(COLUMNS, outcome.row(), strict=True)))
    assert outcome.kills == 10
    assert outcome.tools > 10
