"""Script files: what is one, and what is wrong with one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.upstreams.scripted import ScriptError, load_script
from providers.upstreams.scripted.script import BUILT_IN
from tests.upstreams.scripts import played, playing


def loaded(folder: Path, text: str | bytes, name: str = "script.toml") -> object:
    """What this file holds."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_script(file)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a script needs [[turns]] or [[models.NAME]]"),
        ("[models]", "a script needs [[turns]] or [[models.NAME]]"),
        ("[[turns]", "Expected ']]' at the end of an array declaration"),
        (b"[[turns]]\ntext = '\xff'", "'utf-8' codec can't decode byte 0xff"),
        ("[[turn]]\ntext = 'a'", "Object contains unknown field `turn`"),
        ("[[turns]]\ntxt = 'a'", "Object contains unknown field `txt` - at `$.turns[0]`"),
        ("[[turns]]\n[[turns]]\ntext = 3", "Expected `str`, got `int` - at `$.turns[1].text`"),
        (
            "[[models.m]]\ntool_calls = [{}]",
            "models.m: Object missing required field `name` - at `$[0].tool_calls[0]`",
        ),
        ("[models]\nm = 3", "models.m: Expected `array`, got `int`"),
        ("[[models.a]]\ntext = 'a'\n[[models.b]]\ntext = 3", "models.b: Expected `str`, got `int` - at `$[0].text`"),
        ("models = 3", "Expected `object`, got `int` - at `$.models`"),
        ("[[turns]]\ntool_calls = [{name = 'a', missing = 'ignore'}]", "Invalid enum value 'ignore'"),
        ("[[turns]]\nfinish = 'done'", "Invalid enum value 'done' - at `$.turns[0].finish`"),
        ("[[turns]]\nchunk_size = 0", "Expected `int` >= 1 - at `$.turns[0].chunk_size`"),
        ("[[turns]]\ndelay_ms = -1", "Expected `int` >= 0 - at `$.turns[0].delay_ms`"),
        ("[[turns]]\ndelay_ms = 600001", "Expected `int` <= 600000 - at `$.turns[0].delay_ms`"),
        ("[[turns]]\ncut_after_chunks = -1", "Expected `int` >= 0 - at `$.turns[0].cut_after_chunks`"),
        ("[[turns]]\nerror = {status = 200, message = 'a'}", "Expected `int` >= 400 - at `$.turns[0].error.status`"),
        ("[[turns]]\nusage = {input_tokens = -1}", "Expected `int` >= 0 - at `$.turns[0].usage.input_tokens`"),
        ("[[turns]]\ntool_calls = [{name = 'a', arguments = {x = nan}}]", "nan is no number that JSON has"),
        ("[[turns]]\ntool_calls = [{name = 'a', arguments = {x = -inf}}]", "-inf is no number that JSON has"),
        ("[[turns]]\ntext = '{{a | cuont}}'", "turns, turn 1: {{a | cuont}}: 'cuont' is none of count, first_line"),
        ("[[turns]]\ntext = '{{a |}}'", "turns, turn 1: {{a |}}: '' is none of"),
        ("[[models.m]]\n[[models.m]]\ntext = '{{a#x/b}}'", "models.m, turn 2: {{a#x/b}}: expected the name of a tool"),
        ("[[turns]]\ntext = '{{/a}}'", "turns, turn 1: {{/a}}: expected the name of a tool"),
        ("[[turns]]\ntext = '{{a#-1}}'", "turns, turn 1: {{a#-1}}: expected the name of a tool"),
        (
            "[[turns]]\ntool_calls = [{name = 'a', arguments = {x = [{y = 'q {{#1}}'}]}}]",
            "turns, turn 1: {{#1}}: expected",
        ),
    ],
)
def test_what_is_no_script_says_file_place_and_reason(text: str | bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'script.toml'}: ")
    assert reason in str(caught.value)


def test_broken_json_is_no_script(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"script\.json: "):
        loaded(tmp_path, '{"turns": [', "script.json")


def test_a_file_that_is_not_there_is_no_script(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="No such file"):
        load_script(tmp_path / "absent.toml")
    with pytest.raises(ScriptError, match="Is a directory"):
        load_script(tmp_path)


def test_verbatim_arguments_hold_no_references(tmp_path: Path) -> None:
    loaded(tmp_path, "[[turns]]\ntool_calls = [{name = 'a', arguments = '{{#1 | nonsense'}]")


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    toml = "[[turns]]\ntext = 'a'\ntool_calls = [{name = 'b', arguments = {n = 1, big = 12345678901234567890123}}]"
    arguments = '{"n": 1, "big": 12345678901234567890123}'
    json = f'{{"turns": [{{"text": "a", "tool_calls": [{{"name": "b", "arguments": {arguments}}}]}}]}}'
    assert loaded(tmp_path, toml) == loaded(tmp_path, json, "script.json")


async def test_dates_of_a_toml_script_are_text(tmp_path: Path) -> None:
    script = "[[turns]]\ntool_calls = [{name = 'a', arguments = {day = 2026-11-24, at = 2026-11-24T12:00:00Z}}]"
    response = await played(playing(tmp_path, script), [{"role": "user", "content": "x"}])
    (call,) = response.candidates[0].tool_calls
    assert call.arguments == '{"day":"2026-11-24","at":"2026-11-24T12:00:00Z"}'


def test_the_built_in_script_is_one() -> None:
    script = load_script(BUILT_IN)
    assert list(script.models) == ["demo"]
    assert max(len(turn.tool_calls) for turn in script.models["demo"]) == 2
