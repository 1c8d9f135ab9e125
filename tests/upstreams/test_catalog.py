"""The providers that ship with the router: every row can be sent, every quirk says where it was read."""

from __future__ import annotations

import re
from importlib import resources

import msgspec
import pytest

from providers.dialects import DIALECTS
from providers.spec.profile import Profile
from providers.upstreams.base import ProviderRow
from providers.upstreams.catalog import (
    DEFAULT_PROFILE,
    FILE,
    PATTERN_FIELDS,
    CatalogError,
    CatalogRow,
    address_from,
    builtin_profiles,
    builtin_rows,
    profile,
    read_catalog,
)
from providers.upstreams.factory import DIALECTS as SENDABLE
from providers.upstreams.outgoing import check_row
from providers.wire.ids import legal_id

SOURCE = resources.files("providers.upstreams").joinpath(FILE).read_text("utf-8")
EACH_ROW = pytest.mark.parametrize("row", builtin_rows().values(), ids=lambda row: row.name)
EACH_PROFILE = pytest.mark.parametrize("name", builtin_profiles())

PROMISED = ("openai", "anthropic", "google", "groq", "mistral", "deepseek", "xai", "openrouter", "cerebras")
PROMISED_TOO = ("azure-openai", "google-vertex", "together", "fireworks", "ollama", "vllm", "lmstudio")


# ---- rows


def test_the_promised_providers_ship() -> None:
    assert set(builtin_rows()) >= {*PROMISED, *PROMISED_TOO}


@EACH_ROW
def test_a_row_can_be_sent(row: CatalogRow) -> None:
    assert row.dialect in DIALECTS
    assert row.dialect in SENDABLE
    assert not row.base_url.endswith("/")
    check_row(ProviderRow(name=row.name, dialect=row.dialect, base_url=row.base_url, api_key="key"))


@EACH_ROW
def test_a_row_away_from_this_machine_is_encrypted_and_needs_a_key(row: CatalogRow) -> None:
    is_local = row.base_url.startswith("http://127.0.0.1:")
    assert is_local or row.base_url.startswith("https://")
    assert row.needs_key is not is_local
    assert bool(row.key_env) or row.tokens is not None or is_local
    assert bool(row.token_scope) is (row.tokens is not None)
    variables = (*row.key_env, *row.address_env, *row.token_env, *row.project_env, *row.location_env)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in variables)


@EACH_ROW
def test_a_variant_can_be_sent_and_takes_some_models(row: CatalogRow) -> None:
    for variant in row.variants:
        assert variant.dialect in DIALECTS
        assert variant.dialect in SENDABLE
        assert re.compile(variant.models).search("") is None


@EACH_ROW
def test_a_call_names_its_model_and_its_place(row: CatalogRow) -> None:
    calls = [call for call in (row.call, *(variant.call for variant in row.variants)) if call is not None]
    for path in [path for call in calls for path in (call.path, call.stream_path)]:
        names = set(re.findall(r"{(.*?)}", path))
        assert names == {
            "model",
            *(["project"] if row.project_env else []),
            *(["location"] if row.location_env else []),
        }


def test_no_variable_holds_the_key_of_two_providers() -> None:
    names = [name for row in builtin_rows().values() for name in row.key_env]
    assert len(names) == len(set(names))


# ---- profiles


@EACH_PROFILE
def test_the_patterns_of_a_profile_are_regular_expressions(name: str) -> None:
    for field in PATTERN_FIELDS:
        re.compile(getattr(profile(name), field) or "")


@EACH_PROFILE
@pytest.mark.parametrize("original", ["", "functions.Bash:0", "call_" + "x" * 80, "ü|/+=", "call_1", "a b"])
def test_every_id_can_be_made_legal_for_a_profile(name: str, original: str) -> None:
    """ID-01, ID-03, ID-04: the pattern and the length that stands beside it fit each other."""
    written = profile(name)
    rewritten = legal_id(original, written.tool_call_id, written.tool_call_id_length)
    assert re.fullmatch(written.tool_call_id, rewritten)
    assert rewritten == original or len(rewritten) <= written.tool_call_id_length


