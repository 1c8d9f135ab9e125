"""Several workers on one port, as real processes: who answers, what is counted, who dies, and how all of it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from router.config import ConfigError, load_config
from router.listening import CannotListenError, addresses_of, listen, listen_for_workers
from tests.e2e.service import client
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import EndlessStream, running
from tests.router.command import SECONDS, Serving, environment, ran, serving
from tests.router.test_metrics import REQUESTS, Counted

BODY = {"model": "scripted/demo", "messages": [{"role": "user", "content": "x"}]}


def workers_of(service: Serving) -> list[int]:
    """The process ids of its workers."""
    parent = service.process.pid
    return [int(text) for text in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def ask(url: str, times: int) -> None:
    """Each request on a connection of its own."""
    for _ in range(times):
        with client(url) as http:
            assert http.post("/v1/chat/completions", json=BODY).status_code == 200


def counted(url: str) -> Counted:
    with client(url) as http:
        return Counted(http.get("/metrics").text)


@contextmanager
def two_workers(folder: Path, **environ: str) -> Iterator[Serving]:
    with serving("--workers", "2", folder=folder, environ=environ) as service:
        listening = service.wait_for("listening")
        assert listening["workers"] == 2
        yield service


def test_all_of_them_answer_and_are_counted_together(tmp_path: Path) -> None:
    with two_workers(tmp_path) as service:
        assert len(workers_of(service)) == 2
        ask(service.url, 30)
        readings = {counted(service.url).of(REQUESTS, face="chat") for _ in range(10)}
        assert readings == {30}
        assert counted(service.url).of("info") == 1
        assert service.stop() == 0
    said = [line["message"] for line in service.lines]
    assert (said.count("listening"), said.count("stopped"), said[-1]) == (1, 1, "stopped")
    assert said.count("request") == 30 + 11
    assert all(line["level"] in {"info", "warning"} for line in service.lines)


def test_one_that_dies_is_started_again_and_what_it_counted_stays(tmp_path: Path) -> None:
    fake = OpenAIChat()
    fake.fail(EndlessStream(after=2))
    with running(fake) as upstream:
        keys = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": f"{upstream}/v1"}
        with two_workers(tmp_path, **keys) as service, client(service.url) as http:
            ask(service.url, 10)
            body = {**BODY, "model": "openai/gpt-4.1", "stream": True}
            with http.stream("POST", "/v1/chat/completions", json=body) as answer:
                pieces = answer.iter_bytes()
                assert next(pieces)
                assert counted(service.url).of("streams_in_flight") == 1
                first = workers_of(service)
                for process in first:
                    os.kill(process, signal.SIGKILL)
                ended = [service.wait_for("a worker ended and is started again") for _ in first]
            assert {line["process"] for line in ended} == set(first)
            assert {line["exit_code"] for line in ended} == {-signal.SIGKILL}
            ask(service.url, 10)
            found = counted(service.url)
            assert found.of("streams_in_flight") == 0
            assert found.of(REQUESTS, face="chat", provider="scripted") == 20
            assert len(workers_of(service)) == 2
            assert set(workers_of(service)).isdisjoint(first)
            assert service.stop() == 0


def test_streams_under_way_are_finished_and_nothing_new_is_begun(tmp_path: Path) -> None:
    (tmp_path / "slow.toml").write_text("[[turns]]\ntext = 'abcdefgh'\nchunk_size = 1\ndelay_ms = 60\n")
    (tmp_path / "router.toml").write_text(
        "[server]\nworkers = 2\n[providers.slow]\ndialect = 'scripted'\nscript = 'slow.toml'\n"
    )
    body = {**BODY, "model": "slow/x", "stream": True}
    with serving("--config", "router.toml", folder=tmp_path) as service, client(service.url) as http:
        with http.stream("POST", "/v1/chat/completions", json=body) as answer:
            pieces = answer.iter_text()
            text = next(pieces)
            service.process.send_signal(signal.SIGTERM)
            text += "".join(pieces)
        assert service.process.wait(SECONDS) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])))
    assert text.endswith("data: [DONE]\n\n")


def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    fake = OpenAIChat()
    fake.fail(EndlessStream(after=2))
    with running(fake) as upstream:
        keys = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": f"{upstream}/v1"}
        body = {**BODY, "model": "openai/gpt-4.1", "stream": True}
        with (
            two_workers(tmp_path, **keys) as service,
            client(service.url) as http,
            http.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            pieces = answer.iter_bytes()
            assert next(pieces)
            service.process.send_signal(signal.SIGTERM)
            service.process.send_signal(signal.SIGINT)
            assert service.process.wait(15) == 0
        assert fake.wait_disconnected()


def test_told_to_stop_while_it_starts_it_stops(tmp_path: Path) -> None:
    with serving("--workers", "3", folder=tmp_path) as service:
        service.wait_for("ready")  # the first worker's own; the others are being started
        assert service.stop() == 0
    assert not any(line["level"] == "error" for line in service.lines)


def test_workers_end_with_the_process_that_keeps_them(tmp_path: Path) -> None:
    with two_workers(tmp_path) as service:
        service.process.kill()
        service.process.wait(SECONDS)
        # They hold the other end of its log: it ends when the last of them does.
        assert service.ended()


def test_what_is_wrong_with_the_start_is_told_once(tmp_path: Path) -> None:
    program = (
        "import sys, router.service\n"
        "def broken(*given): raise RuntimeError('no')\n"
        "router.service.Service = broken\n"
        "from router.cli import main\n"
        "sys.exit(main(['serve', '--port', '0', '--workers', '3']))\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError") == 1
    assert done.stderr.count("a worker could not start") == 1
    assert '"listening"' not in done.stderr


# ---- the sockets


def test_the_system_spreads_connections_among_them() -> None:
    """By their addresses, so that each gets its share; 200 all on one side do not happen by chance."""
    places = listen_for_workers(addresses_of("127.0.0.1", 0), 2)
    address = places[0][0].getsockname()
    assert [listener.getsockname() for sockets in places for listener in sockets] == [address] * 2
    made = [socket.create_connection(address) for _ in range(200)]
    numbers = []
    for (listener,) in places:
        listener.setblocking(False)
        numbers.append(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                listener.accept()[0].close()
                numbers[-1] += 1
        listener.close()
    for connection in made:
        connection.close()
    assert sum(numbers) == 200
    assert min(numbers) > 50


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_is_taken_is_not_shared_by_accident(workers: int, shared: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=shared) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListenError, match="already in use"):
            listen_for_workers([(socket.AF_INET, "127.0.0.1", port)], workers)


def test_one_worker_has_the_port_for_itself() -> None:
    (sockets,) = listen_for_workers(addresses_of("127.0.0.1", 0), 1)
    with pytest.raises(CannotListenError):
        listen([(socket.AF_INET, *sockets[0].getsockname())])
    for listener in sockets:
        listener.close()


# ---- how many


def test_how_many_is_said_by_the_command_line_the_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "router.toml"
    file.write_text("[server]\nworkers = 3\n")
    assert load_config(None, {}).server.workers == 1
    assert load_config(None, {"AI_ROUTER_WORKERS": "2"}).server.workers == 2
    assert load_config(file, {"AI_ROUTER_WORKERS": "2"}).server.workers == 3
    with serving("--config", "router.toml", "--workers", "2", folder=tmp_path) as service:
        assert service.wait_for("listening")["workers"] == 2


@pytest.mark.parametrize("number", ["0", "-1", "two", "257", "1.5"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    assert ran("serve", "--workers", number, folder=tmp_path).returncode == 2
    with pytest.raises(ConfigError, match="AI_ROUTER_WORKERS"):
        load_config(None, {"AI_ROUTER_WORKERS": number})
    file = tmp_path / "router.toml"
    file.write_text(f"[server]\nworkers = {number if number[-1].isdecimal() else repr(number)}\n")
    with pytest.raises(ConfigError, match=r"server\.workers"):
        load_config(file, {})
