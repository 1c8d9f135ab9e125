"""Which providers are served, and with what address, key and profile."""

import json
from pathlib import Path

import pytest

from providers.spec.profile import Profile
from providers.upstreams.catalog import PATTERN_FIELDS, builtin_profiles, builtin_rows
from router.config import load_config
from tests.router.command import ran
from tests.router.test_config import load, problems


@pytest.mark.parametrize(
    "name", [name for name, row in builtin_rows().items() if row.needs_key and not row.needs_address]
)
def test_a_shipped_provider_needs_its_key_and_nothing_else(name: str) -> None:
    shipped = builtin_rows()[name]
    for variable in shipped.key_env:
        row = load_config(None, {variable: "key-1"}).rows[name]
        assert (row.dialect, row.base_url, row.api_key) == (shipped.dialect, shipped.base_url, "key-1")
        assert row.profile == builtin_profiles()[shipped.profile]


@pytest.mark.parametrize("name", [name for name, row in builtin_rows().items() if not row.needs_key])
def test_a_local_provider_is_served_where_it_is_named(name: str, tmp_path: Path) -> None:
    assert name not in load_config(None, {}).rows
    row = load(tmp_path, f"[providers.{name}]").rows[name]
    assert (row.base_url, row.api_key) == (builtin_rows()[name].base_url, None)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),  # noqa: S104  # turned away, not bound
        ("192.168.1.5:9000", "http://192.168.1.5:9000/v1"),
        ("https://models.example.com", "https://models.example.com/v1"),
        ("http://models.example.com/proxy/", "http://models.example.com/proxy"),
    ],
)
def test_ollama_is_where_its_own_variable_says(value: str, url: str) -> None:
    assert load_config(None, {"OLLAMA_HOST": value}).rows["ollama"].base_url == url


AZURE = {"AZURE_OPENAI_API_KEY": "key-1", "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/"}


def test_azure_is_served_with_its_key_and_the_address_of_the_resource() -> None:
    row = load_config(None, AZURE).rows["azure-openai"]
    assert (row.base_url, row.api_key) == ("https://mine.openai.azure.com/openai/v1", "key-1")
    assert row.profile == builtin_profiles()["openai"]
    for variable, value in AZURE.items():
        assert "azure-openai" not in load_config(None, {variable: value}).rows


@pytest.mark.parametrize("wire", ["chat/completions", "responses"])
def test_azure_gets_both_dialects_of_openai_below_its_address(wire: str, tmp_path: Path) -> None:
    asked = tmp_path / "asked.json"
    options = {"wire": "responses" if wire == "responses" else "chat"}
    asked.write_text(
        json.dumps(
            {"model": "azure-openai/deployed", "messages": [{"role": "user", "content": "?"}], "router": options}
        )
    )
    run = ran("explain", str(asked), folder=tmp_path, **AZURE)
    assert run.returncode == 0, run.stderr
    (candidate,) = json.loads(run.stdout)["candidates"]
    assert candidate["request"]["url"] == f"https://mine.openai.azure.com/openai/v1/{wire}"
    assert candidate["request"]["body"]["model"] == "deployed"
    assert candidate["request"]["headers"]["authorization"] == "[redacted]"


def test_azure_in_the_file_needs_what_the_environment_has_not(tmp_path: Path) -> None:
    assert set(problems(tmp_path, "[providers.azure-openai]")) == {
        "providers.azure-openai.base_url",
        "providers.azure-openai.api_key",
    }
    table = '[providers.azure-openai]\nbase_url = "https://gateway.example.com/azure/openai/v1/"\napi_key = "key-2"'
    row = load(tmp_path, table).rows["azure-openai"]
    assert (row.base_url, row.api_key) == ("https://gateway.example.com/azure/openai/v1", "key-2")


@pytest.mark.parametrize("field", PATTERN_FIELDS)
def test_a_pattern_of_a_profile_that_is_none_is_a_problem(field: str, tmp_path: Path) -> None:
    table = f'[providers.mine]\ndialect = "openai-chat"\nbase_url = "http://127.0.0.1:1"\nprofile = {{ {field} = "(" }}'
    assert f"providers.mine.profile.{field}" in problems(tmp_path, table)


@pytest.mark.parametrize("value", ["http://", ":::", "http://[::1", "host:port"])
def test_an_address_that_is_none_is_a_problem_of_the_environment(tmp_path: Path, value: str) -> None:
    assert list(problems(tmp_path, "", OLLAMA_HOST=value)) == ["environment:OLLAMA_HOST"]


