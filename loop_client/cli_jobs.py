"""The command `loop-client jobs`: starts, shows, watches, answers and ends jobs of a service, or of a store."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, nullcontext
from typing import Any, Final, get_args

from loop_client.client import LoopClient
from loop_client.display import display_for
from loop_client.display_jobs import job_lines, list_lines, waiting_lines
from loop_client.environment import from_environment
from loop_client.errors import ConfigurationError
from loop_client.events import AnyEvent, RunFinish
from loop_client.jobs import (
    Job,
    JobAnswer,
    JobEngine,
    JobError,
    JobEvent,
    JobRuntime,
    JobServiceError,
    JobSettings,
    JobSpec,
    JobStatus,
    RemoteJobs,
    job_engine,
)
from loop_client.jobs.fold import JobFold
from loop_client.jsontext import dumps, loads

URL_VARIABLE: Final = "LOOP_CLIENT_URL"
KEY_VARIABLE: Final = "LOOP_CLIENT_KEY"
USUAL_URL: Final = "http://127.0.0.1:8090"
USUAL_OWNER: Final = "everybody"

DONE, FAILED, REFUSED = 0, 1, 4
"""Exit codes; a job that ended with a limit has that of ``loop-client ask``."""


async def run_jobs(options: argparse.Namespace, code_of: Callable[[RunFinish], int]) -> int:
    """Do what the command says.

    Args:
        options: As parsed.
        code_of: The exit code for a run that ended so.

    Raises:
        ConfigurationError: what is asked for cannot work.
    """
    try:
        async with _engine(options) as engine:
            return await _Command(engine, options, code_of).run()
    except JobError as error:
        print(f"loop-client: {error}", file=sys.stderr)
        return REFUSED
    except JobServiceError as error:
        print(f"loop-client: {error}", file=sys.stderr)
        return FAILED


@asynccontextmanager
async def _engine(options: argparse.Namespace) -> AsyncIterator[JobEngine]:
    engine: JobEngine
    if options.store is not None:
        if options.action == "start":
            raise ConfigurationError("a job is started by a service, which knows its tools: --store cannot")
        store = from_environment(options.store, "--store")
        if store == "memory":
            raise ConfigurationError("jobs in memory are of one process only; use --url")
        # What is done here needs no client: nothing is started or worked on.
        nobody = LoopClient(base_url="http://127.0.0.1", model="none")
        engine = job_engine(JobSettings(store=store, role="api"), JobRuntime(nobody))
    else:
        key = options.key or (f"env:{KEY_VARIABLE}" if os.environ.get(KEY_VARIABLE) else None)
        url = options.url or os.environ.get(URL_VARIABLE) or USUAL_URL
        engine = RemoteJobs(url, api_key=None if key is None else from_environment(key, "--key"))
    await engine.open()
    try:
        yield engine
    finally:
        await engine.aclose()


class _Command:
    def __init__(self, engine: JobEngine, options: argparse.Namespace, code_of: Callable[[RunFinish], int]) -> None:
        self._engine = engine
        self._options = options
        self._owner: str = options.owner
        self._code_of = code_of

    async def run(self) -> int:
        options, engine, owner = self._options, self._engine, self._owner
        match options.action:
            case "start":
                key = options.idempotency_key or secrets.token_hex(16)
                return await self._begun(await engine.start(_spec(options), owner=owner, idempotency_key=key))
            case "retry":
                return await self._begun(await engine.retry(options.id, owner=owner, from_round=options.from_round))
            case "list":
                jobs = await engine.list(owner, options.status, options.limit, options.before)
                _print((dumps(job.to_json()) for job in jobs) if options.json else list_lines(jobs))
            case "show":
                self._show(await engine.get(options.id, owner=owner))
            case "cancel":
                self._show(await engine.cancel(options.id, owner=owner))
            case "answer":
                self._show(await engine.answer(options.id, [_answer(options)], owner=owner))
            case _:
                return await self._watch(options.id, options.after)
        return DONE

    async def _begun(self, job: Job) -> int:
        if not self._options.watch:
            _print([dumps(job.to_json()) if self._options.json else job.id])
            return DONE
        print(f"job {job.id}", file=sys.stderr)
        return await self._watch(job.id, None)

    def _show(self, job: Job) -> None:
        if self._options.json:
            _print([dumps(job.to_json())])
            return
        _print(job_lines(job))
        _print(waiting_lines(job.id, [call for call in job.active_calls if call.state == "waiting"]))

    async def _watch(self, job_id: str, after: int | None) -> int:
        finish: RunFinish | None = None
        status: str = ""
        display, show = self._output()
        fold = JobFold()
        with display:
            async with aclosing(self._engine.events(job_id, owner=self._owner, after=after)) as events:
                async for event in events:
                    show(event)
                    told = event.run_event()
                    finish = told if isinstance(told, RunFinish) else finish
                    status = event.data["status"] if event.type == "job-end" else status
                    if after is None:
                        fold.feed(event)
                        self._hint(job_id, event, fold)
        return await self._end(job_id, finish, status)

    def _hint(self, job_id: str, event: JobEvent, fold: JobFold) -> None:
        if event.type in {"tool-approval-requested", "tool-deferred"}:
            for line in waiting_lines(job_id, [fold.calls[event.data["call_id"]]]):
                print(f"loop-client: {line}", file=sys.stderr)

    async def _end(self, job_id: str, finish: RunFinish | None, status: str) -> int:
        if finish is None:  # cancelled, or the watching began behind its end
            job = await self._engine.get(job_id, owner=self._owner)
            if job.status != "completed":
                print(f"loop-client: the job is {status or job.status}", file=sys.stderr)
                return FAILED
            return DONE
        if self._options.quiet and finish.text:
            _print([finish.text])
        if finish.error is not None:
            print(f"loop-client: {finish.error.message}", file=sys.stderr)
        return self._code_of(finish)

    def _output(self) -> tuple[Any, Callable[[JobEvent], None]]:
        if self._options.json:
            return nullcontext(), lambda event: print(dumps(event.to_json()), flush=True)
        if self._options.quiet:
            return nullcontext(), lambda event: None
        display = display_for(sys.stdout)

        def show(event: JobEvent) -> None:
            told: AnyEvent | None = event.run_event()
            if told is not None:
                display.show(told)

        return display, show


def _spec(options: argparse.Namespace) -> JobSpec:
    question = sys.stdin.read() if options.question == "-" else options.question
    metadata = {} if options.metadata is None else _json(options.metadata, "--metadata")
    if not isinstance(metadata, dict):
        raise ConfigurationError("--metadata: a JSON object is expected")
    return JobSpec.of(question, model=options.model, system=options.system, profile=options.profile, metadata=metadata)


def _answer(options: argparse.Namespace) -> JobAnswer:
    if options.value is not None or options.text is not None:
        value = options.text if options.value is None else _json(options.value, "--value")
        return JobAnswer(options.call, value=value)
    approved = None if options.error is not None else bool(options.approve)
    return JobAnswer(options.call, error=options.error, approved=approved, reason=options.reason)


def _json(text: str, option: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        raise ConfigurationError(f"{option}: JSON is expected; a text stands in quotes") from None


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def add_jobs_command(commands: Any) -> None:
    """The command and its actions."""
    jobs = commands.add_parser(
        "jobs",
        help="start, show, watch, answer and end jobs of a service",
        description="Jobs of a running service (`loop-client serve`): runs that go on when nobody looks.",
        epilog="Exit codes: 0 done, and a watched job has answered; 1 it failed or was cancelled, or the service cannot"
        " be reached; 2 wrong usage; 3 a watched job reached a limit; 4 refused: no such job, or not in a state for"
        " this; 130 interrupted (the job goes on).",
        allow_abbrev=False,
    )
    actions = jobs.add_subparsers(dest="action", required=True, metavar="ACTION")
    start = _action(actions, "start", "start a job; prints its id")
    start.add_argument("question", metavar="QUESTION", help="the question, or - to read it from standard input")
    start.add_argument("--model", help="instead of the service's")
    start.add_argument("--system", metavar="TEXT", help="system prompt, instead of the service's")
    start.add_argument("--profile", default="default", help="which of the service's clients runs it")
    start.add_argument("--metadata", metavar="JSON", help="an object of your own, given back with the job")
    start.add_argument("--idempotency-key", metavar="KEY", help="the same key gives the same job, however often")
    _add_watching(start)
    listing = _action(actions, "list", "list jobs, the latest first")
    listing.add_argument("--status", choices=get_args(JobStatus), help="only those that are so now")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    listing.add_argument("--before", metavar="ID", help="only those older than this job")
    _action(actions, "show", "show a job with its rounds and calls", named=True)
    watch = _action(actions, "watch", "follow a job to its end, also through broken connections", named=True)
    watch.add_argument("--after", type=int, metavar="N", help="only events with a higher id")
    watch.add_argument("--quiet", action="store_true", help="print the answer only")
    _action(actions, "cancel", "end a job now", named=True)
    _add_answer(_action(actions, "answer", "answer a call that waits", named=True))
    retry = _action(actions, "retry", "make a new job of one that is over, behind what was recorded", named=True)
    retry.add_argument("--from-round", type=int, metavar="N", help="keep only what was recorded before this round")
    _add_watching(retry)


def _action(actions: Any, name: str, text: str, *, named: bool = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False
    )
    if named:
        parser.add_argument("id", metavar="ID", help="of the job")
    where = parser.add_argument_group("where the jobs are")
    where.add_argument("--url", help=f"of the service; {URL_VARIABLE}, or {USUAL_URL}, by default")
    where.add_argument(
        "--key", type=_reference, metavar="env:NAME", help=f"variable with the key; {KEY_VARIABLE} by default"
    )
    where.add_argument(
        "--store", metavar="URL", help="instead of a service: sqlite:///path, postgresql://… or env:NAME with one"
    )
    where.add_argument("--owner", default=USUAL_OWNER, help=f"whose jobs of the store ({USUAL_OWNER})")
    parser.add_argument("--json", action="store_true", help="print JSON, one value a line")
    return parser


def _add_watching(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="follow it to its end")
    parser.add_argument("--quiet", action="store_true", help="with --watch: print the answer only")


def _add_answer(answer: argparse.ArgumentParser) -> None:
    answer.add_argument("call", metavar="CALL", help="id of the call")
    kinds = answer.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--approve", action="store_true", help="let it run")
    kinds.add_argument("--deny", action="store_true", help="do not let it run")
    kinds.add_argument("--value", metavar="JSON", help="its result, as JSON")
    kinds.add_argument("--text", help="its result, as a text")
    kinds.add_argument("--error", metavar="TEXT", help="why there is no result; the model reads it")
    answer.add_argument("--reason", metavar="TEXT", help="of the decision")


def _reference(text: str) -> str:
    if not text.startswith("env:") or text == "env:":
        # The text is not repeated: it may be a key.
        raise argparse.ArgumentTypeError("env:NAME is expected, the name of an environment variable")
    return text
