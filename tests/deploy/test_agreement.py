"""What ``deploy/`` says of commands, variables, paths, ports and times is what the code says."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.routing import Mount, Route

import loop_client.cli
import router.cli
import router.serve
import router.workers
from loop_client import LoopClient
from loop_client.config import load_config
from loop_client.jobs import JobSettings, read_jobs_table
from loop_client.jobs.settings import URL_VARIABLE
from loop_client.server import ServiceSettings
from loop_client.server.alone import Address, Alone, alone, read_server_table
from providers.upstreams.base import Timeouts
from router.app import create_app
from router.config import load_config as load_router_config
from tests.deploy.files import DEPLOY, HAPROXY, REPOSITORY, Object, compose, new_secrets, of_kind, pods, variables
from tests.deploy.test_kubernetes import container, ingress_paths, ports_of

PROVIDER_TIMES = Timeouts()
ROUTER, LOOP_CLIENT = "ai-router", "loop-client"
OURS = {"router": ROUTER, "loop-client-api": LOOP_CLIENT, "loop-client-worker": LOOP_CLIENT}
REACHED = ("router", "loop-client-api")
"""What requests are sent to."""


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of ours, with where it stands."""
    for name, service in compose()["services"].items():
        if "build" in service:
            yield f"compose.yaml: {name}", service["command"]
    for name in pods():
        if name in OURS:
            yield f"kubernetes: {name}", container(name)["args"]
    dockerfile = (REPOSITORY / "Dockerfile").read_text("utf-8")
    for words in re.findall(r"^CMD \[(.+)\]$", dockerfile, re.MULTILINE):
        yield "Dockerfile", re.findall(r'"([^"]+)"', words)


def parsed(command: list[str]) -> argparse.Namespace:
    """The options as the real command reads them."""
    program, *arguments = command
    parser = {ROUTER: router.cli._parser, LOOP_CLIENT: loop_client.cli._parser}[program]()
    return parser.parse_args(arguments)


def seconds(text: str | int) -> int:
    """Of ``40s`` or ``660``."""
    found = re.fullmatch(r"(\d+)s?", str(text))
    assert found is not None
    return int(found[1])


def haproxy(setting: str) -> str:
    """The words after a setting that stands once in haproxy.cfg."""
    (words,) = re.findall(rf"^    {setting} +(.+)$", HAPROXY.read_text("utf-8"), re.MULTILINE)
    return str(words)


# ---- commands


@pytest.mark.parametrize(("place", "command"), list(commands()), ids=[place for place, _ in commands()])
def test_a_command_line_is_one_that_the_program_takes(place: str, command: list[str]) -> None:
    assert vars(parsed(command))


def test_a_configuration_file_is_read_where_it_is_mounted() -> None:
    mounts = {
        config["target"]
        for service in compose()["services"].values()
        if "build" in service
        for config in service.get("configs", [])
    }
    for place, command in commands():
        named = parsed(command).config
        assert named is None or str(named) in mounts, place
    for name, program in OURS.items():
        (mounted,) = [m["mountPath"] for m in container(name)["volumeMounts"] if m["name"] == "config"]
        assert str(parsed(container(name)["args"]).config) == f"{mounted}/{Path(program).name.removeprefix('ai-')}.toml"


# ---- configuration and secrets


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, dict[str, str]]:
    return new_secrets(tmp_path / "secrets")


def test_the_routers_configuration_is_sound_with_fresh_secrets(secrets: dict[str, dict[str, str]]) -> None:
    config = load_router_config(DEPLOY / "config" / "router.toml", secrets["router"])
    assert config.warnings == ()
    assert config.server.host == "0.0.0.0"  # noqa: S104  # in a container, that is the container's network
    assert config.aliases["default"] == secrets["router"]["DEFAULT_MODEL"]


def test_the_loop_clients_configuration_is_sound_with_fresh_secrets(
    secrets: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in secrets["loop-client"].items():
        monkeypatch.setenv(name, value)
    config = load_config(DEPLOY / "config" / "loop-client.toml")
    address, _ = read_server_table(config.server)
    assert address.keys == (secrets["loop-client"]["LOOP_CLIENT_KEYS"],)
    assert config.settings["model"] == "default"
    jobs = read_jobs_table(config.jobs)
    assert urlsplit(jobs.store).password == secrets["postgres"]["POSTGRES_PASSWORD"]


def test_the_loop_clients_key_is_the_one_that_the_router_knows(secrets: dict[str, dict[str, str]]) -> None:
    app = create_app(load_router_config(DEPLOY / "config" / "router.toml", secrets["router"]))
    assert app.state.router.keys.verify(secrets["loop-client"]["AI_ROUTER_KEY"]) == "loop-client"


def test_secrets_are_readable_by_their_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    first = new_secrets(tmp_path / "secrets")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "secrets").iterdir()} == {0o600}
    with pytest.raises(Exception, match="exit status 1"):
        new_secrets(tmp_path / "secrets")
    assert first == {file.stem: variables(file.read_text("utf-8")) for file in (tmp_path / "secrets").iterdir()}
    assert first != new_secrets(tmp_path / "others")


