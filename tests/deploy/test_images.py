"""The two images of the Dockerfile: clean to hadolint, and put together from parts that exist."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.deploy.files import REPOSITORY, compose
from tests.programs_plugin import environment_command

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")
FINAL = {"router": "requirements.lock", "loop-client": "requirements-loop-client.lock"}


def stages() -> dict[str, str]:
    """The stages by name, in order."""
    parts = re.split(r"^FROM (?=\S+ AS )", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].split(" AS ")[1]: part for part in parts}


@pytest.mark.needs_hadolint
def test_hadolint_finds_nothing_to_complain_of() -> None:
    program = environment_command("hadolint")
    assert program is not None
    checked = subprocess.run(
        [program, "--no-color", str(REPOSITORY / "Dockerfile")], capture_output=True, text=True, check=False, timeout=50
    )
    assert checked.returncode == 0, checked.stdout


def test_stages_are_built_on_earlier_ones_or_on_the_same_python() -> None:
    earlier: set[str] = set()
    for name, stage in stages().items():
        base = stage.split(" AS ")[0]
        assert base in earlier or base == "python:3.13-slim"
        assert set(re.findall(r"--from=(\S+)", stage)) <= earlier
        earlier.add(name)


def test_the_router_is_what_is_built_where_nothing_is_named() -> None:
    assert list(stages())[-1] == "router"


def test_the_compose_file_builds_both() -> None:
    built = {service["build"]["target"] for service in compose()["services"].values() if "build" in service}
    assert built == FINAL.keys()


@pytest.mark.parametrize("name", FINAL)
def test_an_image_holds_what_its_lock_file_names_with_hashes_and_runs_as_nobody(name: str) -> None:
    environment = stages()[f"{name}-environment"]
    installed = re.findall(r"pip install (.+)", environment)
    assert installed == [
        f"--require-hashes --requirement {FINAL[name]}",
        "--no-deps --no-index /wheels/*.whl \\",
    ]
    assert f"--from={name}-environment /app/venv/ /app/venv/" in stages()[name]
    assert "USER 10001" in stages()["runtime"]
    assert "USER" not in stages()[name]
    assert "HEALTHCHECK" in stages()[name]
