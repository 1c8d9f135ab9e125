"""What the documents say is so."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from providers.upstreams.base import Timeouts
from providers.upstreams.catalog import builtin_rows
from router import config_file
from router.app import create_app
from router.cli import _parser
from router.config import CONFIG_VARIABLE, KEYS_VARIABLE, Config, load_config
from router.provider_rows import BASE_URL_VARIABLES
from tests.router.command import REPOSITORY, ran
from tests.router.test_openapi import component, faults

CONFIGURATION, HTTP, README, SCRIPTED = (
    (REPOSITORY / name).read_text("utf-8")
    for name in ("docs/configuration.md", "docs/http.md", "README.md", "docs/scripted.md")
)
TABLES = [
    config_file.ServerTable, config_file.LimitsTable, config_file.LoggingTable, config_file.MetricsTable,
    config_file.TimeoutTable, config_file.KeyTable, config_file.ProviderTable,
]  # fmt: skip


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_the_file_is_described(table: type[BaseModel]) -> None:
    assert [key for key in table.model_fields if f"`{key}`" not in CONFIGURATION] == []


def test_every_section_of_the_file_is_described() -> None:
    named = set(re.findall(r"^#+ `\[+(\w+)", CONFIGURATION, re.MULTILINE))
    assert named == set(config_file.ConfigFile.model_fields)


@pytest.mark.parametrize("toml", blocks(CONFIGURATION, "toml"))
def test_every_example_of_a_configuration_is_one(toml: str, tmp_path: Path) -> None:
    file = tmp_path / "router.toml"
    file.write_text(toml)
    config = load_config(file, {"OPENAI_KEY_OF_TEAM_A": "k", "MINE_KEY": "k"})
    assert "mine" in config.rows


def test_every_shipped_provider_and_its_variables_are_listed() -> None:
    listed = {line.split("|")[1].strip(" `"): line for line in CONFIGURATION.splitlines() if line.startswith("| `")}
    for name, row in builtin_rows().items():
        assert row.dialect in listed[name]
        assert [variable for variable in (*row.key_env, *row.address_env) if variable not in listed[name]] == []
    for variable in (*BASE_URL_VARIABLES.values(), CONFIG_VARIABLE, KEYS_VARIABLE):
        assert f"`{variable}`" in CONFIGURATION


def test_the_defaults_are_those_of_the_code() -> None:
    for name in ("connect", "first_byte", "between_events", "total"):
        assert re.search(rf"^\| `{name}` \|.*\| {getattr(Timeouts(), name):g} \|$", CONFIGURATION, re.MULTILINE)
    config = Config()
    for value in (config.server.port, config.limits.max_body_bytes, config.limits.max_depth):
        assert f"{value}" in CONFIGURATION


def test_the_messages_shown_are_those_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text(
        "[providers.mine]\ndialekt = 'x'\nbase_url = 'http://127.0.0.1'\napi_key = 'env:MINE_KEY'\n"
    )
    shown = set(re.findall(r"^ai-router check: .*$", CONFIGURATION, re.MULTILINE))
    assert len(shown) == 2
    assert shown <= set(ran("check", "--config", "router.toml", folder=tmp_path).stderr.splitlines())


def test_every_path_is_described_in_both_documents() -> None:
    for path, methods in create_app(Config()).openapi()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in HTTP
        assert path in README


def test_every_kind_and_status_of_error_is_described() -> None:
    document = create_app(Config()).openapi()
    for status in document["paths"]["/v1/chat/completions"]["post"]["responses"]:
        assert status == "200" or re.search(rf"^\| [\d, ]*{status}[\d, ]* \|", HTTP, re.MULTILINE)
    kinds = document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["type"]["description"]
    assert [kind for kind in re.findall(r"`(\w+)`", kinds) if f"`{kind}`" not in HTTP] == []


def test_the_examples_fit_the_schemas() -> None:
    shown: list[Any] = [json.loads(block) for block in blocks(HTTP, "json")]
    names = ["RouterReport", "EnvelopeRequest", "EnvelopeAnswer", "Error"]
    assert [faults(component(name), value) for name, value in zip(names, shown, strict=False)] == [[]] * 4
    assert shown[4]["message"] == "request"


def test_every_script_shown_is_one(tmp_path: Path) -> None:
    row, script = blocks(SCRIPTED, "toml")
    (tmp_path / "weather.toml").write_text(script)
    (tmp_path / "router.toml").write_text(row)
    assert "weather-test" in load_config(tmp_path / "router.toml", {}).rows


def test_links_between_documents_lead_somewhere() -> None:
    for name in ("README.md", "docs/configuration.md", "docs/http.md", "docs/scripted.md"):
        file = REPOSITORY / name
        for target in re.findall(r"\]\(([^)#:]*)(?:#[^)]*)?\)", file.read_text("utf-8")):
            assert not target or (file.parent / target).exists(), (name, target)


COMMAND = re.compile(r"ai-router ((?:serve|check|keys new|demo)\b(?: --[a-z]+(?: [^\s`#-][^\s`#]*)?)*)")


@pytest.mark.parametrize("name", ["README.md", "Dockerfile", "docs/configuration.md"])
def test_every_command_shown_can_be_given(name: str) -> None:
    text = (REPOSITORY / name).read_text("utf-8")
    commands = [command.split() for command in COMMAND.findall(text)]
    commands += [json.loads(line)[1:] for line in re.findall(r"^CMD (\[\"ai-router\".*\])$", text, re.MULTILINE)]
    assert len(commands) >= 3
    for command in commands:
        assert callable(_parser().parse_args(command).run)