def test_the_example_of_secrets_has_the_same_names(secrets: dict[str, dict[str, str]]) -> None:
    example = {name: set(secret["stringData"]) for name, secret in of_kind("Secret").items()}
    example["router"].remove("ANTHROPIC_API_KEY")
    assert example == {name: set(given) for name, given in secrets.items()}


def test_every_variable_is_read(secrets: dict[str, dict[str, str]]) -> None:
    documented = (REPOSITORY / "docs" / "configuration.md").read_text("utf-8")
    router_file = (DEPLOY / "config" / "router.toml").read_text("utf-8")
    loop_file = (DEPLOY / "config" / "loop-client.toml").read_text("utf-8")
    for name in [*secrets["router"], *of_kind("Secret")["router"]["stringData"]]:
        assert f"`{name}`" in documented or f'"env:{name}"' in router_file, name
    for name in secrets["loop-client"]:
        assert f'"env:{name}"' in loop_file or name == URL_VARIABLE, name
    # The image of Postgres reads it; the other side of it is in the address of the jobs.
    assert secrets["postgres"].keys() == {"POSTGRES_PASSWORD"}


# ---- ports and paths


def test_every_port_is_the_one_that_the_configuration_listens_on() -> None:
    ports = {
        name: int(
            re.findall(r"^port = (\d+)$", (DEPLOY / "config" / f"{name}.toml").read_text("utf-8"), re.MULTILINE)[0]
        )
        for name in ("router", LOOP_CLIENT)
    }
    dockerfile = (REPOSITORY / "Dockerfile").read_text("utf-8")
    stages = {name: dockerfile.split(f"FROM runtime AS {name}\n")[1].split("FROM ")[0] for name in ports}
    for name, stage in stages.items():
        assert f"EXPOSE {ports[name]}\n" in stage
        assert f"127.0.0.1:{ports[name]}/healthz" in stage
    assert ports_of("router") == {"http": ports["router"]}
    assert ports_of("loop-client-api") == ports_of("loop-client-worker") == {"http": ports[LOOP_CLIENT]}
    for name in REACHED:
        assert [port["port"] for port in of_kind("Service")[name]["spec"]["ports"]] == list(ports_of(name).values())
    text = HAPROXY.read_text("utf-8")
    assert f"${{ROUTERS-router:{ports['router']}}}" in text
    assert f"${{LOOP_CLIENTS-loop-client-api:{ports[LOOP_CLIENT]}}}" in text
    published = [port.rpartition(":")[2] for port in compose()["services"]["balancer"]["ports"]]
    assert published == [str(ports["router"]), str(ports[LOOP_CLIENT])]
    assert f"${{ROUTER_BIND-:{published[0]}}}" in text
    assert f"${{LOOP_CLIENT_BIND-:{published[1]}}}" in text


def test_the_loop_client_asks_a_service_that_exists() -> None:
    for place, command in commands():
        options = parsed(command)
        if command[0] != LOOP_CLIENT or place == "Dockerfile":
            continue
        host = {"compose.yaml": "balancer", "kubernetes": "router"}[place.partition(":")[0]]
        assert options.base_url == f"http://{host}:8080/v1"
    assert "balancer" in compose()["services"]
    assert "router" in of_kind("Service")


@pytest.fixture(scope="module")
def paths() -> dict[str, set[str]]:
    """What each service answers."""
    app = create_app(load_router_config(None, {}))
    client = LoopClient(base_url="http://127.0.0.1:1/v1", model="none")
    loop_clients = {
        f"loop-client-{role}": served_by(alone(client, Address(), ServiceSettings(), jobs))
        for role, jobs in (
            ("api", JobSettings(store="postgresql://nowhere", role="api")),
            ("worker", JobSettings(store="postgresql://nowhere", role="worker")),
        )
    }
    return {"router": set(app.openapi()["paths"]) | {"/metrics"}, **loop_clients}


