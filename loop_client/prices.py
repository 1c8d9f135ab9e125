"""What rounds cost, by prices that the caller supplies; nothing is known here of any provider's prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loop_client.usage import Usage

_PER: float = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of one model, each for a million tokens, in whatever currency the caller counts in."""

    input: float
    output: float
    cached_input: float | None = None
    """Of input that came from a cache; None where it costs as much as other input."""

    def cost(self, usage: Usage) -> float | None:
        """What a round cost; None where the server did not tell its tokens."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        cached = min(usage.cached_input_tokens or 0, usage.input_tokens)
        cached_price = self.input if self.cached_input is None else self.cached_input
        fresh = usage.input_tokens - cached
        return (fresh * self.input + cached * cached_price + usage.output_tokens * self.output) / _PER


def cost_of(prices: Mapping[str, Price], models: tuple[str | None, ...], usage: Usage | None) -> float | None:
    """What a round cost by the price of the first of these names that has one; None where nothing can be said."""
    if usage is None:
        return None
    price = next((prices[name] for name in models if name is not None and name in prices), None)
    return None if price is None else price.cost(usage)
