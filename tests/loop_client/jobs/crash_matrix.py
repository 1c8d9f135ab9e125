"""The long crash tests: every store, one and two workers, whole web servers, a restarted database; prints one table."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests import postgres
from tests.loop_client.jobs.crash import COLUMNS, Outcome, Plan, crash

LONG = Plan(jobs=60, kills=40, longest=0.8, wait=(0.0, 2.0), seconds=900)
PLANS: tuple[tuple[str, str, Plan], ...] = (
    ("SQLite, 1 worker", "sqlite", LONG),
    ("SQLite, 2 workers", "sqlite", replace(LONG, workers=2)),
    ("SQLite, whole web server", "sqlite", replace(LONG, kind="server", jobs=40, kills=20)),
    ("SQLite, 2 whole web servers", "sqlite", replace(LONG, kind="server", workers=2, jobs=40, kills=20)),
    ("PostgreSQL, 1 worker", "postgres", LONG),
    ("PostgreSQL, 2 workers", "postgres", replace(LONG, workers=2)),
    ("PostgreSQL, 2 whole web servers", "postgres", replace(LONG, kind="server", workers=2, jobs=40, kills=20)),
    (
        "PostgreSQL restarted, 2 workers",
        "restart",
        replace(LONG, workers=2, jobs=40, kills=5, wait=(3.0, 6.0), longest=2.0),
    ),
)


async def run(name: str, kind: str, plan: Plan, server: postgres.PostgresServer | None) -> Outcome:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "tools.log"
        if kind == "sqlite":
            return await crash(f"sqlite:///{folder}/jobs.db", log, plan)
        assert server is not None
        with server.database() as store:
            disturb = restarting(server) if kind == "restart" and isinstance(server, postgres.OwnPostgres) else None
            return await crash(store, log, plan, disturb)


def restarting(server: postgres.OwnPostgres) -> Callable[[], Awaitable[None]]:
    """What stops a server at once and starts it again."""

    async def restart() -> None:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)

    return restart


@asynccontextmanager
async def server_for(kinds: set[str]) -> AsyncGenerator[postgres.PostgresServer | None, None]:
    """A server, where one is needed and can be had; one of our own, where it is to be restarted."""
    if not kinds & {"postgres", "restart"} or not postgres.is_here():
        yield None
    elif postgres.programs() is not None:
        with postgres.own_postgres() as own:
            yield own
    else:
        with postgres.postgres_server() as server:
            yield server


async def main() -> int:
    """Run every plan; 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description="Kill the processes that run jobs, and count what went wrong.")
    parser.add_argument("--only", default="", help="run the lines whose name holds this")
    parser.add_argument("--scale", type=float, default=1.0, help="times the jobs and kills of every line")
    given = parser.parse_args()
    plans = [plan for plan in PLANS if given.only.lower() in plan[0].lower()]
    problems: list[str] = []
    print(f"| {' | '.join(('', *COLUMNS))} |", f"|{' --- |' * (len(COLUMNS) + 1)}", sep="\n", flush=True)
    async with server_for({kind for _, kind, _ in plans}) as server:
        for name, kind, plan in plans:
            can_restart = isinstance(server, postgres.OwnPostgres)
            if kind != "sqlite" and (server is None or (kind == "restart" and not can_restart)):
                print(f"| {name} | not run: there is no such PostgreSQL server here |", flush=True)
                continue
            scaled = replace(plan, jobs=max(2, round(plan.jobs * given.scale)), kills=round(plan.kills * given.scale))
            outcome = await run(name, kind, scaled, server)
            problems += [f"{name}: {problem}" for problem in outcome.problems()]
            print(f"| {' | '.join((name, *map(str, outcome.row())))} |", flush=True)
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
