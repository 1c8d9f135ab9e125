"""Two versions whose steps are in another order over one database: each works on jobs of its own alone."""

from __future__ import annotations

import json
import random
import shutil
import sys
from pathlib import Path

from loop_client.jobs import JobAnswer, JobSpec
from loop_client.jobs.durable_store import LAYOUT
from tests.loop_client.jobs.crash import ROOT, Workers, api, worker_command
from tests.loop_client.jobs.stage import OWNER, ended, script, until

OTHER = """
import runpy, sys
sys.path[:0] = {paths!r}
runpy.run_module("tests.loop_client.jobs.crash_worker", run_name="__main__", alter_sys=True)
"""


async def test_a_worker_of_another_version_leaves_jobs_alone_and_one_of_theirs_goes_on(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "loop_client", tmp_path / "loop_client", ignore=shutil.ignore_patterns("__pycache__"))
    layout = tmp_path / "loop_client" / "jobs" / "durable_store.py"
    assert layout.read_text().count(f"LAYOUT: Final = {LAYOUT}\n") == 1
    layout.write_text(layout.read_text().replace(f"LAYOUT: Final = {LAYOUT}\n", f"LAYOUT: Final = {LAYOUT + 1}\n"))
    store, log, foreign = f"sqlite:///{tmp_path}/jobs.db", tmp_path / "log", tmp_path / "foreign"
    code = OTHER.format(paths=[str(tmp_path), str(ROOT)])
    own = worker_command(store, log, 0.1)
    commands = [own(0), [sys.executable, "-c", code, store, str(foreign), "--longest", "0.1"]]
    workers = Workers(lambda place: commands[place], 2, random.Random(1), tmp_path / "out")
    async with api(store) as engine:
        try:
            await workers.start(0)
            waiting = await engine.start(JobSpec.of(script([["c1", "human", {}]], [["c2", "again", {}]])), owner=OWNER)
            await until(engine, waiting.id, "tool-deferred")
            await workers.kill(0)
            queued = await engine.start(JobSpec.of(script([["c1", "again", {}]])), owner=OWNER)
            await engine.answer(waiting.id, [JobAnswer("c1", value="x")], owner=OWNER)
            await workers.start(1)
            await workers.ready(1)
            # While one of their own starts, the other has both jobs before it, and nobody else.
            await workers.start(0)
            for job_id in (waiting.id, queued.id):
                job = await ended(engine, job_id)
                assert job.status == "completed", (tmp_path / "out").read_text()
        finally:
            await workers.kill_all()
    starts = [json.loads(line)["key"] for line in log.read_text().splitlines() if '"start"' in line]
    assert sorted(starts) == sorted([f"{waiting.id}/2/c2", f"{queued.id}/1/c1"]), "each once, by their own version"
    assert foreign.read_text() == "", "the other version was there, and ran nothing"
