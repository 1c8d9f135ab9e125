"""Fields that one dialect carries and another has no words for."""

from providers.spec.adjustments import Report
from providers.spec.values import Ext


def report_foreign_fields(own: str, ext: Ext, path: str, report: Report, *, with_value: bool = True) -> None:
    """Report every carried field of a dialect other than ``own`` as dropped, one by one.

    An empty list asks for nothing. ``with_value``: the adjustment says what it was.
    """
    for dialect, fields in ext.items():
        if dialect == own:
            continue
        for name, value in fields.items():
            if value != []:
                at = f"{path}.{name}" if path else name
                said = value if with_value else None
                report.add(at, "dropped", f"not known to {own}", from_=said, carried=not path)
