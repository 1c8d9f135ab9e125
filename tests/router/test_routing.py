"""From the model a caller names to the provider and the provider's own name for it."""

import pytest

from providers.spec.errors import InvalidRequestError, UnknownModelError
from providers.upstreams.base import ProviderRow
from router.config import Config
from router.models import models_list, models_of
from router.routing import Routes

ROWS = {name: ProviderRow(name=name, dialect="openai-chat", base_url="http://x", api_key="k") for name in ("a", "b")}
ROUTES = Routes(ROWS, {"fast": "a/small", "odd/alias": "b/m"})


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("a/m", "a", "m"),
        ("a/org/m:free", "a", "org/m:free"),
        ("b/models/x@2", "b", "models/x@2"),
        ("fast", "a", "small"),
        ("odd/alias", "b", "m"),
        ("a/..m", "a", "..m"),
    ],
)
def test_a_model_leads_to_its_provider(model: str, provider: str, name: str) -> None:
    target = ROUTES.find(model).target("openai-chat")
    assert (target.provider, target.model) == (provider, name)
    assert len(target.scope) == 12


@pytest.mark.parametrize("model", ["m", "a/", "/m", "", "/", "a"])
def test_a_model_without_a_provider_says_which_there_are(model: str) -> None:
    with pytest.raises(InvalidRequestError, match="a, b") as caught:
        ROUTES.find(model)
    assert caught.value.path == "model"


def test_an_unknown_provider_says_what_to_do() -> None:
    with pytest.raises(UnknownModelError, match=r"\[providers\.c\]") as caught:
        ROUTES.find("c/m")
    assert caught.value.status == 404


@pytest.mark.parametrize("name", ["../../x", "m/..", "./m", "a\nb", "\ud800", "m\x00", "m\u2028"])
def test_what_is_no_name_goes_nowhere(name: str) -> None:
    """Gemini has the model in the path, which is asked for with the provider's key."""
    with pytest.raises(InvalidRequestError, match="not a model's name"):
        ROUTES.find(f"a/{name}")


def test_models_are_listed_aliases_first() -> None:
    config = Config(models={"a": ("small", "large")}, aliases={"fast": "a/small", "a/large": "b/m"})
    assert models_list(models_of(config)) == {
        "object": "list",
        "data": [
            {"id": "fast", "object": "model", "created": 0, "owned_by": "a", "router": {"alias_of": "a/small"}},
            {"id": "a/large", "object": "model", "created": 0, "owned_by": "b", "router": {"alias_of": "b/m"}},
            {"id": "a/small", "object": "model", "created": 0, "owned_by": "a"},
        ],
    }
