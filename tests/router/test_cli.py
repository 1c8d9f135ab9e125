"""The command as a real process: what it prints, where it listens, what it refuses, how it ends."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from providers.upstreams.catalog import builtin_rows
from router.keys import KeyRing, stored_key
from tests.e2e.service import client
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import EndlessStream, running
from tests.router.command import COMMAND, REPOSITORY, SECONDS, environment, ran, serving

BODY = {"model": "scripted/demo", "messages": [{"role": "user", "content": "x"}]}


def version() -> str:
    """The version that the project says it has."""
    found = re.search(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_version_is_the_projects(tmp_path: Path) -> None:
    done = ran("--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"ai-router {version()}\n")


@pytest.mark.parametrize(
    "arguments", [(), ("nothing",), ("keys",), ("serve", "--port", "x"), ("serve", "--port", "70000")]
)
def test_wrong_usage_is_code_two(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = ran(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert "usage: ai-router" in done.stderr


# ---- serve


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_when_told(tmp_path: Path, by: signal.Signals) -> None:
    with serving(folder=tmp_path) as service:
        assert service.url.startswith("http://127.0.0.1:")
        with client(service.url) as http:
            assert http.post("/v1/chat/completions", json=BODY).status_code == 200
        assert service.stop(by) == 0
    assert service.lines[-1]["message"] == "stopped"
    assert all(line["level"] in {"info", "warning"} for line in service.lines)


def test_a_stream_under_way_is_finished_before_it_stops(tmp_path: Path) -> None:
    (tmp_path / "slow.toml").write_text("[[turns]]\ntext = 'abcdefgh'\nchunk_size = 1\ndelay_ms = 60\n")
    (tmp_path / "router.toml").write_text("[providers.slow]\ndialect = 'scripted'\nscript = 'slow.toml'\n")
    body = {**BODY, "model": "slow/x", "stream": True}
    with (
        serving("--config", "router.toml", folder=tmp_path) as service,
        client(service.url) as http,
        http.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        pieces = answer.iter_text()
        first = next(pieces)
        service.process.send_signal(signal.SIGTERM)
        text = first + "".join(pieces)
        assert service.process.wait(SECONDS) == 0
    assert text.endswith("data: [DONE]\n\n")


def test_the_address_comes_from_the_file_and_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text("[server]\nhost = '0.0.0.0'\nport = 1\nopen = true\n")
    with serving("--config", "router.toml", "--host", "localhost", folder=tmp_path) as service:
        assert service.url.partition("//")[2].rpartition(":")[0] in {"127.0.0.1", "[::1]"}
        listening = service.lines[-1]["addresses"]
    assert len({address.rpartition(":")[2] for address in listening}) == 1


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = ran("serve", "--port", str(port), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"ai-router serve: cannot listen on 127.0.0.1 port {port}: address already in use\n"


def test_a_host_that_is_not_ours_is_one_clear_line(tmp_path: Path) -> None:
    for host in ("no-such-host.invalid", "203.0.113.7", "a" * 300):
        done = ran("serve", "--host", host, "--port", "0", "--open", folder=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert done.stderr.startswith("ai-router serve: ")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])  # noqa: S104  # refused
def test_other_machines_are_not_let_in_by_accident(tmp_path: Path, host: str) -> None:
    done = ran("serve", "--host", host, "--port", "0", folder=tmp_path)
    assert done.returncode == 1
    assert "ai-router keys new" in done.stderr
    assert "--open" in done.stderr


@pytest.mark.parametrize(("arguments", "environ"), [(["--open"], {}), ([], {"AI_ROUTER_KEYS": "k" * 40})])
def test_with_keys_or_on_purpose_they_are(tmp_path: Path, arguments: list[str], environ: dict[str, str]) -> None:
    with serving("--host", "0.0.0.0", *arguments, folder=tmp_path, environ=environ) as service:  # noqa: S104
        url = service.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        with client(url) as http:
            key = {"authorization": f"Bearer {environ.get('AI_ROUTER_KEYS', 'none')}"}
            assert http.get("/v1/models", headers=key).status_code == 200
            assert http.get("/v1/models").status_code == (401 if environ else 200)


def test_a_wrong_configuration_is_told_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text("x = 1\n[server]\nport = 'a'\n")
    done = ran("serve", "--config", "router.toml", folder=tmp_path)
    assert done.returncode == 1
    assert {tuple(line.split(": ")[:3]) for line in done.stderr.splitlines()} == {
        ("ai-router serve", "router.toml", "x"),
        ("ai-router serve", "router.toml", "server.port"),
    }


def test_a_second_signal_ends_it_at_once_and_with_it_the_upstream_call(tmp_path: Path) -> None:
    fake = OpenAIChat()
    fake.fail(EndlessStream(after=2))
    with running(fake) as upstream:
        environ = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": f"{upstream}/v1"}
        body = {**BODY, "model": "openai/gpt-4.1", "stream": True}
        with (
            serving(folder=tmp_path, environ=environ) as service,
            client(service.url) as http,
            http.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            next(answer.iter_bytes())
            service.process.send_signal(signal.SIGTERM)
            service.process.send_signal(signal.SIGINT)
            assert service.process.wait(15) == 0
        assert fake.wait_disconnected()


# ---- check


def test_check_shows_what_is_configured_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text(
        """
        [server]
        workers = 3
        [providers.mine]
        dialect = "openai-chat"
        base_url = "http://127.0.0.1:9/v1"
        api_key = "canary-1"
        headers = { x-team = "canary-2" }
        timeout = { first_byte = 7 }
        models = ["small"]
        [aliases]
        fast = "mine/small"
        """
    )
    environ = {"AI_ROUTER_KEYS": "canary-3", "ANTHROPIC_API_KEY": "canary-4"}
    done = ran("check", "--config", "router.toml", folder=tmp_path, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    shown = [
        "router.toml",
        "127.0.0.1, port 8080",
        "3 processes",
        "environment-1",
        "mine: openai-chat at http://127.0.0.1:9/v1",
    ]
    shown += ["x-team", "first byte 7", "mine/small", "fast = mine/small", "anthropic", "short enough"]
    assert [text for text in shown if text not in done.stdout] == []
    assert "canary" not in done.stdout


def test_check_names_every_problem_and_fails(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text("[providers.a]\ndialect = 'nope'\n[aliases]\nx = 'y'\n")
    done = ran("check", "--config", "router.toml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert [line.split(": ")[2] for line in lines] == ["providers.a.dialect", "providers.a.base_url", "aliases.x"]
    assert all(line.startswith("ai-router check: router.toml: ") for line in lines)


def test_check_sees_that_serve_would_refuse(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text("[server]\nhost = '0.0.0.0'\n")
    done = ran("check", "--config", "router.toml", folder=tmp_path)
    assert done.returncode == 1
    assert "server.host" in done.stderr


# ---- keys


def test_a_new_key_works_as_it_is_printed(tmp_path: Path) -> None:
    done = ran("keys", "new", "--name", "team-a", folder=tmp_path)
    assert done.returncode == 0
    key = re.search(r"^  (air_\S+)$", done.stdout, re.MULTILINE)
    table = re.search(r"^  \[\[keys\]\]\n(?:  .*\n)+", done.stdout, re.MULTILINE)
    variable = re.search(r"^  AI_ROUTER_KEYS=(\S+)$", done.stdout, re.MULTILINE)
    assert key is not None
    assert table is not None
    assert variable is not None
    assert KeyRing([stored_key(variable[1], "x")]).verify(key[1]) == "team-a"
    (tmp_path / "router.toml").write_text(table[0])
    with serving("--config", "router.toml", folder=tmp_path) as service, client(service.url) as http:
        assert http.get("/v1/models", headers={"authorization": f"Bearer {key[1]}"}).status_code == 200
        assert http.get("/v1/models").status_code == 401


def test_a_key_without_a_name_gets_one_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    assert re.search(r'name = "key-[0-9a-f]{6}"', ran("keys", "new", folder=tmp_path).stdout)
    assert ran("keys", "new", "--name", "a b", folder=tmp_path).returncode == 2


# ---- demo


def test_the_demo_answers_through_a_second_process(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("First file.\n")
    (tmp_path / "two.md").write_text("Second file.\n")
    started = time.monotonic()
    done = ran("demo", "--folder", str(tmp_path), folder=tmp_path)
    seconds = time.monotonic() - started
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 10
    assert len(re.findall(r"^round \d+$", done.stdout, re.MULTILINE)) >= 2
    parallel = re.search(r"round 3\n.*?round 4", done.stdout, re.DOTALL)
    assert parallel is not None
    assert len(set(re.findall(r"filetree_read \[(\S+)\] output-available", parallel[0]))) == 2
    assert "First file." in done.stdout.partition("round 4\n")[2]
    assert "\x1b" not in done.stdout


def test_the_demo_of_a_folder_that_is_not_there_fails(tmp_path: Path) -> None:
    done = ran("demo", "--folder", str(tmp_path / "none"), folder=tmp_path)
    assert done.returncode != 0
    assert "none" in done.stderr


def test_the_demo_of_a_provider_without_a_key_says_what_to_do(tmp_path: Path) -> None:
    done = ran("demo", "--model", "anthropic/claude-sonnet-5", folder=tmp_path)
    assert done.returncode == 1
    assert "set its key" in done.stderr


def test_the_demo_goes_through_a_real_provider(tmp_path: Path) -> None:
    """The same with a model: here a strict stand-in for OpenAI."""
    fake = OpenAIChat()
    with running(fake) as upstream:
        environ = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": f"{upstream}/v1"}
        done = ran("demo", "--model", "openai/gpt-4.1", "--folder", str(tmp_path), folder=tmp_path, **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert fake.requests
    assert json.loads(fake.requests[0].body)["tools"]


# ---- start-up


SDKS = ("openai", "anthropic", "google.genai", "google.auth", "httpx2", "azure")


@pytest.mark.parametrize("keyed", [False, True], ids=["scripted alone", "every key"])
def test_no_sdk_is_imported_where_data_says_all(keyed: bool) -> None:
    """Each of them takes a second or more, and what the pool sends needs none."""
    program = (
        "import asyncio, os, sys\n"
        "from router.app import create_app\n"
        "from router.config import load_config\n"
        "app = create_app(load_config(None, os.environ))\n"
        "async def run():\n"
        "    async with app.router.lifespan_context(app):\n"
        "        await app.state.router.pipeline()\n"
        "        assert app.state.router.readiness == 'ready'\n"
        "        print(len(app.state.router.upstreams))\n"
        "asyncio.run(run())\n"
        f"print(*[name for name in {SDKS!r} if name in sys.modules])\n"
    )
    keys = {name: "key-of-test" for row in builtin_rows().values() for name in row.key_env} if keyed else {}
    done = subprocess.run(
        [COMMAND[0], "-c", program],
        env=environment(**keys),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    opened, imported = done.stdout.splitlines()
    assert imported == ""
    assert int(opened) > 10 if keyed else opened == "1"


def test_the_sdk_is_imported_where_a_row_asks_for_it(tmp_path: Path) -> None:
    """In the background, and no other with it."""
    program = (
        "import asyncio, pathlib, sys\n"
        "from router.app import create_app\n"
        "from router.config import load_config\n"
        "app = create_app(load_config(pathlib.Path('router.toml'), {}))\n"
        "async def run():\n"
        "    async with app.router.lifespan_context(app):\n"
        "        await app.state.router.pipeline()\n"
        "asyncio.run(run())\n"
        f"print(*[name for name in {SDKS!r} if name in sys.modules])\n"
    )
    (tmp_path / "router.toml").write_text("[providers.openai]\napi_key = 'key-of-test'\ntransport = 'sdk'\n")
    done = subprocess.run(
        [COMMAND[0], "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert done.stdout.split() == ["openai", "httpx2"]


def test_the_command_imports_no_server_to_make_a_key() -> None:
    program = "import sys; import router.cli; print('fastapi' in sys.modules, 'uvicorn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert done.stdout.split() == ["False", "False"]
