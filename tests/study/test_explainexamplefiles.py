from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from heatlas.io.nifti import read_volume
from heatlas.study.explainexamplefiles import example_files, write_example
from heatlas.study.loadmodel import load_model
from tests.study.explaining import example


def test_what_is_written_is_what_was_promised_and_the_network_comes_back(tmp_path: Path) -> None:
    written = write_example(example(), out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(example_files())
    assert all(path.is_file() for path in written)
    network = load_model(tmp_path / "network.pt", architecture="plain-2d")
    assert network.digest == example().network.digest
    scan = read_volume(tmp_path / "case-1.nii.gz")
    np.testing.assert_array_equal(scan.values, example().cases[0].scan.volume.values)


def test_the_numbers_hold_both_networks(tmp_path: Path) -> None:
    write_example(example(), out=tmp_path)
    content = json.loads((tmp_path / "example.json").read_text())
    case = content["cases"][0]
    assert [card["method"] for card in case["trained"]] == ["hirescam"]
    assert case["untrained"][0]["standing"] == "no evidence"
    assert content["command"].startswith("heatlas explain network.pt case-1.nii.gz")


def test_equal_examples_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_example(example(), out=tmp_path / name)
    for name in example_files():
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
