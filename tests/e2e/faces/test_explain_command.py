"""``ai-router explain``: the same as the service explains, from a file."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from router.cli import main
from tests.e2e.faces.requests import body_of, path_of
from tests.e2e.faces.stage import MODELS, WIRES, provider_row
from tests.e2e.faces.voices import FACES
from tests.e2e.service import client, router_service

_NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Providers at an address where nobody listens: nothing may be sent."""
    file = tmp_path / "router.toml"
    file.write_text("\n".join(provider_row(wire, _NOWHERE) for wire in WIRES))
    return file


def written(folder: Path, body: Any) -> str:
    """A file with this body."""
    file = folder / "body.json"
    file.write_text(body if isinstance(body, str) else json.dumps(body))
    return str(file)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_command_tells_what_the_service_tells(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], face: str, stream: bool
) -> None:
    body = body_of(face, MODELS["anthropic"])
    options = ["--stream"] if stream else []
    options += ["--model", MODELS["anthropic"]] if face == "gemini" else []
    assert main(["explain", written(tmp_path, body), "--face", face, "--config", str(config), *options]) == 0
    printed = capsys.readouterr().out
    with router_service(tmp_path, config.read_text()) as url, client(url) as http:
        asked = body_of(face, MODELS["anthropic"], stream=stream)
        served = http.post(f"/explain{path_of(face, MODELS['anthropic'], stream=stream)}", json=asked)
    assert json.loads(printed) == served.json()
    assert "test-key" not in printed


def test_another_model_and_standard_input(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({**body_of("chat", MODELS["chat"]), "seed": 12345678901234567890, "temperature": 1})
    content = io.TextIOWrapper(io.BytesIO(body.replace('"temperature": 1', '"temperature": 1.50').encode()))
    monkeypatch.setattr("sys.stdin", content)
    assert main(["explain", "-", "--config", str(config), "--model", "chat/gpt-4o"]) == 0
    printed = capsys.readouterr().out
    (candidate,) = json.loads(printed)["candidates"]
    assert candidate["request"]["body"]["model"] == "gpt-4o"
    assert "12345678901234567890" in printed
    assert "1.50" in printed


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "JSON"),
        ({"model": "chat/m", "messages": "x"}, "messages"),
        ({"model": "chat/m", "messages": []}, "messages"),
    ],
)
def test_what_is_wrong_is_said_and_fails(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], body: Any, reason: str
) -> None:
    assert main(["explain", written(tmp_path, body), "--config", str(config)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("ai-router explain: ")
    assert reason in said.err


def test_a_file_that_is_not_there(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(tmp_path / "none.json"), "--config", str(config)]) == 1
    assert "No such file" in capsys.readouterr().err


def test_nothing_that_could_be_sent_fails(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, body_of("chat", "nobody/model"))
    assert main(["explain", file, "--config", str(config)]) == 1
    (candidate,) = json.loads(capsys.readouterr().out)["candidates"]
    assert candidate["error"]["status"] == 404
