"""Runs the service and notes, many times a second of its CPU time, which layer it is in; standard library only.

``python sampler.py OUTPUT ARGUMENTS...`` is ``python -m router ARGUMENTS...`` of the working folder, whatever version
of the service lies there. What was noted from the signal USR1 on is written to OUTPUT at the end, as JSON: samples by
layer.
"""

import atexit
import collections
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

_SECONDS = 0.001

_LAYERS = (
    ("validation", ("/router/limits.py", "/router/options.py", "/request_decode.py", "/messages_decode.py",
                    "/tools_decode.py", "/plain_request.py", "/caller.py")),
    ("codec", ("/providers/dialects/", "/router/plan.py", "/router/verdicts/", "/providers/wire/tool_names.py",
               "/providers/spec/fold.py")),
    ("HTTP out", ("/providers/upstreams/", "/aiohttp/", "/httpx2/", "/httpcore2/", "/openai/", "/anthropic/",
                  "/google/", "/router/exchange.py", "/router/patience.py", "/anyio/")),
    ("response", ("/router/faces/", "/router/said.py", "/router/logs.py", "/router/metrics.py", "/router/asgi.py",
                  "/prometheus_client/", "/logging/", "/starlette/responses.py")),
    ("HTTP in", ("/uvicorn/", "/fastapi/", "/starlette/", "/router/")),
)  # fmt: skip
"""By what stands in the path of a file. The innermost frame that has a layer counts; helpers that all share have none.
"""
_VALIDATING = frozenset({"asked_of", "asked_plainly", "read_json_object", "json_object"})
_RUNNERS = ("/router/serve.py", "/router/cli.py", "/uvicorn/server.py")
"""What only runs the loop."""
_OUTSIDE = "HTTP in"

_counts: collections.Counter[str] = collections.Counter()
_known: dict[str, str | None] = {}


def layer_of(path: str) -> str | None:
    """The layer of a file, or ``None`` for a helper of several."""
    if path not in _known:
        found = (name for name, parts in _LAYERS for part in parts if part in path)
        _known[path] = next(found, None)
    return _known[path]


def _note(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_name in _VALIDATING:
            _counts["validation"] += 1
            return
        layer = layer_of(frame.f_code.co_filename)
        if layer is not None and not frame.f_code.co_filename.endswith(_RUNNERS):
            _counts[layer] += 1
            return
        frame = frame.f_back
    _counts[_OUTSIDE] += 1


def main() -> None:
    """Serve, sampled."""
    output, *arguments = sys.argv[1:]
    sys.path.insert(0, str(Path.cwd()))

    def begin(number: int, frame: FrameType | None) -> None:
        _counts.clear()
        signal.setitimer(signal.ITIMER_PROF, _SECONDS, _SECONDS)

    signal.signal(signal.SIGPROF, _note)
    signal.signal(signal.SIGUSR1, begin)
    process = os.getpid()

    def write() -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if os.getpid() == process:
            Path(output).write_text(json.dumps(_counts))

    atexit.register(write)
    from router.cli import main as serve

    sys.exit(serve(arguments))


if __name__ == "__main__":
    main()
