"""The plot of how the cost of a request grows."""

from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks import results

_COLOURS: Final = {"openai": "#1f6f8b", "anthropic": "#c8553d", "gemini": "#6a8d3a"}

_TITLES: Final = {
    "body": "MB of the body",
    "history": "messages",
    "tools": "tools",
    "streams": "streams at a time",
    "rows": "provider rows",
}


def draw(found: results.Results, path: Path) -> None:
    """One panel for each sweep: CPU in milliseconds over the size, both from zero: linear is a straight line."""
    mpl.rcParams.update(
        {"svg.hashsalt": "ai-router", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 8}
    )
    sweeps = list(found["growth"].items())
    figure = Figure(figsize=(11, 2.6), layout="constrained")
    for number, (name, sweep) in enumerate(sweeps):
        panel = figure.add_subplot(1, len(sweeps), number + 1)
        for case in sweep["cpu_ms"]:
            points = results.costs(sweep, case)
            sizes = [size / 1e6 if name == "body" else size for size, _ in points]
            panel.plot(sizes, [cost for _, cost in points], marker="o", markersize=3, color=_COLOURS[case], label=case)
        panel.set_xlim(left=0)
        panel.set_ylim(bottom=0)
        panel.set_title(_TITLES[name])
        panel.grid(visible=True, linewidth=0.3)
        if number == 0:
            panel.set_ylabel("CPU of one request, ms")
            panel.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