def test_the_variables_of_the_sdks_move_an_address() -> None:
    environ = {
        "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1/",
        "ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://127.0.0.1:2",
        "GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:3",
    }  # fmt: skip
    rows = load_config(None, environ).rows
    assert {name: row.base_url for name, row in rows.items() if name != "scripted"} == {
        "openai": "http://127.0.0.1:1/v1", "anthropic": "http://127.0.0.1:2", "google": "http://127.0.0.1:3",
    }  # fmt: skip


def test_the_file_wins_over_the_environment(tmp_path: Path) -> None:
    toml = "[providers.openai]\nbase_url = 'http://127.0.0.1:1/v1'\napi_key = 'from-file'"
    row = load(tmp_path, toml, OPENAI_API_KEY="from-environment", OPENAI_BASE_URL="http://127.0.0.1:2/v1").rows[
        "openai"
    ]
    assert (row.base_url, row.api_key) == ("http://127.0.0.1:1/v1", "from-file")


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_a_variable_without_a_key_is_no_key(value: str) -> None:
    assert "openai" not in load_config(None, {"OPENAI_API_KEY": value}).rows


def test_the_first_variable_that_is_set_counts() -> None:
    both = {"GEMINI_API_KEY": "first", "GOOGLE_API_KEY": "second"}
    assert load_config(None, both).rows["google"].api_key == "first"
    assert load_config(None, {**both, "GEMINI_API_KEY": " "}).rows["google"].api_key == "second"


def test_an_openai_compatible_host_is_three_lines(tmp_path: Path) -> None:
    toml = '[providers.mine]\ndialect = "openai-chat"\nbase_url = "https://models.example.com/v1"\napi_key = "k"'
    row = load(tmp_path, toml).rows["mine"]
    assert row.profile == Profile()


def test_a_host_of_another_dialect_starts_from_that_providers_profile(tmp_path: Path) -> None:
    toml = '[providers.mine]\ndialect = "anthropic-messages"\nbase_url = "https://models.example.com"'
    assert load(tmp_path, toml).rows["mine"].profile == builtin_profiles()["anthropic"]


def test_a_profile_is_a_name_or_changes_to_one(tmp_path: Path) -> None:
    address = 'dialect = "openai-chat"\nbase_url = "https://models.example.com/v1"\n'
    named = load(tmp_path, f"[providers.a]\n{address}profile = 'mistral'").rows["a"].profile
    assert named == builtin_profiles()["mistral"]
    changed = (
        load(tmp_path, f"[providers.a]\n{address}profile = {{ base = 'mistral', clean = true }}").rows["a"].profile
    )
    assert (changed.name, changed.clean, changed.tool_call_id) == ("a", True, named.tool_call_id)


def test_a_script_counts_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text("[[models.m]]\ntext = 'x'\n")
    config = load(tmp_path, "[providers.s]\ndialect = 'scripted'\nscript = 'one.toml'")
    assert config.rows["s"].script == str(tmp_path / "one.toml")
    assert config.models["s"] == ("m",)


def test_no_row_shows_its_key_or_headers(tmp_path: Path) -> None:
    toml = "[providers.openai]\napi_key = 'canary-1'\nheaders = { x = 'canary-2' }"
    assert "canary" not in repr(load(tmp_path, toml).rows["openai"])


def test_a_row_says_who_carries_its_calls_and_where_its_key_goes(tmp_path: Path) -> None:
    toml = '[providers.openai]\napi_key = "key-1"\n'
    assert (load(tmp_path, toml).rows["openai"].transport, load(tmp_path, toml).rows["openai"].key_header) == (
        "pool",
        None,
    )
    row = load(tmp_path, f'{toml}key_header = "api-key"\ntransport = "sdk"').rows["openai"]
    assert (row.transport, row.key_header) == ("sdk", "api-key")
    assert "providers.openai.transport" in problems(tmp_path, f'{toml}transport = "carrier pigeon"')
    assert "key_header is no name of a header" in problems(tmp_path, f'{toml}key_header = "a b"')["providers.openai"]
    scripted = problems(tmp_path, '[providers.scripted]\nkey_header = "api-key"')
    assert scripted == {"providers.scripted.key_header": "a scripted provider has none: it never leaves the router"}
