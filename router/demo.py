"""``ai-router demo``: the whole product on one machine, the router here and the loop client in a second process."""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from router.config import Config, ConfigError, load_config
from router.keys import new_key, plain_key
from router.logs import configure_logging
from router.serve import service_of

QUESTION = "What is in this folder?"
_DEFAULT_MODEL = "scripted/demo"
_START_SECONDS = 30.0
_KEY_VARIABLE = "AI_ROUTER_DEMO_KEY"


def run_demo(model: str | None = None, folder: Path | None = None) -> int:
    """Answer a question about a folder (the current one by default) through a router started for it.

    ``model`` is ``provider/model`` with its key in the environment, or an alias of the configuration; without one the
    built-in script answers and nothing leaves the machine. Returns an exit code, 0 where there was an answer.
    """
    if importlib.util.find_spec("loop_client") is None:
        return _refuse("the demo needs the loop client beside the router: pip install ai-router-loop-client")
    chosen = model or _DEFAULT_MODEL
    try:
        config = load_config(None, os.environ)
    except ConfigError as error:
        return _refuse(str(error))
    provider = config.aliases.get(chosen, chosen).partition("/")[0]
    if provider not in config.rows:
        return _refuse(f"no provider {provider!r}: set its key in the environment. There are: {', '.join(config.rows)}")
    key, _ = new_key()
    only = config.model_copy(update={"rows": {provider: config.rows[provider]}, "keys": (plain_key(key, "demo"),)})
    with _router(only) as base_url:
        print(f"router  {base_url}/v1, in this process", flush=True)
        print(f"client  loop-client ask, in a second process, with the model {chosen}\n", flush=True)
        return _ask(f"{base_url}/v1", chosen, folder or Path.cwd(), key)


def _refuse(reason: str) -> int:
    print(f"ai-router demo: {reason}", file=sys.stderr)
    return 1


def _ask(base_url: str, model: str, folder: Path, key: str) -> int:
    command = [sys.executable, "-m", "loop_client", "ask", QUESTION, "--base-url", base_url, "--model", model]
    command += ["--api-key", f"env:{_KEY_VARIABLE}", "--root", f"here={folder}", "--max-rounds", "12"]
    return subprocess.run(command, env={**os.environ, _KEY_VARIABLE: key}, check=False).returncode


@contextlib.contextmanager
def _router(config: Config) -> Iterator[str]:
    """A router on a free loopback port, in a thread of this process; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    configure_logging("error", whole_process=True)
    server = _Server(uvicorn.Config(service_of(config), log_config=None, access_log=False, ws="none", lifespan="on"))
    thread = threading.Thread(target=server.run_on, args=(listener,), daemon=True)
    thread.start()
    try:
        if not server.settled.wait(_START_SECONDS) or not server.started:
            raise SystemExit("ai-router demo: the router did not start; the message above says why")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


class _Server(uvicorn.Server):
    """Tells when it listens, or that it never will."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.settled.set()

    def run_on(self, listener: socket.socket) -> None:
        """Serve until told to stop."""
        try:
            self.run(sockets=[listener])
        finally:
            self.settled.set()
