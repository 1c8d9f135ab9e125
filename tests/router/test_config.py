"""The configuration as a whole: what is read, what the environment says, and everything that is wrong at once."""

from pathlib import Path

import pytest

from router.config import Config, ConfigError, load_config
from router.keys import hash_of

HASH = hash_of("air_x")


def load(folder: Path, toml: str, **environ: str) -> Config:
    file = folder / "router.toml"
    file.write_text(toml, "utf-8")
    return load_config(file, environ)


def problems(folder: Path, toml: str, **environ: str) -> dict[str, str]:
    """Reasons by key; ``environment:`` before keys that are variables."""
    with pytest.raises(ConfigError) as caught:
        load(folder, toml, **environ)
    file = str(folder / "router.toml")
    for problem in caught.value.problems:
        assert problem.file in {file, "environment"}
        assert str(problem).startswith(f"{problem.file}: ")
    return {
        problem.key if problem.file == file else f"environment:{problem.key}": problem.reason
        for problem in caught.value.problems
    }


def test_without_any_configuration_there_is_the_scripted_provider() -> None:
    config = load_config(None, {})
    assert list(config.rows) == ["scripted"]
    assert config.models == {"scripted": ("demo",)}
    assert (config.server.host, config.server.port, config.server.open) == ("127.0.0.1", 8080, False)
    assert config.keys == ()


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    assert list(load(tmp_path, "").rows) == ["scripted"]


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        f"""
        [server]
        host = "0.0.0.0"
        port = 9000
        open = true
        [limits]
        max_body_bytes = 1000
        max_depth = 7
        [logging]
        level = "debug"
        [[keys]]
        name = "team-a"
        hash = "{HASH}"
        [providers.mine]
        dialect = "openai-chat"
        base_url = "http://127.0.0.1:9/v1/"
        api_key = "k-1"
        headers = {{ X-Team = "env:TEAM" }}
        timeout = {{ connect = 1, first_byte = 2.5 }}
        models = ["small"]
        [aliases]
        fast = "mine/small"
        faster = "fast"
        """,
        TEAM="a",
    )
    row = config.rows["mine"]
    assert (config.server.host, config.server.port, config.server.open) == ("0.0.0.0", 9000, True)  # noqa: S104
    assert (config.limits.max_body_bytes, config.limits.max_depth, config.logging.level) == (1000, 7, "debug")
    assert [key.name for key in config.keys] == ["team-a"]
    assert (row.base_url, row.api_key, row.headers) == ("http://127.0.0.1:9/v1", "k-1", {"x-team": "a"})
    assert (row.timeouts.connect, row.timeouts.first_byte, row.timeouts.total) == (1.0, 2.5, 600.0)
    assert config.models["mine"] == ("small",)
    assert config.aliases == {"fast": "mine/small", "faster": "mine/small"}


