"""The models to show: every alias, and those that a provider's configuration names."""

from typing import TypeAlias

import msgspec

from providers.spec.values import Json, JsonObject
from router.config import Config


class Model(msgspec.Struct, frozen=True):
    """Something that may be asked for as ``model``."""

    id: str
    provider: str
    alias_of: str | None = None


Models: TypeAlias = tuple[Model, ...]


def models_of(config: Config) -> Models:
    """Aliases first, then ``provider/model``, each in the order of the configuration.

    A provider's other models can be asked for as well: nobody but the provider knows them all.
    """
    aliases = [Model(alias, target.partition("/")[0], target) for alias, target in config.aliases.items()]
    named = [
        Model(f"{provider}/{model}", provider)
        for provider, models in config.models.items()
        for model in models
        if f"{provider}/{model}" not in config.aliases
    ]
    return (*aliases, *named)


def models_list(models: Models) -> JsonObject:
    """OpenAI's list of models, with the target of each alias beside it."""
    return {"object": "list", "data": [_listed(model) for model in models]}


def _listed(model: Model) -> Json:
    # OpenAI's clients want a time; when a provider made its model is not known here.
    listed: JsonObject = {"id": model.id, "object": "model", "created": 0, "owned_by": model.provider}
    if model.alias_of is not None:
        listed["router"] = {"alias_of": model.alias_of}
    return listed
