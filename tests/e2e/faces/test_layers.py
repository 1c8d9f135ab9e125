"""Options that the configuration gives, for all requests, a key or an alias; and the request's own word over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from router.config import ConfigError, load_config
from router.keys import hash_of
from router.overview import overview
from tests.catalogue.support import called, tool, user
from tests.e2e.faces.stage import Stage, staged
from tests.e2e.service import client
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.openai_chat import OpenAIChat

KEYS = {"plain": "air_plain-key-of-this-test", "careful": "air_careful-key-of-this-test"}
CONFIG = f"""
[options]
on_loss = "report"
forced_choice = "downgrade_choice"

[aliases]
fast = "anthropic/claude-sonnet-4-5"

[aliases.mending]
model = "fast"
orphans = "repair"
forced_choice = "drop_thinking"
fallbacks = ["chat/gpt-5.1"]

[aliases.again]
model = "mending"
forced_choice = "refuse"

[[keys]]
name = "plain"
hash = "{hash_of(KEYS["plain"])}"

[[keys]]
name = "careful"
hash = "{hash_of(KEYS["careful"])}"
options = {{ orphans = "repair", on_loss = "refuse" }}
"""
ORPHAN = [user(), called("c1"), user("well?")]
FORCED: dict[str, Any] = {"tools": [tool()], "tool_choice": "required", "reasoning_effort": "high"}


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    fakes = {"anthropic": AnthropicMessages(), "chat": OpenAIChat()}
    with staged(tmp_path_factory.mktemp("layers"), fakes, tail=CONFIG) as stage:
        yield stage


def ask(stage: Stage, model: str, *, key: str = "plain", headers: Any = None, **body: Any) -> httpx2.Response:
    stage.clear()
    asked = {"model": model, "messages": [user()], **body}
    auth = {"authorization": f"Bearer {KEYS[key]}", **(headers or {})}
    with client(stage.url) as http:
        return http.post("/v1/chat/completions", json=asked, headers=auth)


def test_an_alias_has_options_of_its_own(layered: Stage) -> None:
    """HIST-07: mended under the alias that says so, refused under its target's own name."""
    assert ask(layered, "anthropic/claude-sonnet-4-5", messages=ORPHAN, tools=[tool()]).status_code == 400
    assert ask(layered, "fast", messages=ORPHAN, tools=[tool()]).status_code == 400
    answer = ask(layered, "mending", messages=ORPHAN, tools=[tool()])
    assert answer.status_code == 200, answer.text
    assert "repaired" in [one["action"] for one in answer.json()["router"]["adjustments"]]


def test_an_alias_of_an_alias_has_those_of_both(layered: Stage) -> None:
    answer = ask(layered, "again", messages=ORPHAN, tools=[tool()])
    assert answer.status_code == 200, answer.text
    assert ask(layered, "again", **FORCED, router={"fallbacks": []}).status_code == 400


def test_a_key_has_options_of_its_own(layered: Stage) -> None:
    asked: dict[str, Any] = {"messages": ORPHAN, "tools": [tool()], "max_tokens": 100}
    assert ask(layered, "fast", **asked).status_code == 400
    answer = ask(layered, "fast", key="careful", **asked)
    assert answer.status_code == 200, answer.text
    refused = ask(layered, "fast", key="careful", **asked, logit_bias={"1": 1})
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "logit_bias")


def test_what_is_said_for_all_counts_until_something_nearer_is_said(layered: Stage) -> None:
    """CHOICE-04: configuration, key, alias, header, body."""
    assert ask(layered, "fast", **FORCED).status_code == 200
    assert layered.sent("anthropic")[-1]["tool_choice"] == {"type": "auto"}
    assert ask(layered, "mending", **FORCED).status_code == 200
    assert layered.sent("anthropic")[-1]["tool_choice"] == {"type": "any"}
    header = {"x-router-forced-choice": "downgrade_choice"}
    assert ask(layered, "mending", **FORCED, headers=header).status_code == 200
    assert layered.sent("anthropic")[-1]["tool_choice"] == {"type": "auto"}
    body = {"forced_choice": "refuse", "fallbacks": []}
    assert ask(layered, "mending", **FORCED, headers=header, router=body).status_code == 400


def test_fallbacks_of_an_alias_are_tried_under_their_own_options(layered: Stage) -> None:
    """GATE-03: the conflict is Anthropic's alone, so the next candidate thinks and is forced."""
    answer = ask(layered, "again", **FORCED)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-router-provider"] == "chat"
    assert layered.sent("chat")[-1]["tool_choice"] == "required"


def test_explain_shows_what_the_layers_make_of_it(layered: Stage) -> None:
    auth = {"authorization": f"Bearer {KEYS['careful']}"}
    asked = {"model": "fast", "messages": ORPHAN, "tools": [tool()], "max_tokens": 100}
    with client(layered.url) as http:
        (candidate,) = http.post("/explain/v1/chat/completions", json=asked, headers=auth).json()["candidates"]
    assert [one["action"] for one in candidate["adjustments"]].count("repaired") == 1


def test_what_is_wrong_is_said_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "router.toml"
    file.write_text(
        '[options]\norphan = "repair"\n'
        '[aliases]\na = { model = "openai/m", orphans = "mend" }\nb = { orphans = "repair" }\n'
        'c = { model = "openai/m", fallbacks = ["openai/n", "nobody/m"] }\n'
    )
    with pytest.raises(ConfigError) as refused:
        load_config(file, {"OPENAI_API_KEY": "k"})
    problems = {problem.key: problem.reason for problem in refused.value.problems}
    assert "orphans" in problems["options.orphan"]
    assert problems.keys() == {
        "options.orphan",
        "aliases.a.orphans",
        "aliases.b.model",
        "aliases.c.fallbacks[1]",
    }


def test_check_shows_the_options(tmp_path: Path) -> None:
    file = tmp_path / "router.toml"
    file.write_text(CONFIG.replace("anthropic/", "openai/").replace("chat/", "openai/"))
    shown = overview(load_config(file, {"OPENAI_API_KEY": "k"}))
    assert "key careful: on_loss = refuse; orphans = repair" in shown
    assert "alias again: fallbacks = openai/gpt-5.1; orphans = repair; forced_choice = refuse" in shown
