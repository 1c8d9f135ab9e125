"""``deploy/compose.yaml``: valid to Compose itself, and as closed as it says it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.files import COMPOSE, DEPLOY, Object, compose, new_secrets, variables
from tests.programs_plugin import environment_command

BUILT_HERE = {"ai-router", "ai-router-loop-client"}


def test_it_is_valid_by_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def resolved(tmp_path: Path) -> Object:
    """What Compose makes of the file, beside fresh secrets."""
    program = environment_command("docker-compose")
    assert program is not None
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    new_secrets(tmp_path / "deploy" / "secrets")
    command = [program, "--file", str(tmp_path / "deploy" / "compose.yaml"), "config", "--format", "json"]
    shown = subprocess.run(command, env={}, capture_output=True, text=True, check=False, timeout=50)
    assert shown.returncode == 0, shown.stderr
    # Nothing is left unset, and nothing is said to be obsolete.
    assert shown.stderr == ""
    content: Object = json.loads(shown.stdout)
    return content


@pytest.mark.needs_compose
def test_compose_accepts_it_and_each_service_gets_its_own_secrets_alone(resolved: Object, tmp_path: Path) -> None:
    secrets = {path.stem: variables(path.read_text("utf-8")) for path in tmp_path.glob("deploy/secrets/*.env")}
    for name, service in resolved["services"].items():
        given = service.get("environment") or {}
        own = {file for file, values in secrets.items() if set(values.values()) & set(given.values())}
        assert own == {file for file in secrets if name.startswith(file)}, name
        assert all(secrets[file].items() <= given.items() for file in own), name


@pytest.mark.needs_compose
def test_only_the_balancer_can_be_reached_and_only_from_this_machine(resolved: Object) -> None:
    published = {name: service["ports"] for name, service in resolved["services"].items() if service.get("ports")}
    assert published.keys() == {"balancer"}
    assert {port["host_ip"] for port in published["balancer"]} == {"127.0.0.1"}
    assert {name for name, network in resolved["networks"].items() if network.get("internal")} == {"models", "data"}
    assert resolved["services"]["postgres"]["networks"].keys() == {"data"}


@pytest.mark.parametrize("name", compose()["services"])
def test_a_container_cannot_become_more_than_it_is(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"cap_add", "privileged", "network_mode", "pid", "ipc", "devices"}
    limits = service["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("name", compose()["services"])
def test_a_service_is_checked_by_its_image_or_by_the_file(name: str) -> None:
    service = compose()["services"][name]
    is_ours = service["image"].partition(":")[0] in BUILT_HERE
    assert is_ours == ("build" in service) == ("healthcheck" not in service)
    assert is_ours or ":latest" not in service["image"]


def test_there_are_two_of_what_must_not_be_missing() -> None:
    services = compose()["services"]
    assert {services[name]["deploy"]["replicas"] for name in ("router", "loop-client-worker")} == {2}


def test_the_balancer_finds_each_service_once() -> None:
    """A name has one address for each network that is shared; each would count as a service of its own."""
    services = compose()["services"]
    balancer = set(services["balancer"]["networks"])
    for name in ("router", "loop-client-api"):
        assert len(balancer & set(services[name]["networks"])) == 1


def test_what_is_mounted_is_there() -> None:
    content = compose()
    files = {name: COMPOSE.parent / config["file"] for name, config in content["configs"].items()}
    assert [name for name, file in files.items() if not file.is_file()] == []
    assert {
        config["source"] for service in content["services"].values() for config in service.get("configs", [])
    } == set(files)
