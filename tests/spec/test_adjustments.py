"""The list behind ``router.adjustments``: each thing once, also where there are thousands, and what is forgotten."""

from typing import Any

from providers.spec.adjustments import Adjustment, Report


def test_the_same_adjustment_is_noted_once_and_others_stay_apart() -> None:
    report = Report()
    for _ in range(2):
        report.add("a", "dropped", "r", from_={"x": [1]})
        report.add("a", "dropped", "r", from_={"x": [2]})
        report.add("a", "mapped", "r")
        report.add("b", "dropped", "r", to="t")
    found = [(each.path, each.action, each.from_, each.to) for each in report.adjustments]
    assert found == [
        ("a", "dropped", {"x": [1]}, None), ("a", "dropped", {"x": [2]}, None), ("a", "mapped", None, None),
        ("b", "dropped", None, "t"),
    ]  # fmt: skip


def test_what_is_forgotten_can_be_noted_again() -> None:
    report = Report()
    report.add("a", "dropped", "r")
    report.add("b", "dropped", "r")
    report.forget(since=1)
    assert [each.path for each in report.adjustments] == ["a"]
    report.add("a", "dropped", "r")
    report.add("b", "dropped", "r")
    assert [each.path for each in report.adjustments] == ["a", "b"]
    report.forget()
    report.add("a", "dropped", "r")
    assert [each.path for each in report.adjustments] == ["a"]


def test_thousands_are_not_each_compared_with_all() -> None:
    compared = 0

    class Value(str):
        __slots__ = ()

        def __eq__(self, other: Any) -> bool:
            nonlocal compared
            compared += 1
            return str(self) == str(other)

        __hash__ = str.__hash__

    report = Report()
    for number in range(2000):
        report.add(f"messages[{number}].id", "mapped", "r", from_=Value("x"))
    assert len(report.adjustments) == 2000
    assert isinstance(report.adjustments[0], Adjustment)
    assert compared < 4000
