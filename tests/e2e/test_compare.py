"""``heatlas compare`` on real maps: one call without options, in any order, to the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from heatlas.compare.comparison import MapComparison
from heatlas.io.picture import read_provenance
from heatlas.io.tables import read_table
from heatlas.study.compare import compare_maps

DAT, GABA = "DAT_fpcit_hc174_dukart_spect", "GABAa_flumazenil_hc6_dukart"


def compare(out: Path, *words: object) -> str:
    """Run the command in a process of its own and return what it said."""
    command = [sys.executable, "-m", "heatlas", "compare", *map(str, words), "-o", str(out)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


@pytest.fixture(scope="module")
def receptors(real_data: Path) -> list[Path]:
    return sorted((real_data / "receptors").glob("*.nii.gz"))


def test_fourteen_maps_on_three_grids_need_no_option(receptors: list[Path], tmp_path: Path) -> None:
    said = compare(tmp_path / "one", *receptors)
    assert "14 maps over voxels that every map measures" in said
    assert "maps on 3 grids" in said
    cells = read_table(tmp_path / "one" / "cells.tsv")
    assert len(cells) == 14 * 14
    content = json.loads((tmp_path / "one" / "policy.json").read_text())
    assert len(content["backgrounds"]) == 14
    for name in ("heatmap.png", "heatmap.svg", "report.html", "correlation.tsv"):
        assert read_provenance(tmp_path / "one" / name).steps[0].name == "align"
    page = (tmp_path / "one" / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert str(receptors[0].parent) not in page
    assert len(page) < 4_000_000
    assert page.count('class="chosen"') == 91
    assert page.count("background-image: url(") == 14


def test_the_order_of_the_files_moves_rows_and_changes_no_number(
    receptors: list[Path], tmp_path: Path
) -> None:
    few = receptors[6:10]
    compare(tmp_path / "one", *few)
    compare(tmp_path / "other", *few[::-1])
    tables = [read_table(tmp_path / name / "correlation.tsv") for name in ("one", "other")]
    for name in tables[0].names[1:]:
        np.testing.assert_array_equal(tables[0].numbers(name), tables[1].numbers(name)[::-1])
    # The picture is clustered, so even its bytes do not know the order.
    pictures = [(tmp_path / name / "heatmap.png").read_bytes() for name in ("one", "other")]
    assert pictures[0] == pictures[1]


def test_the_sensitivity_shows_the_usual_answer_beside_ours(
    receptors: list[Path], tmp_path: Path
) -> None:
    pair = [path for path in receptors if path.name.startswith((DAT, GABA))]
    compare(tmp_path / "out", *pair)
    table = read_table(tmp_path / "out" / "sensitivity.tsv")
    assert table.numbers("common")[0] == pytest.approx(-0.271, abs=5e-4)
    assert table.numbers("whole-grid")[0] == pytest.approx(0.852, abs=5e-4)
    assert table.words("sign_depends_on_policy") == ("yes",)


def by_policy(compared: MapComparison, policy: str) -> dict[tuple[int, int], np.ndarray]:
    """Return the two columns of numbers of each pair of maps, without any code of the policies."""
    maps = compared.maps
    assert maps is not None
    values = maps.values.astype(np.float64)
    measured = np.isfinite(values)
    if policy == "whole-grid":
        whole = np.repeat(maps.fills[:, None], maps.mask.space.size, axis=1)
        whole[:, maps.mask.indices] = np.where(measured, values, maps.fills[:, None])
        values, measured = whole, np.isfinite(whole)
    found = {}
    for i, j in combinations(range(len(maps)), 2):
        both = {
            "common": measured.all(axis=0),
            "union-zero": measured[i] | measured[j],
        }.get(policy, measured[i] & measured[j])
        pair = values[[i, j]][:, both]
        found[i, j] = np.nan_to_num(pair) if policy == "union-zero" else pair
    return found


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
@pytest.mark.parametrize("policy", ["common", "pairwise", "union-zero", "whole-grid"])
def test_real_correlations_are_those_of_numpy_and_scipy(
    receptors: list[Path], policy: str, measure: str
) -> None:
    few = receptors[:2] + receptors[6:8] + receptors[-1:]
    compared = compare_maps(few, policy=policy, measure=measure)
    of_pair = {"pearson": np.corrcoef, "spearman": lambda x: stats.spearmanr(*x).statistic}[measure]
    for (i, j), pair in by_policy(compared, policy).items():
        wanted = of_pair(pair)
        r = wanted if np.ndim(wanted) == 0 else wanted[0, 1]
        assert compared.matrix.values[i, j] == pytest.approx(r, abs=1e-6)
        assert compared.matrix.n is not None
        assert compared.matrix.n[i, j] == pair.shape[1]


def test_real_correlations_over_pairs_are_those_of_pandas(receptors: list[Path]) -> None:
    compared = compare_maps(receptors, policy="pairwise")
    assert compared.maps is not None
    wanted = pd.DataFrame(compared.maps.values.T.astype(np.float64)).corr().to_numpy()
    np.testing.assert_allclose(compared.matrix.values, wanted, atol=1e-9)