def served_by(service: Alone) -> set[str]:
    """Every path of the loop client's service."""
    routes = [route for route in service.app.routes if isinstance(route, Route)]
    inner = [mount.routes for mount in service.app.routes if isinstance(mount, Mount)]
    return {route.path for route in [*routes, *chain(*inner)] if isinstance(route, Route)}


@pytest.mark.parametrize("name", OURS)
def test_probes_ask_what_the_service_answers(name: str, paths: dict[str, set[str]]) -> None:
    only = container(name)
    asked = {kind: only[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert set(asked.values()) <= paths[name]
    # A provider that cannot be opened is no reason to start the process again and again.
    assert asked["liveness"] == asked["startup"] == "/healthz"
    assert asked["readiness"] == "/readyz"


def test_the_balancer_asks_what_the_services_answer(paths: dict[str, set[str]]) -> None:
    asked = re.findall(r"http-check send meth GET uri (\S+)", HAPROXY.read_text("utf-8"))
    assert asked == ["/readyz"]
    assert asked[0] in paths["router"] & paths["loop-client-api"]


def test_the_ingress_lets_through_what_callers_need_and_no_more(paths: dict[str, set[str]]) -> None:
    for_operators = {"/healthz", "/readyz", "/metrics"}
    for name in REACHED:
        let_in = [path["path"] for path in ingress_paths() if path["backend"]["service"]["name"] == name]
        reached = {path for path in paths[name] for prefix in let_in if path == prefix or path.startswith(f"{prefix}/")}
        assert reached == paths[name] - for_operators
        assert all(any(path.startswith(prefix) for path in paths[name]) for prefix in let_in)


# ---- times and sizes


def test_whatever_ends_a_service_waits_longer_than_the_service_does() -> None:
    # A router with several processes ends those that do not stop by themselves.
    grace = max(router.serve._GRACE_SECONDS, router.workers._KILL_SECONDS)
    services = compose()["services"]
    worker = JobSettings().drain_seconds + 5  # and uvicorn's own grace
    assert worker < grace
    assert all(seconds(services[name]["stop_grace_period"]) > grace for name in OURS)
    for name in OURS:
        before = container(name)["lifecycle"]["preStop"]["sleep"]["seconds"] if name in REACHED else 0
        assert pods()[name]["terminationGracePeriodSeconds"] > before + grace
    # The balancer goes last: it may be told to stop together with the routers.
    assert grace < seconds(haproxy("hard-stop-after")) < seconds(services["balancer"]["stop_grace_period"])


def test_whatever_stands_before_the_router_waits_longer_than_the_router_does() -> None:
    longest = max(PROVIDER_TIMES.first_byte, PROVIDER_TIMES.between_events, PROVIDER_TIMES.total)
    assert seconds(haproxy("timeout server")) > longest
    assert seconds(haproxy("timeout client")) > longest
    annotations = of_kind("Ingress")["ai-router"]["metadata"]["annotations"]
    named = {name: value for name, value in annotations.items() if re.search(r"(read|send)-timeout$|/timeout-", name)}
    assert len(named) == 6
    assert all(seconds(value) > longest for value in named.values())


def test_a_dns_server_that_is_silent_takes_no_router_away() -> None:
    """Seen with Podman's: it did not answer for half a minute, and HAProxy's own 30 seconds took out every router."""
    assert {haproxy(f"hold {status}") for status in ("timeout", "refused", "other")} == {"24h"}


def test_an_idle_connection_is_closed_by_the_balancer_first() -> None:
    assert seconds(haproxy("timeout http-keep-alive")) < router.serve._KEEP_ALIVE_SECONDS


def test_a_body_that_the_router_takes_reaches_it() -> None:
    largest = load_router_config(None, {}).limits.max_body_bytes
    annotations: Object = of_kind("Ingress")["ai-router"]["metadata"]["annotations"]
    sizes = [value for name, value in annotations.items() if name.endswith("body-size")]
    assert len(sizes) == 2
    assert all(int(size.removesuffix("m")) * 1024 * 1024 >= largest for size in sizes)


def test_a_call_to_a_model_is_tried_again_only_where_it_was_never_made() -> None:
    assert haproxy("retry-on") == "conn-failure"
    annotations = of_kind("Ingress")["ai-router"]["metadata"]["annotations"]
    assert {value for name, value in annotations.items() if name.endswith("next-upstream")} == {"error timeout"}
