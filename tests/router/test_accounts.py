"""Rows with tokens: project, location and credentials, from the configuration and from the environment."""

from pathlib import Path

import pytest

from router.config import load_config
from tests.router.command import ran
from tests.router.test_config import load, problems

CLAUDE = "claude-sonnet-4-5"
PLACE = {"GOOGLE_CLOUD_PROJECT": "project-1", "GOOGLE_CLOUD_LOCATION": "us-east5"}


def test_google_cloud_is_served_where_project_and_location_are_set() -> None:
    """A project alone says nothing of models: every program on Google Cloud is told its own."""
    row = load_config(None, PLACE).rows["google-vertex"]
    assert (row.tokens, row.api_key, row.account) == ("google", None, "project-1")
    assert row.base_url == "https://us-east5-aiplatform.googleapis.com"
    for variable, value in PLACE.items():
        assert "google-vertex" not in load_config(None, {variable: value}).rows


@pytest.mark.parametrize("project", ["GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"])
@pytest.mark.parametrize("location", ["GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"])
def test_the_variables_of_both_sdks_count(project: str, location: str) -> None:
    row = load_config(None, {project: "project-1", location: "eu"}).rows["google-vertex"]
    assert row.base_url == "https://aiplatform.eu.rep.googleapis.com"
    assert row.call is not None
    assert row.call.path.startswith("/v1beta1/projects/project-1/locations/eu/publishers/google/models/{model}:")


def test_a_row_is_for_gemini_but_for_the_models_named_claude() -> None:
    row = load_config(None, PLACE).rows["google-vertex"]
    assert row.for_model("gemini-3-pro-preview") is row
    claude = row.for_model(CLAUDE)
    assert (row.dialect, claude.dialect) == ("google-generate-content", "anthropic-messages")
    assert (row.profile.name, claude.profile.name) == ("google-vertex", "google-vertex-claude")
    assert (claude.name, claude.tokens, claude.base_url) == (row.name, row.tokens, row.base_url)
    assert claude.key != row.key
    assert row.profile.media_urls is not claude.profile.media_urls


def test_what_the_table_says_counts_before_the_environment(tmp_path: Path) -> None:
    toml = '[providers.google-vertex]\nproject = "mine"\nlocation = "us"\ncredentials_file = "a/key.json"\n'
    row = load(tmp_path, toml, **PLACE, GOOGLE_APPLICATION_CREDENTIALS="/b/key.json").rows["google-vertex"]
    assert (row.account, row.base_url) == ("mine", "https://aiplatform.us.rep.googleapis.com")
    assert row.credentials_file == str(tmp_path / "a" / "key.json")
    assert row.for_model(CLAUDE).credentials_file == row.credentials_file


def test_a_location_may_be_left_out_and_the_environment_names_the_credentials(tmp_path: Path) -> None:
    toml = '[providers.google-vertex]\nproject = "mine"\n'
    row = load(tmp_path, toml, GOOGLE_APPLICATION_CREDENTIALS="/b/key.json").rows["google-vertex"]
    assert (row.base_url, row.credentials_file) == ("https://aiplatform.googleapis.com", "/b/key.json")


def test_timeouts_headers_and_profile_are_for_the_variants_too(tmp_path: Path) -> None:
    toml = (
        '[providers.google-vertex]\nproject = "mine"\nheaders = { x-team = "a" }\ntimeout = 7\n'
        "profile = { tool_name = 'x' }\n"
    )
    row = load(tmp_path, toml).rows["google-vertex"]
    for each in (row, row.for_model(CLAUDE)):
        assert (each.headers, each.timeouts.total, each.profile.tool_name) == ({"x-team": "a"}, 7, "x")
    assert not row.for_model(CLAUDE).profile.media_urls


