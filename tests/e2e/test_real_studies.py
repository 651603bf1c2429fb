"""Real cohorts from files to tables, with numbers that were known before Heatlas was written."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import yaml
from scipy import stats

from heatlas.cli import main
from heatlas.io.nifti import read_volume
from tests.tiny import write_tsv

Row = dict[str, str]


def run_study(folder: Path, settings: dict[str, Any]) -> Path:
    """Write and run a study in a folder, and return its results."""
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({"heatlas": 1, "seed": 2026, **settings}, sort_keys=False))
    assert main(["run", str(path), "-o", str(folder / "out"), "--quiet"]) == 0
    return folder / "out"


def rows_of(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def place_of(row: Row) -> list[float]:
    return [float(row[f"{axis}_mm"]) for axis in "xyz"]


def test_lesions_that_go_with_a_lower_score_are_found(real_data: Path, tmp_path: Path) -> None:
    """131 strokes of the left hemisphere; the score may be measured or simulated."""
    # One number a line in the order of the maps, without a header: a user writes the ids beside.
    scores = (real_data / "lesions" / "behavior.txt").read_text().split()
    ids = [f"{k + 1:03d}" for k in range(len(scores))]
    write_tsv(tmp_path / "scores.tsv", {"participant_id": ids, "score": scores})
    maps = real_data / "lesions" / "Subject_{participant_id}.nii.gz"
    cohort = {"tables": ["scores.tsv"], "maps": str(maps), "measure": "lesion"}
    asked = {"name": "score", "model": "score", "contrasts": [{"name": "score", "test": "score"}]}
    out = run_study(
        tmp_path,
        {
            "name": "lesions",
            "cohort": cohort,
            "mask": {"minimum": 0.5, "coverage": 0.08},
            "analyses": [asked],
            "inference": {"method": "max-t", "n_permutations": 200},
        },
    )
    (row,) = rows_of(out / "tables" / "contrasts.tsv")
    assert row["n"] == "131"
    assert float(row["strongest"]) < -15
    assert int(row["voxels_positive"]) == 0
    assert int(row["voxels_negative"]) > 50_000
    peak = rows_of(out / "tables" / "analysis-score_contrast-score_clusters.tsv")[0]
    assert place_of(peak)[0] < -20  # the lesions are in the left hemisphere
    assert float(peak["high"]) < 0
    assert float(peak["p_corrected"]) == pytest.approx(1 / 200)


def test_one_sample_of_wager_2008_has_its_known_maximum(real_data: Path, tmp_path: Path) -> None:
    maps = real_data / "wager2008" / "{participant_id}_con-regVSlookneg.nii.gz"
    out = run_study(
        tmp_path,
        {
            "name": "reappraisal",
            "cohort": {"maps": str(maps), "measure": "contrast estimate"},
            "analyses": [
                {
                    "name": "mean",
                    "model": "1",
                    "contrasts": [{"name": "mean", "test": "intercept"}],
                }
            ],
            "inference": {"method": "fdr-bh", "alpha": 0.05, "two_sided": True},
        },
    )
    (row,) = rows_of(out / "tables" / "contrasts.tsv")
    assert row["n"] == "30"
    assert float(row["strongest"]) == pytest.approx(7.2547, abs=5e-5)
    assert (int(row["voxels_positive"]), int(row["voxels_negative"])) == (1857, 13)
    clusters = rows_of(out / "tables" / "analysis-mean_contrast-mean_clusters.tsv")
    top = max(clusters, key=lambda cluster: float(cluster["statistic"]))
    np.testing.assert_allclose(place_of(top), [6.9, 24.1, 54.0], atol=0.05)
    mask = read_volume(out / "maps" / "analysis-all_contrast-all_stat-mask_statmap.nii.gz")
    assert int(mask.values.sum()) == 75_919
    files = sorted((real_data / "wager2008").glob("*_con-regVSlookneg.nii.gz"))
    images = [nibabel.load(file) for file in files]
    i, j, k = np.rint(np.linalg.inv(images[0].affine) @ [*place_of(top), 1.0]).astype(int)[:3]
    values = [image.get_fdata()[i, j, k] for image in images]
    assert float(row["strongest"]) == pytest.approx(stats.ttest_1samp(values, 0).statistic, 1e-5)
    folder = str(real_data).encode()
    written = [path for path in out.rglob("*") if path.is_file()]
    assert [path.name for path in written if folder in path.read_bytes()] == []


@pytest.fixture(scope="module")
def sizes(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lesson in covariates of the demo, judged by the false discovery rate."""
    settings = yaml.safe_load((repository / "demo" / "study.yaml").read_text(encoding="utf-8"))
    settings["analyses"] = [a for a in settings["analyses"] if a["name"].startswith("size")]
    settings["inference"] = {"method": "fdr-bh", "alpha": 0.05}
    demo = repository / "demo"
    cohort = settings["cohort"]
    cohort["tables"] = [str(demo / name) for name in cohort["tables"]]
    cohort["maps"] = str(demo / cohort["maps"])
    settings["atlas"] = {key: str(demo / name) for key, name in settings["atlas"].items()}
    return run_study(tmp_path_factory.mktemp("sizes"), settings)


def test_men_have_more_grey_matter_until_brain_size_is_in_the_model(sizes: Path) -> None:
    plain, adjusted = rows_of(sizes / "tables" / "contrasts.tsv")
    assert (plain["analysis"], adjusted["analysis"]) == ("size", "size-adjusted")
    assert float(plain["strongest"]) == pytest.approx(8.89, abs=0.005)
    assert (int(plain["voxels_positive"]), int(plain["voxels_negative"])) == (45_422, 4)
    assert int(adjusted["voxels_positive"]) + int(adjusted["voxels_negative"]) == 0


def test_a_contrast_without_a_survivor_is_reported_as_one(sizes: Path) -> None:
    page = (sizes / "report.html").read_text(encoding="utf-8")
    assert "no voxel survives" in page
    clusters = "analysis-sizeadjusted_contrast-menwomen_clusters.tsv"
    assert rows_of(sizes / "tables" / clusters) == []