def test_every_text_of_a_profile_that_can_be_a_pattern_is_checked_as_one() -> None:
    """A field added to ``Profile`` has to be put on one side or the other."""
    texts = {
        field.name
        for field in msgspec.structs.fields(Profile)
        if field.type in {str, str | None} and field.name not in {"name", "reasoning_field"}
    }
    assert texts == set(PATTERN_FIELDS)


def test_a_profile_is_known_by_its_name() -> None:
    assert all(entry.name == name for name, entry in builtin_profiles().items())
    assert builtin_profiles()[DEFAULT_PROFILE] == Profile()
    with pytest.raises(KeyError, match="no profile 'nonsense'; known: anthropic, "):
        profile("nonsense")


def test_every_profile_is_used() -> None:
    rows = builtin_rows().values()
    used = {row.profile for row in rows} | {variant.profile for row in rows for variant in row.variants}
    assert used == set(builtin_profiles())


def test_a_profile_has_what_its_base_has_and_changes_it() -> None:
    text = "[profiles.a]\ntool_name = 'x'\nclean = true\n[profiles.b]\nbase = 'a'\ntool_name = 'y'\n"
    changed = read_catalog(text).profiles["b"]
    assert (changed.name, changed.tool_name, changed.clean) == ("b", "y", True)


def test_mistral_takes_nine_letters_and_digits() -> None:
    """ID-04."""
    written = profile("mistral")
    assert re.fullmatch(written.tool_call_id, legal_id("functions.Bash:0", written.tool_call_id, 9))
    assert not re.fullmatch(written.tool_call_id, "call_1234")


@pytest.mark.parametrize(
    ("model", "adaptive"),
    [
        ("claude-opus-4-6", True),
        ("claude-sonnet-4-6", True),
        ("anthropic/claude-opus-4-8", True),
        ("claude-sonnet-5", True),
        ("claude-haiku-5-5", True),
        ("claude-mythos-preview", True),
        ("claude-sonnet-4-5-20250929", False),
        ("claude-haiku-4-5", False),
        ("claude-opus-4-5", False),
        ("claude-opus-4-20250514", False),
        ("claude-3-7-sonnet-20250219", False),
        ("claude-3-5-haiku-latest", False),
    ],
)
def test_which_claude_models_think_adaptively(model: str, adaptive: bool) -> None:
    """CHOICE-04, REASON-20: the kind of thinking decides what else may be asked for."""
    pattern = profile("anthropic").adaptive_thinking_models
    assert pattern is not None
    assert bool(re.search(pattern, model)) is adaptive


@pytest.mark.parametrize(
    ("model", "signed"),
    [
        ("gemini-3-pro-preview", True),
        ("models/gemini-3.1-flash-lite", True),
        ("gemini-4-argon", True),
        ("gemini-10-x", True),
        ("gemini-flash-latest", True),
        ("gemini-2.5-pro", False),
        ("gemini-2.0-flash", False),
        ("gemma-3-27b-it", False),
    ],
)
def test_which_gemini_models_want_signatures(model: str, signed: bool) -> None:
    """REASON-01."""
    pattern = profile("google").signature_models
    assert pattern is not None
    assert bool(re.search(pattern, model)) is signed


# ---- sources


def quirks() -> list[tuple[str, str]]:
    """Every line of the file that sets something to which there is a source, with the comment that goes with it.

    That is the one at its end, else the lines above it; settings that follow one another share those.
    """
    found = []
    comment: list[str] = []
    for line in SOURCE.splitlines():
        setting, mark, behind = line.partition(" # ")
        if line.startswith("#"):
            comment.append(line)
        elif re.match(r"\w+ = ", line):
            found.append((setting.strip(), behind if mark else " ".join(comment)))
        else:
            comment = []
    return found