def test_the_variable_names_the_file_and_the_argument_wins(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("[server]\nport = 1\n")
    two.write_text("[server]\nport = 2\n")
    assert load_config(None, {"AI_ROUTER_CONFIG": str(one)}).server.port == 1
    assert load_config(two, {"AI_ROUTER_CONFIG": str(one)}).server.port == 2


# ---- what is wrong


def test_every_problem_is_named_at_once_with_file_key_and_reason(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        servr = 1
        [server]
        port = 70000
        [limits]
        max_deph = 5
        [logging]
        level = "loud"
        [providers.a]
        dialect = "openai-chat"
        [providers.b]
        dialect = "chat"
        base_url = "http://127.0.0.1/v1"
        [providers.c]
        dialect = "openai-chat"
        base_url = "ftp://127.0.0.1"
        api_key = "env:MISSING"
        [providers.d]
        dialekt = "openai-chat"
        [aliases]
        one = "two"
        two = "one"
        three = "nobody/x"
        four = "gpt-4"
        five = "a/x"
        [[keys]]
        name = "k"
        hash = "sha256:12"
        """,
        AI_ROUTER_KEYS="sha256:zz",
    )
    assert found.keys() == {
        "servr", "server.port", "limits.max_deph", "logging.level", "providers.a.base_url", "providers.b.dialect",
        "providers.c.base_url", "providers.c.api_key", "providers.d.dialekt", "aliases.one", "aliases.two",
        "aliases.three", "aliases.four", "keys[0].hash", "environment:AI_ROUTER_KEYS[1]",
    }  # fmt: skip
    assert "did you mean server?" in found["servr"]
    assert "did you mean max_depth?" in found["limits.max_deph"]
    assert "did you mean dialect?" in found["providers.d.dialekt"]
    assert "MISSING is not set" in found["providers.c.api_key"]
    assert "openai-chat" in found["providers.b.dialect"]
    assert "circle" in found["aliases.one"]
    assert "provider/model" in found["aliases.four"]
    assert "nobody" in found["aliases.three"]
    assert "65535" in found["server.port"]


@pytest.mark.parametrize(
    ("toml", "key", "reason"),
    [
        ("x = [", "", "not TOML"),
        ("server = 1", "server", "expected a table"),
        ("[server]\nport = '80'", "server.port", "valid integer"),
        ("[server]\nopen = 'yes'", "server.open", "boolean"),
        ("[limits]\nmax_body_bytes = 0", "limits.max_body_bytes", "greater than or equal to 1"),
        ("[providers.scripted]\nbase_url = 'http://x'", "providers.scripted.base_url", "never leaves"),
        ("[providers.s]\ndialect = 'scripted'\nscript = 'none.toml'", "providers.s.script", "No such file"),
        ("[providers.'a b']\ndialect = 'scripted'", "providers.a b", "letters"),
        ("[providers.openai]", "providers.openai.api_key", "OPENAI_API_KEY"),
        ("[providers.openai]\napi_key = 'two words'", "providers.openai.api_key", "spaces"),
        ("[providers.openai]\napi_key = 'k'\ntimeout = 0", "providers.openai.timeout.total", "greater than 0"),
        ("[providers.openai]\napi_key = 'k'\ntimeout = inf", "providers.openai.timeout.total", "finite"),
        ("[providers.openai]\napi_key = 'k'\nprofile = 'opnai'", "providers.openai.profile", "shipped are"),
        ("[providers.openai]\napi_key = 'k'\nprofile = { clean = 1 }", "providers.openai.profile", "bool"),
        (
            "[providers.openai]\napi_key = 'k'\nprofile = { tool_name = '[' }",
            "providers.openai.profile.tool_name",
            "regular expression",
        ),
        ("[providers.openai]\napi_key = 'k'\nheaders = { 'a b' = 'x' }", "providers.openai.headers.a b", "header name"),
        ("[providers.openai]\napi_key = 'k'\nheaders = { te = 'x' }", "providers.openai", "not the row's to set"),
        ("[providers.openai]\napi_key = 'k'\nscript = 'x'", "providers.openai.script", "scripted"),
        ("[providers.openai]\napi_key = 'k'\nbase_url = 'http://u:p@x'", "providers.openai.base_url", "user name"),
        ("[providers.openai]\napi_key = 'k'\nbase_url = 'http://x?key=1'", "providers.openai.base_url", "query"),
        ("[providers.openai]\napi_key = 'env:'", "providers.openai.api_key", "name of an environment variable"),
        ("[[keys]]\nname = 'k'", "keys[0].hash", "required"),
        (f"[[keys]]\nname = 'a b'\nhash = '{HASH}'", "keys[0].name", "letters"),
    ],
)
def test_a_problem_has_its_key_and_reason(tmp_path: Path, toml: str, key: str, reason: str) -> None:
    found = problems(tmp_path, toml)
    assert list(found) == [key]
    assert reason in found[key]


def test_two_keys_of_one_name_are_a_problem(tmp_path: Path) -> None:
    entry = f"[[keys]]\nname = 'k'\nhash = '{HASH}'\n"
    assert problems(tmp_path, entry * 2) == {"keys[1].name": "another key has this name"}


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.toml", {})


def test_a_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "router.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(file, {})


def test_no_problem_quotes_a_value(tmp_path: Path) -> None:
    canary = "canary-0123456789"
    found = problems(
        tmp_path,
        f"""
        [server]
        port = "{canary}"
        [providers.openai]
        api_key = ["{canary}"]
        [providers.groq]
        api_key = "{canary} x"
        base_url = "http://{canary}:{canary}@x"
        headers = {{ a = "{canary}\\n" }}
        [[keys]]
        name = "k"
        hash = "{canary}"
        """,
        AI_ROUTER_KEYS=f"sha256:{canary}",
        MISTRAL_API_KEY=f"{canary} x",
    )
    assert len(found) >= 6
    assert canary not in str(found)


# ---- env: references


def test_any_text_may_come_from_the_environment(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [server]
        host = "env:HOST_TO_USE"
        port = "env:PORT_TO_USE"
        open = "env:OPEN"
        [providers.mine]
        dialect = "env:DIALECT"
        base_url = "env:URL"
        api_key = "env:KEY"
        timeout = "env:SECONDS"
        [aliases]
        fast = "env:MODEL"
        """,
        HOST_TO_USE="::1", PORT_TO_USE="81", OPEN="true", DIALECT="openai-chat", URL="http://127.0.0.1/v1",
        KEY=" k-1\n", SECONDS="2.5", MODEL="mine/m",
    )  # fmt: skip
    row = config.rows["mine"]
    assert (config.server.host, config.server.port, config.server.open) == ("::1", 81, True)
    assert (row.dialect, row.base_url, row.api_key, row.timeouts.total) == (
        "openai-chat", "http://127.0.0.1/v1", "k-1", 2.5,
    )  # fmt: skip
    assert config.aliases == {"fast": "mine/m"}


@pytest.mark.parametrize(("environ", "reason"), [({}, "NAME is not set"), ({"NAME": ""}, "NAME is empty")])
def test_a_reference_to_nothing_is_a_problem(tmp_path: Path, environ: dict[str, str], reason: str) -> None:
    found = problems(tmp_path, "[providers.openai]\napi_key = 'env:NAME'", **environ)
    assert found == {"providers.openai.api_key": f"environment variable {reason}"}


def test_a_provider_that_is_switched_off_is_not_served(tmp_path: Path) -> None:
    config = load(
        tmp_path, "[providers.openai]\nenabled = false\n[providers.scripted]\nenabled = false", OPENAI_API_KEY="k"
    )
    assert config.rows == {}


def test_a_misfit_leaves_its_alias_alone(tmp_path: Path) -> None:
    """One cause, one problem: the alias is right as soon as its provider is."""
    found = problems(tmp_path, "[aliases]\nfast = 'openai/m'", OPENAI_API_KEY="k", OPENAI_BASE_URL="nonsense")
    assert list(found) == ["environment:OPENAI_BASE_URL"]
