from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.io.nifti import read_volume
from heatlas.study.explainfiles import (
    FILES,
    card_document,
    trust_document,
    write_explanation,
)
from heatlas.study.outputs import check_folder
from tests.study.explaining import explained


def test_the_map_comes_back_with_its_signs_and_says_what_it_is(tmp_path: Path) -> None:
    written = write_explanation(explained(), out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    assert all(path.is_file() for path in written)
    found = read_volume(tmp_path / "out" / "saliency.nii.gz")
    np.testing.assert_array_equal(found.values, explained().volume.values)
    sidecar = json.loads((tmp_path / "out" / "saliency.json").read_text())
    assert sidecar["Verdict"] == explained().verdict
    assert sidecar["Slices"] == [4]


def test_equal_explanations_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_explanation(explained(), out=tmp_path / name)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_every_number_of_the_trust_card_is_in_the_document() -> None:
    content = trust_document(explained())
    (entry,) = content["cards"]
    card = explained().main.card
    assert entry["baseline_probability"] == pytest.approx(card.baseline_probability)
    assert [row["gain"] for row in entry["rankings"]] == pytest.approx([
        row.gain for row in card.rankings
    ])
    assert [step["layer"] for step in entry["forgetting"]] == [s.layer for s in card.forgetting]
    assert {check["name"]: check["passed"] for check in entry["checks"]} == {
        check.name: check.passed for check in card.checks
    }
    json.dumps(content["cards"], allow_nan=False)
    assert card_document(card)["verdict"] == explained().verdict


def test_folders_that_may_not_be_written_are_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="a file stands where"):
        check_folder(tmp_path / "file", inputs=(), files=FILES)
    (tmp_path / "trust.json").write_text("x")
    with pytest.raises(DataError, match="exists already"):
        check_folder(tmp_path, inputs=(), files=FILES)
    check_folder(tmp_path, inputs=(), files=FILES, overwrite=True)
    with pytest.raises(DataError, match="never replaced"):
        check_folder(tmp_path, inputs=(tmp_path / "trust.json",), files=FILES, overwrite=True)
