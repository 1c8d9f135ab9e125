"""Makes the tools and sources of tools that a configuration file describes."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from loop_client.client_tools import AnyTool
from loop_client.config_tables import ConfigFile, DeferredTool, HttpEndpoint, LocalTools, McpServer, Rules
from loop_client.errors import ConfigurationError
from loop_client.extras import missing_extra
from loop_client.function_tool import ToolFlags, schema_tool, tool
from loop_client.handlers import FileTree, calculate, current_time
from loop_client.http_tools import HttpTool, HttpTools
from loop_client.jsontext import JsonObject, loads
from loop_client.tool_source import ToolSource
from loop_client.tools import Tool

_Made = TypeVar("_Made")


def tools_of(tables: ConfigFile, folder: Path) -> list[AnyTool]:
    """Everything that the file offers the model. Relative paths count from ``folder``.

    Raises:
        ConfigurationError: something of it cannot work; the text begins with its key.
    """
    made: list[AnyTool] = [] if tables.tools is None else _local(tables.tools, folder)
    made += [_deferred(name, table, folder) for name, table in tables.deferred.items()]
    if tables.http_tools:
        endpoints = [_endpoint(name, table, folder) for name, table in tables.http_tools.items()]
        made.append(_keyed("http_tools", lambda: HttpTools(endpoints)))
    for name, table in tables.mcp.items():
        made.append(_keyed(f"mcp.{name}", partial(_server, name, table, folder)))
    return made


def _local(table: LocalTools, folder: Path) -> list[AnyTool]:
    made: list[AnyTool] = []
    files = table.files
    if files is not None:
        roots = {name: folder / Path(path).expanduser() for name, path in files.roots.items()}
        tree = _keyed(
            "tools.files.roots",
            lambda: FileTree(roots, descriptions=files.descriptions, include_hidden=files.include_hidden),
        )
        made += tree.tools()
    made += [tool(current_time)] if table.current_time else []
    made += [tool(calculate)] if table.calculate else []
    made += [_imported(place, name) for place, name in enumerate(table.functions)]
    return _with_rules(made, table.rules)


def _with_rules(made: list[AnyTool], rules: Mapping[str, Rules]) -> list[AnyTool]:
    """The tools, under the rules that the file gives them."""
    tools = [item if isinstance(item, (Tool, ToolSource)) else tool(item) for item in made]
    names = {item.name for item in tools if isinstance(item, Tool)}
    for name in rules:
        if name not in names:
            raise ConfigurationError(f"tools.rules.{name}: there is no such tool among [tools]")
    return [_ruled(item, rules) if isinstance(item, Tool) else item for item in tools]


def _ruled(item: Tool, rules: Mapping[str, Rules]) -> Tool:
    if item.name not in rules:
        return item
    given: Any = rules[item.name].flags()
    return _keyed(f"tools.rules.{item.name}", lambda: dataclasses.replace(item, **given))


def _imported(place: int, name: str) -> Any:
    key = f"tools.functions[{place}]"
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise ConfigurationError(f"{key}: package.module:name is expected")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{key}: {name} cannot be imported: {error}") from None
    if not callable(found) and not isinstance(found, (Tool, ToolSource)):
        raise ConfigurationError(f"{key}: {name} is neither a function, nor a tool, nor a source of tools")
    return found


def _deferred(name: str, table: DeferredTool, folder: Path) -> Tool:
    key = f"deferred.{name}"
    parameters = _schema(table.parameters, folder, f"{key}.parameters")
    answer = None if table.answer is None else _schema(table.answer, folder, f"{key}.answer")
    flags = ToolFlags(title=table.title, may_repeat=table.may_repeat, terminal=table.terminal)
    return _keyed(key, lambda: schema_tool(name, table.description, parameters, answer=answer, **flags))


def _endpoint(name: str, table: HttpEndpoint, folder: Path) -> HttpTool:
    key = f"http_tools.{name}"
    parameters = _schema(table.parameters, folder, f"{key}.parameters")
    return _keyed(
        key,
        lambda: HttpTool(
            name=name,
            description=table.description,
            parameters=parameters,
            url=table.url,
            method=table.method,
            headers=_headers(table.headers, table.bearer),
            flags=table.rules.flags(),
            connect_seconds=table.connect_seconds,
            max_response_bytes=table.max_response_bytes,
            show_errors=table.show_errors,
            brought_tools_url=table.brought_tools_url,
            brought_flags=None if table.brought_rules is None else table.brought_rules.flags(),
        ),
    )


def _server(name: str, table: McpServer, folder: Path) -> ToolSource:
    try:
        from loop_client.mcp import HttpServer, MCPTools, Server, StdioServer
    except ModuleNotFoundError as error:
        raise missing_extra("mcp", error) from None
    server: Server
    if table.command is not None:
        cwd = None if table.cwd is None else folder / Path(table.cwd).expanduser()
        server = StdioServer(table.command, table.args, table.env, cwd)
    else:
        headers = _headers(table.headers, table.bearer)
        server = HttpServer(table.url or "", headers, silence_seconds=table.silence_seconds)
    return MCPTools(
        name,
        server,
        prefix=table.prefix,
        only=table.only,
        without=table.without,
        needs_approval=table.needs_approval,
        flags=table.rules.flags(),
        tool_flags={tool_name: rules.flags() for tool_name, rules in table.tools.items()},
        trust_annotations=table.trust_annotations,
        brings_tools=table.brings_tools,
        required=table.required,
        connect_seconds=table.connect_seconds,
    )


def _headers(headers: Mapping[str, str], bearer: str | None) -> dict[str, str]:
    return {**headers} if bearer is None else {**headers, "authorization": f"Bearer {bearer}"}


def _schema(value: Any, folder: Path, key: str) -> JsonObject:
    """A schema that stands in the file itself, or in a JSON file of that name."""
    if not isinstance(value, str):
        return dict(value)
    try:
        schema = loads((folder / Path(value).expanduser()).read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{key}: {value}: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigurationError(f"{key}: {value}: {error}") from None
    if not isinstance(schema, dict):
        raise ConfigurationError(f"{key}: {value}: a JSON object is expected")
    return schema


def _keyed(key: str, make: Callable[[], _Made]) -> _Made:
    """What is made, or what is wrong with it behind its key."""
    try:
        return make()
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}: {error}") from None
