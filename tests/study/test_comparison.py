"""A comparison's folder holds what the tables promise, whole, and never replaces an input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from heatlas.compare.comparison import MapComparison
from heatlas.core.errors import DataError
from heatlas.core.matrix import LabelledMatrix, Side
from heatlas.io.picture import read_provenance
from heatlas.io.tables import read_table
from heatlas.study.compare import CompareOptions, compare_maps
from heatlas.study.comparison import (
    FILES,
    matrix_table,
    policy_document,
    write_comparison,
)
from heatlas.study.outputs import check_folder
from tests.phantom import SHAPE, ball, smooth_noise
from tests.study.images import write_nifti


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three maps with three backgrounds."""
    brain, noise = ball(SHAPE, radius=4.4), smooth_noise(3, seed=5)
    return [
        write_nifti(
            tmp_path / f"{name}.nii.gz", np.where(brain, 3 + values, number).astype(np.float32)
        )
        for name, values, number in zip("abc", noise, (0, -1, np.nan), strict=True)
    ]


@pytest.fixture
def compared(three: list[Path]) -> MapComparison:
    return compare_maps(three)


def test_tables_read_back_as_they_were(compared: MapComparison, tmp_path: Path) -> None:
    written = write_comparison(compared, out=tmp_path / "out")
    assert all(path.is_file() for path in written)
    table = read_table(tmp_path / "out" / "correlation.tsv")
    assert table.names == ("map", "a", "b", "c")
    np.testing.assert_array_equal(table.numbers("b"), compared.matrix.values[:, 1])
    cells = read_table(tmp_path / "out" / "cells.tsv")
    np.testing.assert_array_equal(cells.numbers("p_fwer"), compared.p_fwer.ravel())


def test_the_policy_says_what_each_file_stores(compared: MapComparison, tmp_path: Path) -> None:
    write_comparison(compared, out=tmp_path / "out")
    content = json.loads((tmp_path / "out" / "policy.json").read_text())
    assert content["policy"] == "common"
    assert [entry["value"] for entry in content["backgrounds"]] == [0, -1, None]
    assert content["test"]["family_wise"].startswith("Holm")
    assert set(content["other_policies"]) == {"pairwise", "union-zero", "whole-grid"}
    assert content["cells"] == 3


def test_the_policy_says_which_null_judged(three: list[Path]) -> None:
    options = CompareOptions(null="spectral", n_surrogates=10, seed=3)
    test = policy_document(compare_maps(three, options=options))["test"]
    assert test["null"].startswith("spectral surrogates")
    assert (test["n_surrogates"], test["seed"]) == (10, 3)


def test_measures_without_a_test_name_none(three: list[Path]) -> None:
    assert "test" not in policy_document(compare_maps(three, measure="cosine"))


def test_files_carry_their_provenance_and_no_path(
    compared: MapComparison, three: list[Path], tmp_path: Path
) -> None:
    for path in write_comparison(compared, out=tmp_path / "out"):
        provenance = read_provenance(path)
        assert [step.name for step in provenance.steps][:2] == ["align", "compare"]
        assert sorted(provenance.steps[0].inputs) == ["a", "b", "c"]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert str(tmp_path).encode() not in everything


def test_the_same_maps_give_the_same_bytes(three: list[Path], tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_comparison(compare_maps(three), out=tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_nothing_is_replaced_by_accident(three: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    check_folder(out, inputs=three, files=FILES)
    write_comparison(compare_maps(three), out=out)
    with pytest.raises(DataError, match="exists already"):
        check_folder(out, inputs=three, files=FILES)
    check_folder(out, inputs=three, files=FILES, overwrite=True)
    with pytest.raises(DataError, match="a file stands"):
        check_folder(three[0], inputs=three, files=FILES)
    with pytest.raises(DataError, match="never replaced"):
        check_folder(out, inputs=[*three, out / "cells.tsv"], files=FILES, overwrite=True)


def test_a_matrix_becomes_a_table_with_named_rows() -> None:
    matrix = LabelledMatrix(
        values=[[1.0, np.nan]], rows=Side(names=("r",)), columns=Side(names=("x", "y"))
    )
    table = matrix_table(matrix)
    assert table.words("map") == ("r",)
    assert np.isnan(table.numbers("y")[0])


def test_the_report_carries_the_heat_map(compared: MapComparison, tmp_path: Path) -> None:
    write_comparison(compared, out=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "3 maps, policy: common" in page
    assert "data:image/svg+xml" in page


# --------------------------------------------------------------------------------- regions


@pytest.fixture
def over_tables(tmp_path: Path) -> MapComparison:
    """Three tables of nine regions."""
    paths = []
    for seed, name in enumerate("abc"):
        numbers = np.random.default_rng(seed).normal(size=9)
        rows = [f"r{k},{value:.17g}" for k, value in enumerate(numbers)]
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_text("region,d\n" + "\n".join(rows))
    return compare_maps(paths)


def test_regions_are_written_beside_the_usual_files(
    over_tables: MapComparison, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    written = write_comparison(over_tables, out=out)
    names = {path.name for path in written}
    stems = ("regions", "region_correlation")
    assert {f"{s}{e}" for s in stems for e in (".tsv", ".png", ".svg")} <= names
    table = read_table(out / "regions.tsv")
    assert table.names == ("region", "a", "b", "c")
    np.testing.assert_array_equal(table.numbers("b"), np.random.default_rng(1).normal(size=9))
    words = json.loads((out / "regions.json").read_text())
    assert words["b"]["Description"] == "d in b"
    across = read_table(out / "region_correlation.tsv")
    assert across.names == ("region", *(f"r{k}" for k in range(9)))
    provenance = read_provenance(out / "regions.svg")
    assert provenance.steps[-1].name == "draw"
    assert (out / "regions.json").is_file()


def test_the_policy_says_where_regions_come_from(
    over_tables: MapComparison, tmp_path: Path
) -> None:
    content = policy_document(over_tables)
    assert content["regions"]["positions"] == "unknown"
    assert content["regions"]["value"] == "d"
    assert content["n_regions"] == {"smallest": 9, "largest": 9}
    assert content["test"]["null"] == "not tested"
    assert "--centres" in content["test"]["reason"]
    assert "n_regions" in over_tables.cells().names


def test_pictures_of_regions_do_not_outlive_their_comparison(
    over_tables: MapComparison, compared: MapComparison, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write_comparison(over_tables, out=out)
    with pytest.raises(DataError, match="exists already"):
        check_folder(out, inputs=(), files=FILES)
    write_comparison(compared, out=out)
    assert not list(out.glob("region*"))
    assert (out / "heatmap.png").is_file()
