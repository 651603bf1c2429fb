"""Equal settings give equal bytes, whoever computes them; another seed other permutations."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from heatlas.cli import main
from heatlas.io.nifti import read_volume
from tests.tiny import SETTINGS, outputs, tiny_study, write_study

PEAK = "maps/analysis-groups_contrast-illwell_stat-{}_statmap.nii.gz"


def run(study: Path, name: str, *, workers: int = 1) -> dict[str, bytes]:
    out = study.parent / name
    words = ["run", str(study), "-o", str(out), "--workers", str(workers), "--quiet"]
    assert main(words) == 0
    return outputs(out)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve maps with gaps in one of them, smoothed, with more permutations than one block."""
    return tiny_study(
        tmp_path_factory.mktemp("same"),
        smooth={"fwhm_mm": 5},
        inference={"method": "max-t", "n_permutations": 800},
    )


@pytest.fixture(scope="module")
def alone(study: Path) -> dict[str, bytes]:
    return run(study, "alone")


def test_one_worker_and_two_workers_write_the_same_bytes(
    study: Path, alone: dict[str, bytes]
) -> None:
    assert run(study, "two", workers=2) == alone


def test_no_clock_is_in_what_is_written(study: Path, alone: dict[str, bytes]) -> None:
    assert run(study, "later") == alone
    packed = [content for name, content in alone.items() if name.endswith(".gz")]
    assert packed
    assert all(content[4:8] == bytes(4) for content in packed)


def test_another_seed_gives_other_permutations_and_the_same_statistics(
    study: Path, alone: dict[str, bytes]
) -> None:
    changed = {"inference": {"method": "max-t", "n_permutations": 800}, "smooth": {"fwhm_mm": 5}}
    write_study(study.parent, **changed, seed=SETTINGS["seed"] + 1)
    other = run(study, "other")
    write_study(study.parent, **changed)
    statistic, corrected = PEAK.format("t"), PEAK.format("logpfwe")
    assert gzip.decompress(other[statistic]) == gzip.decompress(alone[statistic])
    assert other[corrected] != alone[corrected]


def test_corrected_p_is_a_count_of_arrangements(study: Path, alone: dict[str, bytes]) -> None:
    corrected = read_volume(study.parent / "alone" / PEAK.format("logpfwe")).values
    counts = 10 ** -corrected[np.isfinite(corrected)].astype(float) * 800
    assert np.abs(counts - np.rint(counts)).max() < 1e-3
    assert np.rint(counts).min() >= 1


def test_the_order_of_keys_in_the_study_file_changes_nothing(
    study: Path, alone: dict[str, bytes]
) -> None:
    text = study.read_text()
    lines = text.splitlines(keepends=True)
    start = next(k for k, line in enumerate(lines) if line.startswith("seed"))
    study.write_text("# a remark\n" + lines[start] + "".join(lines[:start] + lines[start + 1 :]))
    assert run(study, "reordered") == alone
    study.write_text(text)


def test_the_lock_file_holds_what_made_the_results(alone: dict[str, bytes]) -> None:
    lock = json.loads(alone["study.lock.json"])
    assert lock["seed"] == SETTINGS["seed"]
    assert lock["study"]["inference"]["alpha"] == 0.05
    assert set(lock["inputs"]) == {
        "people.tsv",
        *(f"maps/sub-{k:02d}.nii.gz" for k in range(1, 13)),
    }
    assert set(lock["outputs"]) == set(alone) - {"study.lock.json"}
    (model,) = lock["models"]
    assert model["columns"] == ["intercept", "group[S.ill]", "age"]
    assert model["contrasts"][0]["weights"] == [[0.0, 2.0, 0.0]]
    assert "numpy" in lock["versions"]
