"""What tests of verbs may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import Runner
from tests.study.images import signed_map, write_nifti


@pytest.fixture
def heatlas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    """The command line, on a wide terminal so that no line is broken."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    return Runner(capsys)


@pytest.fixture
def z_map(tmp_path: Path) -> Path:
    """A z map with one voxel of 6 and one of -5."""
    return write_nifti(tmp_path / "zmap.nii.gz", signed_map(), intent=("z score", ()))
