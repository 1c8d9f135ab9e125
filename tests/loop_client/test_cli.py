"""The command: what it prints, on a terminal and elsewhere, and how it ends."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from loop_client import cli
from loop_client.display import PlainDisplay, display_for
from loop_client.display_live import LiveDisplay
from loop_client.display_text import cleaned, one_line
from loop_client.events import (
    AnyEvent,
    ReasoningDelta,
    RoundFinish,
    RoundStart,
    RunFinish,
    RunStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputError,
)
from loop_client.usage import Usage
from tests.loop_client.fake_server import WAIT, FakeServer, Turn, calls, delta, says


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(cli.DEFAULT_KEY_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("buy milk", encoding="utf-8")
    return tmp_path


def ask(server: FakeServer, *more: str) -> int:
    return cli.main(["ask", "what is in this folder?", "--base-url", server.base_url, "--model", "m", *more])


LOOK = calls(
    ("c1", "filetree_list", '{"source_id": "here", "max_depth": 1}'),
    ("c2", "filetree_read", '{"source_id": "here", "path": "notes.txt"}'),
)


def test_a_question_is_answered_about_the_current_folder_with_every_step_shown(
    server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.play(LOOK, says("A shopping list:\nbuy milk."))
    assert ask(server) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "model m, tools: filetree_list_sources, filetree_list, filetree_read, filetree_search, current_time"
    )
    assert "round 1" in lines
    assert "  filetree_list [c1] input-streaming" in lines
    assert any(line.startswith("  filetree_list [c1] ... {") for line in lines), "arguments are shown as they arrive"
    assert '  filetree_list [c1] input-available {"source_id": "here", "max_depth": 1}' in lines
    outputs = [line for line in lines if "output-available" in line]
    assert any("[c1]" in line and '{"path":"notes.txt","type":"file","size":8}' in line for line in outputs)
    assert any("[c2]" in line and '"content":"buy milk"' in line for line in outputs)
    assert any(line.startswith("  round 1 ended: tool_calls, ") and "tokens 20 in, 8 out" in line for line in lines)
    assert lines[lines.index("A shopping list:") + 1] == "buy milk."
    assert lines[-1].startswith("answered: 2 rounds, 2 tool calls, ")
    assert lines[-1].endswith("tokens 30 in, 13 out")
    assert "\x1b" not in "".join(lines)


def test_json_prints_one_event_a_line_with_the_history_in_the_last(
    server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.play(LOOK, says("A shopping list."))
    assert ask(server, "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["type"] for event in events][:2] == ["run-start", "round-start"]
    states = [event["state"] for event in events if event.get("call_id") == "c2"]
    assert states == ["input-streaming", "input-streaming", "input-streaming", "input-available", "output-available"]
    assert events[-1]["type"] == "run-finish"
    assert events[-1]["text"] == "A shopping list."
    assert events[-1]["messages"][-1] == {"role": "assistant", "content": "A shopping list."}


def test_quiet_prints_the_answer_only(server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.play(LOOK, says("A shopping list."))
    assert ask(server, "--quiet") == 0
    assert capsys.readouterr().out == "A shopping list.\n"


def test_named_roots_replace_the_current_folder(
    server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "inner").mkdir()
    server.play(calls(("c1", "filetree_list_sources", "{}")), says("ok"))
    assert ask(server, "--root", "docs=inner", "--root", f"all={folder}", "--quiet") == 0
    sources = json.loads(server.requests[1]["messages"][-1]["content"])["sources"]
    assert [source["source_id"] for source in sources] == ["docs", "all"]


def test_no_files_offers_no_file_tools(server: FakeServer, folder: Path) -> None:
    server.play(says("ok"))
    assert ask(server, "--no-files", "--system", "Be brief.", "--quiet") == 0
    assert [item["function"]["name"] for item in server.requests[0]["tools"]] == ["current_time", "calculate"]
    assert server.requests[0]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_the_question_may_come_from_standard_input(
    server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.play(says("ok"))
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe"))
    assert cli.main(["ask", "-", "--base-url", server.base_url, "--model", "m", "--quiet"]) == 0
    assert server.requests[0]["messages"][-1]["content"] == "from a pipe"


def test_the_key_comes_from_the_environment(server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.play(then=says("ok"))
    assert ask(server, "--quiet") == 0
    monkeypatch.setenv("OTHER_KEY", "k-other")
    assert ask(server, "--quiet", "--api-key", "env:OTHER_KEY") == 0
    monkeypatch.setenv(cli.DEFAULT_KEY_VARIABLE, "k-default")
    assert ask(server, "--quiet") == 0
    assert [headers.get("authorization") for headers in server.headers] == [None, "Bearer k-other", "Bearer k-default"]


def test_a_key_on_the_command_line_is_refused_and_not_repeated(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ask(server, "--api-key", "sk-secret")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "env:NAME is expected" in said
    assert "sk-secret" not in said
    assert not server.requests


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-secret ", "sk-sécret"])
def test_a_key_that_no_header_may_hold_is_refused_and_not_repeated(
    key: str, server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that was read from a file with its line break: the HTTP client quoted it in an error, which was shown."""
    monkeypatch.setenv(cli.DEFAULT_KEY_VARIABLE, key)
    with pytest.raises(SystemExit) as ended:
        ask(server)
    assert ended.value.code == 2
    said = "".join(capsys.readouterr())
    assert "api_key: no header may hold this value" in said
    assert "cret" not in said
    assert not server.requests


