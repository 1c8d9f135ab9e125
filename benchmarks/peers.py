"""Other gateways, where somebody has installed them: each in its own folder below one that a variable names.

    PEERS=~/peers
    python3 -m venv $PEERS/litellm && $PEERS/litellm/bin/pip install 'litellm[proxy]' opentelemetry-sdk
    python3 -m venv $PEERS/tensorzero && $PEERS/tensorzero/bin/pip install tensorzero
    npm --prefix $PEERS/portkey install @portkey-ai/gateway@1.15.2 @hono/node-server@1.13.8

Without opentelemetry-sdk LiteLLM repeats a failing import on each request. Portkey cannot stream with newer versions of
@hono/node-server; the one that it brings along has to be removed from below its own folder.
"""

from pathlib import Path
from typing import Any, Final

from benchmarks.servers import CHAT, Case, Server

_LITELLM: Final = """
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-5.1, api_base: "{up}/v1", api_key: key}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "{up}", api_key: key}
  - model_name: gemini
    litellm_params: {model: gemini/gemini-2.5-pro, api_base: "{up}/v1beta", api_key: key}
litellm_settings: {num_retries: 0}
"""

_TENSORZERO: Final = """
[gateway]
observability.enabled = false
[models.gpt]
routing = ["up"]
[models.gpt.providers.up]
type = "openai"
model_name = "gpt-5.1"
api_base = "{up}/v1"
api_key_location = "env::PROVIDER_KEY"
[models.claude]
routing = ["up"]
[models.claude.providers.up]
type = "anthropic"
model_name = "claude-sonnet-4-5"
api_base = "{up}/v1"
api_key_location = "env::PROVIDER_KEY"
"""

_TENSORZERO_START: Final = """
import pathlib, re, sys, time, tensorzero
gateway = tensorzero._start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
pathlib.Path(sys.argv[2]).write_text(re.search(r":([0-9]+)", gateway.base_url.split("//")[1])[1])
time.sleep(1e6)
"""


def _litellm(folder: Path) -> Server:
    command = (str(folder / "bin" / "litellm"), "--config", "{folder}/litellm.yaml", "--host", "127.0.0.1")
    return Server(
        "litellm",
        "LiteLLM proxy, one worker, no database",
        (*command, "--port", "{port}", "--num_workers", "1", "--telemetry", "False"),
        (Case("openai", "gpt"), Case("anthropic", "claude"), Case("gemini", "gemini")),
        environment={
            "LITELLM_LOG": "ERROR",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        },
        files={"litellm.yaml": _LITELLM},
    )


def _portkey(folder: Path) -> Server:
    start = folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"

    def case(name: str, provider: str, base: str) -> Case:
        headers = {
            "authorization": "Bearer key",
            "x-portkey-provider": provider,
            "x-portkey-custom-host": "{up}" + base,
        }
        return Case(name, "model-1", headers=headers)

    return Server(
        "portkey",
        "Portkey gateway on Node",
        ("node", str(start), "--port={port}", "--headless"),
        (case("openai", "openai", "/v1"), case("anthropic", "anthropic", "/v1"), case("gemini", "google", "/v1beta")),
    )


def _tensorzero(folder: Path) -> Server:
    python = str(folder / "bin" / "python")
    path = f"/openai{CHAT}"
    return Server(
        "tensorzero",
        "TensorZero, its Rust gateway as the Python package embeds it, no observability",
        (python, "{folder}/start-tensorzero.py", "{folder}/tensorzero.toml", "{folder}/tensorzero.port"),
        (
            Case("openai", "tensorzero::model_name::gpt", path),
            Case("anthropic", "tensorzero::model_name::claude", path),
        ),
        environment={"PROVIDER_KEY": "key"},
        files={"start-tensorzero.py": _TENSORZERO_START, "tensorzero.toml": _TENSORZERO},
        port_file="tensorzero.port",
    )


_MADE: Final = {"litellm": _litellm, "portkey": _portkey, "tensorzero": _tensorzero}


def installed(folder: Path | None) -> list[Server]:
    """Those that are there."""
    if folder is None:
        return []
    return [make(folder / name) for name, make in _MADE.items() if (folder / name).is_dir()]


def versions(folder: Path | None) -> dict[str, Any]:
    """Which versions they are, as their installations say."""
    found: dict[str, Any] = {}
    for server in installed(folder):
        assert folder is not None  # noqa: S101  # else there was none
        where = folder / server.name
        lines = [path.name for path in where.glob(f"lib/python*/site-packages/{server.name}-*.dist-info")]
        if lines:
            found[server.name] = lines[0].removeprefix(f"{server.name}-").removesuffix(".dist-info")
        else:
            package = where / "node_modules" / "@portkey-ai" / "gateway" / "package.json"
            found[server.name] = package.read_text().partition('"version": "')[2].partition('"')[0]
    return found
