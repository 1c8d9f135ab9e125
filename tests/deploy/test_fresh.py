"""A deployment right after `new-secrets`: its model is a script, and a question runs a tool and is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop_client import LoopClient
from loop_client.config import load_config
from router.app import create_app
from router.config import load_config as load_router_config
from tests.deploy.files import DEPLOY, new_secrets
from tests.fakes.server import running


async def test_a_conversation_of_three_questions_is_answered_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = new_secrets(tmp_path / "secrets")
    for name, value in secrets["loop-client"].items():
        monkeypatch.setenv(name, value)
    settings = load_config(DEPLOY / "config" / "loop-client.toml").settings
    with running(create_app(load_router_config(DEPLOY / "config" / "router.toml", secrets["router"]))) as url:
        async with LoopClient(**{**settings, "base_url": f"{url}/v1"}) as client:
            first = await client.ask("What time is it?")
            assert (first.finish_reason, first.rounds) == ("stop", 2)
            assert first.text.startswith("It is 20")
            messages = first.messages
            for _ in range(2):
                again = await client.ask([*messages, {"role": "user", "content": "And now?"}])
                assert again.text.startswith("It is 20")
                messages = again.messages
