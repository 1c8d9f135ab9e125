"""A forced call while the model thinks: refused here where the host refuses it, or silently leaves thinking out."""

from providers.spec.errors import ForcedChoiceError
from providers.spec.profile import Target
from providers.spec.request import Reasoning
from providers.spec.values import Json


def check_forced_choice(choice: Json, reasoning: Reasoning | None, target: Target) -> None:
    """Raise ForcedChoiceError for the two together, decided on what would be sent (CHOICE-04 to CHOICE-06)."""
    profile = target.profile
    if profile.forced_choice_with_thinking != "refuse" or not _forces(choice) or not _thinks(reasoning, target):
        return
    models = profile.forced_choice_models
    if models is not None and not target.is_one_of(models):
        return
    message = (
        "tool_choice: this model takes no forced call while it thinks; use tool_choice auto, turn reasoning off, "
        "or say with router.forced_choice which of the two to give up"
    )
    raise ForcedChoiceError(message, path="tool_choice")


def _forces(choice: Json) -> bool:
    match choice:
        case "required" | "any":
            return True
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode}}:
            return mode == "required"
        case {"type": "auto" | "none"}:
            return False
        case _:
            return isinstance(choice, dict)


def _thinks(reasoning: Reasoning | None, target: Target) -> bool:
    if reasoning is None or (reasoning.enabled is None and reasoning.effort is None and not reasoning.budget_tokens):
        return target.is_one_of(target.profile.thinking_models)
    return reasoning.enabled is not False and reasoning.effort != "none" and reasoning.budget_tokens != 0
