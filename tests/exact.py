"""Equality of JSON as it stands on the wire: types, number literals and key order included."""

from __future__ import annotations

from providers.spec.values import Json
from providers.wire.json import FloatLiteral, dumps, type_name


def assert_exact(actual: Json, expected: Json, path: str = "$") -> None:
    """Fail unless both are the same JSON: ``1``, ``1.0`` and ``true`` differ, and so do two orders of the same keys.

    The message names the first path that differs.
    """
    _compare(actual, expected, path)
    assert dumps(actual) == dumps(expected), f"{path}: same values, other bytes"


def _compare(actual: Json, expected: Json, path: str) -> None:
    kinds = type_name(actual), type_name(expected)
    assert kinds[0] == kinds[1], f"{path}: {kinds[0]} instead of {kinds[1]}: {actual!r:.200} != {expected!r:.200}"
    if isinstance(actual, dict) and isinstance(expected, dict):
        _compare_objects(actual, expected, path)
    elif isinstance(actual, list) and isinstance(expected, list):
        assert len(actual) == len(expected), f"{path}: {len(actual)} items instead of {len(expected)}"
        for index, (mine, theirs) in enumerate(zip(actual, expected, strict=True)):
            _compare(mine, theirs, f"{path}[{index}]")
    else:
        assert _written(actual) == _written(expected), f"{path}: {actual!r:.200} != {expected!r:.200}"


def _compare_objects(actual: dict[str, Json], expected: dict[str, Json], path: str) -> None:
    missing = [key for key in expected if key not in actual]
    added = [key for key in actual if key not in expected]
    assert not missing, f"{path}: missing {missing}"
    assert not added, f"{path}: added {added}"
    assert list(actual) == list(expected), f"{path}: key order {list(actual)} instead of {list(expected)}"
    for key, value in expected.items():
        _compare(actual[key], value, f"{path}.{key}")


def _written(value: Json) -> tuple[str, str]:
    """How a scalar is written: ``1`` and ``1.0`` are two things, and so are ``1.0`` and ``1.00``."""
    return type(value).__name__.replace("FloatLiteral", "float"), _literal(value)


def _literal(value: Json) -> str:
    return value.literal if isinstance(value, FloatLiteral) else repr(value)