def test_another_row_may_be_like_a_shipped_one(tmp_path: Path) -> None:
    """Two locations of one project, or two projects."""
    toml = '[providers.vertex-eu]\nlike = "google-vertex"\nlocation = "eu"\nproject = "mine"\n'
    row = load(tmp_path, toml).rows["vertex-eu"]
    assert (row.name, row.for_model(CLAUDE).name) == ("vertex-eu", "vertex-eu")
    assert (row.tokens, row.base_url) == ("google", "https://aiplatform.eu.rep.googleapis.com")
    groq = load(tmp_path, '[providers.groq-2]\nlike = "groq"\napi_key = "key-2"\n').rows["groq-2"]
    assert (groq.base_url, groq.api_key, groq.profile.name) == ("https://api.groq.com/openai/v1", "key-2", "groq")
    unknown = problems(tmp_path, '[providers.x]\nlike = "nobody"')
    assert unknown["providers.x.like"].startswith("no such provider; shipped are openai, ")


def test_tokens_are_for_any_host_that_takes_them(tmp_path: Path) -> None:
    """Such as the front for OpenAI's dialect that Google Cloud has."""
    toml = (
        '[providers.x]\ndialect = "openai-chat"\nbase_url = "https://host/v1"\ntokens = "google"\n'
        'token_scope = "https://www.googleapis.com/auth/cloud-platform"\n'
    )
    row = load(tmp_path, toml).rows["x"]
    assert (row.tokens, row.call, row.variants) == ("google", None, ())


@pytest.mark.parametrize(
    ("toml", "environ", "key", "reason"),
    [
        ("", {}, "project", "required: set it here, or GOOGLE_CLOUD_PROJECT or ANTHROPIC_VERTEX_PROJECT_ID in the"),
        ('project = "a/b"', {}, "project", "not the name of a project"),
        ('project = "a"\nlocation = "x?y"', {}, "location", "not the name of a location"),
        ("", {"GOOGLE_CLOUD_PROJECT": "a b"}, "project", "GOOGLE_CLOUD_PROJECT: not the name of a project"),
        ('project = "a"\ntokens = "google"\napi_key = "k"', {}, "tokens", "the row has a key: one or the other"),
        ('project = "a"\ntransport = "sdk"', {}, "transport", "calls with tokens go over the pool"),
    ],
)
def test_what_is_wrong_is_said(toml: str, environ: dict[str, str], key: str, reason: str, tmp_path: Path) -> None:
    found = problems(tmp_path, f"[providers.google-vertex]\n{toml}\n", **environ)
    assert found[f"providers.google-vertex.{key}"].startswith(reason)


def test_what_is_only_for_tokens_is_refused_elsewhere(tmp_path: Path) -> None:
    toml = '[providers.openai]\napi_key = "k"\nproject = "a"\ncredentials_file = "x"\ntoken_scope = "y"\n'
    assert problems(tmp_path, toml) == {
        "providers.openai.project": "this provider has none",
        "providers.openai.credentials_file": "only with tokens",
        "providers.openai.token_scope": "only with tokens",
    }
    toml = '[providers.azure-openai]\nbase_url = "https://x"\ntokens = "azure"\ncredentials_file = "x"\n'
    assert problems(tmp_path, toml) == {"providers.azure-openai.credentials_file": "only with tokens of Google"}
    toml = '[providers.x]\ndialect = "openai-chat"\nbase_url = "https://x"\ntokens = "google"\n'
    assert problems(tmp_path, toml) == {"providers.x.token_scope": "required: what the tokens are to be good for"}


def test_azure_without_a_key_says_that_none_is_needed(tmp_path: Path) -> None:
    found = problems(tmp_path, "[providers.azure-openai]", AZURE_OPENAI_ENDPOINT="https://x")
    assert found["providers.azure-openai.api_key"].endswith('in the environment, or tokens = "azure"')


def test_the_overview_tells_tokens_and_variants(tmp_path: Path) -> None:
    done = ran("check", folder=tmp_path, **PLACE)
    assert (
        "google-vertex: google-generate-content at https://us-east5-aiplatform.googleapis.com, with tokens of google"
        in done.stdout
    )
    assert "anthropic-messages for models of ^(?:models/)?claude" in done.stdout
