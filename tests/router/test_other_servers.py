"""Any ASGI server can run the application by its name; the environment says how it is configured."""

from __future__ import annotations

from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

import router.app
from router.config import ConfigError


def test_a_server_finds_the_application_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "router.toml"
    file.write_text("[aliases]\nfast = 'scripted/demo'\n")
    monkeypatch.setenv("AI_ROUTER_CONFIG", str(file))
    config = uvicorn.Config("router.app:app", log_config=None)
    config.load()
    app = router.app.app
    assert isinstance(app, FastAPI)
    assert app.state.router.config.aliases == {"fast": "scripted/demo"}


def test_a_wrong_configuration_is_told_and_any_other_name_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_ROUTER_CONFIG", str(tmp_path / "missing.toml"))
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        _ = router.app.app
    with pytest.raises(AttributeError, match="application"):
        _ = router.app.application
