"""`python -m loop_client` is the command `loop-client`."""

from __future__ import annotations

from loop_client.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
