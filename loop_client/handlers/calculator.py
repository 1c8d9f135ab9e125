"""A tool that does arithmetic, by an own walk over the syntax tree, bounded so that it cannot stall.

Nothing is evaluated but numbers, operators and the functions named here. An expression is short, so it has few
operations; each is refused beforehand when its result would be a number of more than ``MAXIMUM_BITS`` bits.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypedDict

from loop_client.errors import ToolError

MAXIMUM_CHARACTERS: Final = 500
MAXIMUM_BITS: Final = 4096
"""About 1,200 decimal digits."""

Number: TypeAlias = int | float


class Calculation(TypedDict):
    """What ``calculate`` gives."""

    expression: str
    result: Number
    """Integers are exact."""


def calculate(expression: str) -> Calculation:
    """Work out an arithmetic expression. Integers are exact, other numbers have about 15 digits.

    Operators: + - * / // % ** and parentheses. Constants: pi, e, tau. Functions: abs, round, min, max, floor, ceil,
    sqrt, exp, log(x, base), log2, log10, sin, cos, tan, asin, acos, atan, atan2, degrees, radians, hypot, factorial,
    gcd, lcm, pow. Angles are in radians.

    Args:
        expression: For example "(17.5 * 4) / 3" or "sqrt(2) ** 10".
    """
    if len(expression) > MAXIMUM_CHARACTERS:
        raise ToolError(f"the expression is longer than {MAXIMUM_CHARACTERS} characters")
    try:
        result = _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError):
        raise ToolError("this is not an arithmetic expression") from None
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except OverflowError:
        raise ToolError("a number became too large") from None
    except (ValueError, TypeError):
        raise ToolError("an operation or function was used outside its domain") from None
    return {"expression": expression, "result": result}


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(number)
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=operand):
            value = _value(operand)
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _value(left), _value(right))
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_FUNCTIONS[name](*[_value(argument) for argument in arguments]))
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            raise ToolError(f"{name} is not known here; functions: {', '.join(_FUNCTIONS)}")
        case _:
            raise ToolError("only numbers, + - * / // % **, parentheses and the named functions are allowed")


def _binary(op: ast.operator, left: Number, right: Number) -> Number:
    match op:
        case ast.Pow():
            return _power(left, right)
        case ast.BitXor():
            raise ToolError("^ is not a power here; write **")
        case ast.Mult() if isinstance(left, int) and isinstance(right, int):
            _refuse_bits(left.bit_length() + right.bit_length())
    function = _OPERATORS.get(type(op))
    if function is None:
        raise ToolError("only the operators + - * / // % ** are allowed")
    return _bounded(function(left, right))


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        _refuse_bits(base.bit_length() * exponent if abs(base) > 1 else 1)
    return _bounded(base**exponent)


def _factorial(number: Number) -> int:
    if not isinstance(number, int) or not 0 <= number <= 500:
        raise ToolError("factorial takes a whole number from 0 to 500")
    return math.factorial(number)


def _round(number: Number, digits: Number = 0) -> Number:
    if not isinstance(digits, int) or abs(digits) > 100:
        raise ToolError("round takes a whole number of digits from -100 to 100")
    return round(number, digits) if digits else round(number)


def _lcm(*numbers: Any) -> int:
    _refuse_bits(sum(number.bit_length() for number in numbers if isinstance(number, int)))
    return math.lcm(*numbers)


def _bounded(value: object) -> Number:
    if isinstance(value, int):
        _refuse_bits(value.bit_length())
        return value
    if not isinstance(value, float):  # a root of a negative number is complex
        raise ToolError("the result is not a real number")
    if not math.isfinite(value):
        raise ToolError("a number became too large")
    return value


def _refuse_bits(bits: int) -> None:
    if bits > MAXIMUM_BITS:
        raise ToolError("a number became too large")


_CONSTANTS: Final[dict[str, float]] = {"pi": math.pi, "e": math.e, "tau": math.tau}

_OPERATORS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}

_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "abs": abs,
    "round": _round,
    "min": lambda *numbers: min(numbers),
    "max": lambda *numbers: max(numbers),
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "atan2": math.atan2,
    "degrees": math.degrees,
    "radians": math.radians,
    "hypot": math.hypot,
    "factorial": _factorial,
    "gcd": math.gcd,
    "lcm": _lcm,
    "pow": _power,
}