@pytest.mark.parametrize(
    "wrong",
    [
        ["--root", "docs"],
        ["--root", "docs=./no-such-folder"],
        ["--root", "a=.", "--root", "a=."],
        ["--api-key", "env:NO_SUCH_KEY"],
        ["--max-rounds", "0"],
        ["--max-rounds", "many"],
        ["--json", "--quiet"],
        ["--max-round", "3"],
    ],
)
def test_wrong_usage_ends_with_2(
    server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ask(server, *wrong)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_failed_run_ends_with_1_and_says_why(
    server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.play(Turn(status=401, body={"error": {"message": "who are you"}}))
    assert ask(server) == 1
    printed = capsys.readouterr()
    assert "who are you" in printed.err
    assert printed.out.splitlines()[-1].startswith("failed: 1 round, ")


def test_a_limit_ends_with_3(server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.play(then=LOOK)
    assert ask(server, "--max-rounds", "2") == 3
    assert "stopped at the limit of rounds: 2 rounds" in capsys.readouterr().out
    assert ask(server, "--max-rounds", "1", "--quiet") == 3
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "loop-client: no whole answer: max_rounds\n")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell that starts the tests in the background has them, and all that they start, ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_with_130_and_leaves_the_server(server: FakeServer, folder: Path) -> None:
    server.play(Turn((delta(content="I think\n"),), "hang"))
    command = [sys.executable, "-m", "loop_client", "ask", "q", "--base-url", server.base_url, "--model", "m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"I think"):
                process.send_signal(signal.SIGINT)
                break
        _, said = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert said == b"interrupted\n"
    assert server.client_left.wait(WAIT)


def test_a_reader_that_goes_away_ends_the_command_quietly(server: FakeServer, folder: Path) -> None:
    server.play(says("line\n" * 200_000))
    command = [sys.executable, "-m", "loop_client", "ask", "q", "--base-url", server.base_url, "--model", "m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(WAIT) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b""


def _environment(**more: str) -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    return {**kept, "PYTHONPATH": root, "TERM": "xterm-256color", **more}


def _on_a_terminal(server: FakeServer, **environment: str) -> str:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "loop_client", "ask", "q", "--base-url", server.base_url, "--model", "m"]
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=theirs, env=_environment(**environment)
    ) as process:
        os.close(theirs)
        seen = bytearray()
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline and select.select([ours], [], [], WAIT)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            if not piece:
                break
            seen += piece
        assert process.wait(WAIT) == 0
    os.close(ours)
    return seen.decode()


def test_on_a_terminal_the_view_is_live_and_coloured_and_honours_no_color(server: FakeServer, folder: Path) -> None:
    server.play(LOOK, says("A shopping list."), LOOK, says("A shopping list."))
    coloured = _on_a_terminal(server)
    assert "\x1b[32m" in coloured, "green for what succeeded"
    assert "\x1b[?25l" in coloured, "rows change in place"
    assert coloured.rstrip().endswith("\x1b[0m")
    plain = _on_a_terminal(server, NO_COLOR="1")
    assert "\x1b[32m" not in plain
    for shown in (coloured, plain):
        assert "output-available" in shown
        assert "A shopping list." in shown
        assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor is back"


def test_a_dumb_terminal_gets_plain_lines(server: FakeServer, folder: Path) -> None:
    server.play(LOOK, says("A shopping list."))
    assert "\x1b" not in _on_a_terminal(server, TERM="dumb")


RUN: list[AnyEvent] = [
    RunStart("run_1", "m", ("look",)),
    RoundStart(1),
    ReasoningDelta(1, "hm\nhm"),
    TextDelta(1, "Let me "),
    TextDelta(1, "look."),
    ToolInputStart(1, "c1", "look"),
    ToolInputStart(1, "c2", "look"),
    ToolInputDelta(1, "c1", '{"a":'),
    ToolInputDelta(1, "c1", "1}"),
    TextDelta(1, "And then"),
    RoundFinish(1, "tool_calls", "tool_calls", None, 0.5, None),
    ToolOutputError(1, "c2", "look", "{", "invalid_json", "bad\nJSON", 0.0),
    ToolInputAvailable(1, "c1", "look", '{"a":1}'),
    ToolOutputAvailable(1, "c1", "look", "x" * 10_000, 1.25),
    RoundStart(2),
    TextDelta(2, "\x1b[2Jevil\x07"),
    RoundFinish(2, "stop", "stop", Usage(1, 2), 0.5, None),
    RunFinish("run_1", "max_rounds", "", (), Usage(), 2, 2, 61.0),
]


def test_plain_lines_of_a_whole_run() -> None:
    stream = io.StringIO()
    with PlainDisplay(stream) as display:
        for event in RUN:
            display.show(event)
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("  look [c1] output")] == [
        "model m, tools: look",
        "round 1",
        "  (reasoning) hm",
        "  (reasoning) hm",
        "Let me look.",
        "  look [c1] input-streaming",
        "  look [c2] input-streaming",
        "And then",
        '  look [c1] ... {"a":1}',
        "  round 1 ended: tool_calls, 500 ms, tokens not reported",
        "  look [c2] output-error (0 ms) invalid_json: bad JSON",
        '  look [c1] input-available {"a":1}',
        "round 2",
        "\ufffd[2Jevil\ufffd",
        "  round 2 ended: stop, 500 ms, tokens 1 in, 2 out",
        "stopped at the limit of rounds: 2 rounds, 2 tool calls, 61.0 s, tokens not reported",
    ]
    assert max(map(len, lines)) < 250


def test_the_live_view_of_a_whole_run_fits_its_width_and_obeys_no_text() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=60, highlight=False, markup=False, color_system=None)
    with LiveDisplay(console) as display:
        for event in RUN:
            display.show(event)
    shown = stream.getvalue()
    assert "invalid_json: bad JSON" in shown
    assert "1.2 s" in shown
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    assert shown.rstrip().endswith("tokens not reported")


def test_a_live_view_left_in_the_middle_gives_the_cursor_back() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=60)
    with LiveDisplay(console) as display:
        for event in RUN[:8]:
            display.show(event)
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_a_stream_that_is_no_terminal_gets_plain_lines() -> None:
    assert isinstance(display_for(io.StringIO()), PlainDisplay)


def test_text_is_made_harmless_and_short() -> None:
    assert cleaned("a\r\nb\tc\x9b31m\u202e") == "a\nb\tc\ufffd31m\ufffd"
    assert one_line("a \n  b", 10) == "a b"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
    assert len(one_line(" " * 1000 + "x", 10)) <= 10
