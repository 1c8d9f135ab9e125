"""A router in front of a fake of each wire: one for each module, its fakes forgetful between tests."""

from collections.abc import Iterator

import pytest

from tests.e2e.faces.stage import Stage, new_fakes, staged


@pytest.fixture(scope="module")
def module_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The router of a module."""
    with staged(tmp_path_factory.mktemp("router"), new_fakes()) as stage:
        yield stage


@pytest.fixture
def stage(module_stage: Stage) -> Stage:
    """The module's router, its fakes as new."""
    module_stage.clear()
    return module_stage
