"""The OpenAPI document as a page that needs nothing from anywhere: no script, no font, no other server."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Its content-security-policy: it loads nothing and runs nothing."""

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --quiet: #888; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: .5rem; }
h2 code { font-size: 1rem; } .method { font-weight: 700; margin-right: .5rem; }
.quiet { color: var(--quiet); }
details { border-left: 3px solid var(--line); margin: .4rem 0; padding-left: .8rem; }
summary { cursor: pointer; }
pre { overflow-x: auto; background: #8881; padding: .8rem; border-radius: 4px; font-size: .85rem; line-height: 1.4; }
"""

_REFERENCE = re.compile(r"&quot;#/components/schemas/(\w+)&quot;")


def rendered(document: dict[str, Any]) -> str:
    """The whole page. Every value of the document is escaped."""
    info = document["info"]
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    body = [
        f"<h1>{escape(info['title'])} <small class=quiet>{escape(info['version'])}</small></h1>",
        *(f"<p>{_prose(paragraph)}</p>" for paragraph in info["description"].split("\n\n")),
        "<p>The same for programs: <a href=openapi.json>openapi.json</a></p>",
        f"<ul>{''.join(_entry(*operation) for operation in operations)}</ul>",
        *(_operation(*operation) for operation in operations),
        "<section><h2>Schemas</h2>",
        *(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
        "</section>",
    ]
    head = f"<meta charset=utf-8><title>{escape(info['title'])}</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(body)}</body></html>"


def _entry(method: str, path: str, operation: dict[str, Any]) -> str:
    link = f"<a href='#{operation['operationId']}'><code>{_call(method, path)}</code></a>"
    return f"<li>{link} {_prose(operation['summary'])}</li>"


def _call(method: str, path: str) -> str:
    return f"<span class=method>{method.upper()}</span>{escape(path)}"


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    return "".join(
        [
            f"<section id={operation['operationId']}><h2><code>{_call(method, path)}</code></h2>",
            f"<p><b>{_prose(operation['summary'])}.</b> {_prose(operation['description'])}</p>",
            *_request(operation.get("requestBody")),
            "<h3>Answers</h3>",
            *(_response(status, response) for status, response in operation["responses"].items()),
            "</section>",
        ]
    )


def _request(body: dict[str, Any] | None) -> Iterator[str]:
    if body is not None:
        yield "<h3>Request</h3>"
        yield from _contents(body["content"])


def _response(status: str, response: dict[str, Any]) -> str:
    opened = " open" if status == "200" else ""
    headers = ", ".join(f"<code>{escape(name)}</code>" for name in response.get("headers", {}))
    shown = "".join(_contents(response.get("content", {})))
    return (
        f"<details{opened}><summary><b>{escape(status)}</b> {_prose(response['description'])}</summary>"
        f"<p class=quiet>Headers: {headers or 'none of its own'}</p>{shown}</details>"
    )


def _contents(content: dict[str, Any]) -> Iterator[str]:
    for media_type, shown in content.items():
        yield f"<p class=quiet>{escape(media_type)}</p>"
        yield f"<details><summary>Schema</summary>{_code(shown['schema'])}</details>"
        for example in shown.get("examples", {}).values():
            summary = _prose(example["summary"])
            yield f"<details><summary>Example: {summary}</summary>{_code(example['value'])}</details>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    return f"<h3 id=schema-{escape(name)}>{escape(name)}</h3>{_code(schema)}"


def _code(value: Any) -> str:
    text = escape(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))
    return f"<pre>{_REFERENCE.sub(_link, text)}</pre>"


def _link(reference: re.Match[str]) -> str:
    return f"&quot;<a href=#schema-{reference[1]}>{reference[1]}</a>&quot;"


def _prose(text: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
