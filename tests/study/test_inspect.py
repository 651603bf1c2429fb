"""Every file of ours says how it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.study.inspect import inspect_file, provenance_lines
from heatlas.study.show import draw
from tests.study.images import signed_map, write_nifti


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_a_figure_tells_its_steps_and_its_input(tmp_path: Path, ending: str) -> None:
    source = write_nifti(tmp_path / "map.nii.gz", signed_map())
    out = tmp_path / f"figure{ending}"
    draw(source, out=out, threshold=3, template="none")
    provenance = inspect_file(out)
    assert [step.name for step in provenance.steps] == ["read", "find background", "draw"]
    assert list(provenance.steps[0].inputs) == ["map.nii.gz"]
    assert "> 3" in provenance.steps[-1].parameters["threshold"]


def test_lines_hold_settings_inputs_seed_and_warnings() -> None:
    provenance = Provenance().then(
        "permute",
        parameters={"two_sided": True, "cuts": {"z": [1, 2]}, "none": [], "where": ""},
        inputs={"a.nii.gz": "sha256:" + "ab" * 32},
        seed=7,
        warnings=["one voxel is constant"],
    )
    assert provenance_lines(provenance)[1:] == [
        "   two_sided: yes",
        "   cuts: z 1, 2",
        "   none: none",
        "   where: none",
        "   seed: 7",
        "   input a.nii.gz: sha256:abababababab",
        "   warning: one voxel is constant",
    ]


def test_many_inputs_are_counted() -> None:
    provenance = Provenance().then("read", inputs={f"{k}.nii": "sha256:00" for k in range(9)})
    assert provenance_lines(provenance)[-1] == "   and 3 more inputs (--json lists all)"


def test_a_file_without_provenance_says_so(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "map.nii.gz", signed_map())
    with pytest.raises(DataError, match=r"no sidecar map\.json"):
        inspect_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        inspect_file(tmp_path / "figure.png")
