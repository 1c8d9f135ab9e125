"""``deploy/roll-out``: the old routers go one by one, and only once the balancer sends requests to the new ones.

Docker is a script here that writes down what it is told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY

DOCKER = """#!/bin/sh
echo "$*" >> {calls}
case "$*" in
    "compose ps"*) printf 'old-1\\nold-2\\n' ;;
    "compose exec"*)
        # One more of them is up each time it is asked; the others are not.
        echo up >> {folder}/up
        number=0
        while [ $number -lt 4 ]; do
            number=$((number + 1))
            [ $number -le "$(wc -l < {folder}/up)" ] && [ $number -le {most} ] && up=1 || up=0
            echo "haproxy_server_status{{proxy=\\"routers\\",server=\\"router-$number\\",state=\\"UP\\"}} $up"
            echo "haproxy_server_status{{proxy=\\"loop-clients\\",server=\\"x-$number\\",state=\\"UP\\"}} 1"
        done ;;
esac
"""


def rolled(folder: Path, most: int) -> tuple[int, list[str]]:
    """The exit code, and what Docker was told, where at most so many routers come up."""
    calls, stand_in = folder / "calls", folder / "docker"
    stand_in.write_text(DOCKER.format(calls=calls, folder=folder, most=most), "utf-8")
    stand_in.chmod(0o755)
    # Nobody waits a minute in a test.
    (folder / "sleep").write_text("#!/bin/sh\n", "utf-8")
    (folder / "sleep").chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        [shell, str(DEPLOY / "roll-out")], env={"PATH": path}, capture_output=True, check=False, timeout=50
    )
    return done.returncode, calls.read_text("utf-8").splitlines()


def test_the_old_ones_go_one_by_one_after_the_balancer_knows_the_new_ones(tmp_path: Path) -> None:
    code, calls = rolled(tmp_path, most=4)
    assert code == 0
    assert [call for call in calls if not call.startswith("compose exec")] == [
        "compose ps --quiet router",
        "compose up --detach --no-deps --no-recreate --scale router=4 --wait router",
        "stop --timeout 40 old-1",
        "rm old-1",
        "stop --timeout 40 old-2",
        "rm old-2",
        "compose up --detach --no-deps --no-recreate --scale router=2 router",
    ]
    asked = [index for index, call in enumerate(calls) if call.startswith("compose exec -T balancer ")]
    assert asked == [2, 3, 4, 5]


@pytest.mark.parametrize("most", [0, 3])
def test_new_ones_that_do_not_come_up_cost_no_old_one(tmp_path: Path, most: int) -> None:
    code, calls = rolled(tmp_path, most)
    assert code == 1
    assert [call for call in calls if call.startswith(("stop", "rm"))] == []
