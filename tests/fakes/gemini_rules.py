"""Judges a Gemini generateContent request as the provider does."""

from __future__ import annotations

import re

from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from tests.fakes.gemini_schemas import check_parameters
from tests.fakes.gemini_shapes import Content, FunctionDeclaration, GenerateRequest
from tests.fakes.gemini_turns import check_turns
from tests.fakes.refusal import Refusal, path_in

_MODEL = re.compile(r"gemini-(\d+(\.\d+)?-(flash|pro|ultra)(-[a-z0-9-]+)?|(flash|pro)(-lite)?-latest)")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_NAME_RULE = (
    "Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), "
    "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
)


def check_generate(
    body: object, model: str, *, verify_signatures: bool = True, mixed_flag: bool = True
) -> GenerateRequest:
    """The request, if Gemini would take it.

    Args:
        body: the parsed JSON.
        model: the model of the path.
        verify_signatures: False where thought signatures come from the real provider, which only it can check.
        mixed_flag: False where the flag for functions beside the server's own tools does not exist (Vertex).

    Raises:
        Refusal: it would not; the words are Google's.
    """
    if not _MODEL.fullmatch(model):
        text = f"models/{model} is not found for API version v1beta, or is not supported for generateContent."
        raise Refusal(
            f"{text} Call ListModels to see the list of available models and their supported methods.", status=404
        )
    request = _checked_shape(body)
    if not request.contents:
        raise Refusal("* GenerateContentRequest.contents: contents is not specified\n")
    if request.system_instruction is not None:
        _check_system(request.system_instruction)
    declarations = _declarations(request)
    _check_declarations(declarations)
    _check_calling_config(request, declarations)
    if mixed_flag and needs_signatures(model):
        _check_mixed_tools(request)
    check_turns(request.contents, signed=needs_signatures(model), genuine=verify_signatures)
    return request


def needs_signatures(model: str) -> bool:
    """Whether a model signs its calls and wants the signatures back: from Gemini 3 on."""
    found = re.match(r"gemini-(\d+)", model)
    return found is not None and int(found[1]) >= 3


def _check_mixed_tools(request: GenerateRequest) -> None:
    """https://github.com/cloudwego/eino-ext/issues/761, on the Gemini API from Gemini 3 on."""
    tools = request.tools or []
    runs = any(tool.model_fields_set - {"function_declarations"} for tool in tools)
    declares = any(tool.function_declarations for tool in tools)
    config = request.tool_config
    if runs and declares and not (config is not None and config.include_server_side_tool_invocations):
        text = "Please enable tool_config.include_server_side_tool_invocations"
        raise Refusal(f"{text} to use Built-in tools with Function calling.")


# --- fields and types


def _checked_shape(body: object) -> GenerateRequest:
    try:
        return GenerateRequest.model_validate(body)
    except ValidationError as error:
        raise _refusal_of(body, error) from None


def _refusal_of(body: object, error: ValidationError) -> Refusal:
    lines = []
    for problem in error.errors(include_url=False):
        path = path_in(body, problem["loc"])
        if problem["type"] == "extra_forbidden":
            place = f" at '{_dotted(path[:-1])}'" if path[:-1] else ""
            lines.append(f'Invalid JSON payload received. Unknown name "{path[-1]}"{place}: Cannot find field.')
        elif problem["type"] == "missing":
            lines.append(f"* GenerateContentRequest.{_dotted(path)}: missing field.")
        else:
            lines.append(f"Invalid value at '{_dotted(path)}' ({problem['msg']})")
    return Refusal("\n".join(dict.fromkeys(lines)))


def _dotted(path: list[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{to_snake(step)}" for step in path)
    return "".join(steps).lstrip(".")


# --- tools


def _check_system(instruction: Content) -> None:
    if any(part.text is None for part in instruction.parts or []):
        raise Refusal("* GenerateContentRequest.system_instruction.parts: only text parts are supported.")


def _declarations(request: GenerateRequest) -> list[tuple[str, FunctionDeclaration]]:
    return [
        (f"tools[{index}].function_declarations[{position}]", declaration)
        for index, tool in enumerate(request.tools or [])
        for position, declaration in enumerate(tool.function_declarations or [])
    ]


def _check_declarations(declarations: list[tuple[str, FunctionDeclaration]]) -> None:
    seen: set[str] = set()
    for path, declaration in declarations:
        if not _NAME.fullmatch(declaration.name):
            raise Refusal(f"* GenerateContentRequest.{path}.name: {_NAME_RULE}")
        if declaration.name in seen:
            raise Refusal(f"Duplicate function declaration found: {declaration.name}")
        seen.add(declaration.name)
        if declaration.parameters is not None and declaration.parameters_json_schema is not None:
            text = "only one of `parameters` or `parameters_json_schema` may be set."
            raise Refusal(f"* GenerateContentRequest.{path}: {text}")
        if declaration.parameters is not None:
            check_parameters(declaration.parameters, f"{path}.parameters")


def _check_calling_config(request: GenerateRequest, declarations: list[tuple[str, FunctionDeclaration]]) -> None:
    config = request.tool_config.function_calling_config if request.tool_config else None
    if config is None:
        return
    names = {declaration.name for _, declaration in declarations}
    if config.mode in ("ANY", "VALIDATED") and not names:
        raise Refusal("Function calling config is set without function_declarations.")
    if not config.allowed_function_names:
        return
    if config.mode not in ("ANY", "VALIDATED"):
        raise Refusal("allowed_function_names can only be set when function calling mode is ANY or VALIDATED.")
    unknown = [name for name in config.allowed_function_names if name not in names]
    if unknown:
        raise Refusal(f"allowed_function_names contains functions that are not declared: {', '.join(unknown)}")
