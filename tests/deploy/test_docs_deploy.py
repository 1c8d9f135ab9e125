"""``docs/deploy.md``: what it names exists, and what it shows is what is there."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from tests.deploy.files import COMPOSE, DEPLOY, KUBERNETES, REPOSITORY, compose
from tests.deploy.test_agreement import LOOP_CLIENT, ROUTER, parsed

PAGE = REPOSITORY / "docs" / "deploy.md"
TEXT = PAGE.read_text("utf-8")


def blocks(kind: str) -> list[str]:
    """The code blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(((?!https:)[^)]+)\)", TEXT))))
def test_a_link_leads_somewhere(target: str) -> None:
    name, _, anchor = target.partition("#")
    page = (PAGE.parent / name).resolve() if name else PAGE
    assert page.is_file()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs


def test_every_file_of_the_commands_and_tables_exists() -> None:
    made = {"deploy/secrets"}
    named = set(re.findall(r"(?<![\w/.])(deploy/[\w./-]+)", TEXT))
    assert len(named) > 5
    assert [
        name for name in named if not any(name.startswith(m) for m in made) and not (REPOSITORY / name).exists()
    ] == []
    rows = re.findall(r"`([\w.-]+\.yaml)`", TEXT)
    assert [name for name in rows if not (KUBERNETES / name).is_file()] == []
    assert {file.name for file in KUBERNETES.iterdir()} - set(rows) <= {"kustomization.yaml", "namespace.yaml"}


def test_every_variable_of_the_compose_file_is_explained() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text("utf-8")))
    explained = set(re.findall(r"`([A-Z_]+)`", "\n".join(line for line in TEXT.splitlines() if line.startswith("|"))))
    assert used <= explained
    secrets = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "new-secrets").read_text("utf-8"), re.MULTILINE))
    assert secrets <= explained


def test_every_series_that_is_to_be_watched_is_one_that_is_counted() -> None:
    counted = re.findall(r"`(ai_router_\w+)`", (REPOSITORY / "docs" / "http.md").read_text("utf-8"))
    watched = re.findall(r"`(ai_router_\w+)", TEXT)
    assert watched
    assert [name for name in watched if name.removesuffix("_count") not in counted] == []


def test_the_commands_of_ours_are_ones_that_the_programs_take() -> None:
    lines = re.findall(r"(?:ExecStart=\S*/|run --rm router )((?:ai-router|loop-client) [^`\n]+)", TEXT)
    assert len(lines) == 2
    for line in lines:
        program, *_ = command = shlex.split(line)
        assert program in {ROUTER, LOOP_CLIENT}
        assert vars(parsed(command))


def test_the_services_of_the_commands_exist() -> None:
    services = set(re.findall(r"compose\.yaml (?:build|run --rm) (\S+)", TEXT))
    assert services
    assert services <= compose()["services"].keys()


def test_the_route_leads_to_a_service_by_what_callers_need() -> None:
    (route,) = (yaml.safe_load(block) for block in blocks("yaml"))
    (rule,) = route["spec"]["rules"]
    (ingress,) = yaml.safe_load_all((KUBERNETES / "ingress.yaml").read_text("utf-8"))
    first = ingress["spec"]["rules"][0]
    assert route["spec"]["hostnames"] == [first["host"]]
    assert [match["path"]["value"] for match in rule["matches"]] == [path["path"] for path in first["http"]["paths"]]