WITHOUT_SOURCE = re.compile(r"(dialect|profile|base|models|needs_key|needs_address) = |(tool_call_id_length|clean) = ")
"""What is no claim about a provider by itself: which grammar and profile a row has, and a pattern's own length."""


def test_every_quirk_says_where_it_was_read() -> None:
    settings = [(line, comment) for line, comment in quirks() if not WITHOUT_SOURCE.match(line)]
    assert len(settings) > 60
    unsourced = [
        line for line, comment in settings if not re.search(r"https?://|recorded|Recorded|above|The same|422", comment)
    ]
    assert unsourced == []


# ---- an address of the environment


OLLAMA = builtin_rows()["ollama"]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("192.168.1.5", "http://192.168.1.5:11434/v1"),
        ("192.168.1.5:8080", "http://192.168.1.5:8080/v1"),
        ("models.lan", "http://models.lan:11434/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),  # noqa: S104 - as servers are given it
        ("0.0.0.0:80", "http://127.0.0.1:80/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("[::]:11434", "http://[::1]:11434/v1"),
        ("::1", "http://[::1]:11434/v1"),
        ("[fe80::1]:99", "http://[fe80::1]:99/v1"),
        ("http://models.lan", "http://models.lan/v1"),
        ("https://models.lan:8443/ollama/v1/", "https://models.lan:8443/ollama/v1"),
        ("models.lan/ollama", "http://models.lan:11434/ollama"),
    ],
)
def test_an_address_is_completed_from_the_row(value: str, address: str) -> None:
    assert address_from(OLLAMA, value) == address


NO_ADDRESSES = (
    *("", "/", "http://", "https:///v1", "[::1", ":0", "host:99999"),
    *("http://me:hunter2@host", "me:hunter2@host", "host?key=hunter2", "host#hunter2", "host:hunter2"),
)


@pytest.mark.parametrize("value", NO_ADDRESSES)
def test_what_is_no_address_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        address_from(OLLAMA, value)
    assert "hunter2" not in str(caught.value)


# ---- a catalog that is wrong


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[providers", "x.toml: Expected ']' at the end of a table declaration"),
        ("[rows.a]", "x.toml: unknown key rows"),
        ("providers = 1", "x.toml: providers: expected a table"),
        ("[providers]\na = 1", "x.toml: providers.a: expected a table without a name of its own"),
        ("[profiles.a]\nname = 'b'", "x.toml: profiles.a: expected a table without a name of its own"),
        ("[providers.a]\ndialect = 'd'", "x.toml: providers.a: Object missing required field `base_url`"),
        ("[providers.a]\ndialect = 1\nbase_url = 'u'", "x.toml: providers.a: Expected `str`, got `int` - at `dialect`"),
        ("[profiles.a]\nnonsense = 1", "x.toml: profiles.a: Object contains unknown field `nonsense`"),
        ("[profiles.a]\ncarriers = [1]", "x.toml: profiles.a: Expected `str`, got `int` - at `carriers[0]`"),
        ("[profiles.a]\nstate_error = '('", "x.toml: profiles.a.state_error: missing )"),
        ("[profiles.a]\nbase = 'b'", "x.toml: profiles.a.base: no profile 'b' stands before it"),
        (
            "[providers.a]\ndialect = 'd'\nbase_url = 'u'\nprofile = 'b'",
            "x.toml: providers.a.profile: no profile 'b'",
        ),
    ],
)
def test_a_catalog_says_what_is_wrong_and_where(text: str, message: str) -> None:
    with pytest.raises(CatalogError) as caught:
        read_catalog(text, "x.toml")
    assert str(caught.value).startswith(message)


def test_an_empty_catalog_has_the_default_profile() -> None:
    catalog = read_catalog("")
    assert (dict(catalog.rows), dict(catalog.profiles)) == ({}, {DEFAULT_PROFILE: Profile()})
