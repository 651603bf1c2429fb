"""``heatlas compare`` writes a folder and says what it compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.cli.compare import spread
from heatlas.io.tables import read_table
from tests.cli.runner import Runner
from tests.phantom import SHAPE, ball, smooth_noise
from tests.study.images import write_nifti


@pytest.fixture
def maps(tmp_path: Path) -> list[Path]:
    """Four maps with a shared brain."""
    brain = ball(SHAPE, radius=4.4)
    return [
        write_nifti(tmp_path / f"m{k}.nii.gz", np.where(brain, values, 0).astype(np.float32))
        for k, values in enumerate(smooth_noise(4, seed=1))
    ]


def test_with_takes_all_names_up_to_the_next_option() -> None:
    words = ["a", "b", "--with", "c", "d", "-o", "out", "e"]
    assert spread(words, option="--with") == [
        "a", "b", "--with", "c", "--with", "d", "-o", "out", "e",
    ]  # fmt: skip


def test_columns_against_rows_become_a_folder(
    heatlas: Runner, maps: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = heatlas("compare", *maps[:2], "--with", *maps[2:], "-o", out)
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith("Pearson r of 2 x 2 maps")
    table = read_table(out / "correlation.tsv")
    assert table.names == ("map", "m0", "m1")
    assert table.words("map") == ("m2", "m3")
    assert f"{out / 'policy.json'}\n" in outcome.out


def test_an_earlier_folder_stays_unless_told_so(
    heatlas: Runner, maps: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert heatlas("compare", *maps, "-o", out).code == 0
    outcome = heatlas("compare", *maps, "-o", out)
    assert outcome.code == 2
    assert "exists already" in outcome.sentence
    assert heatlas("compare", *maps, "-o", out, "--overwrite", "--measure", "dice").code == 0


def test_a_fault_is_one_sentence(heatlas: Runner, maps: list[Path], tmp_path: Path) -> None:
    outcome = heatlas("compare", maps[0], "-o", tmp_path / "out")
    assert outcome.code == 2
    assert outcome.sentence.startswith("One map alone")
    assert not (tmp_path / "out").exists()


def test_given_maps_make_the_correlation_partial(
    heatlas: Runner, maps: list[Path], tmp_path: Path
) -> None:
    outcome = heatlas("compare", *maps[:2], "--given", *maps[2:], "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith("Partial Pearson r of 2 maps")
    assert "given m2 and m3" in outcome.err
    page = (tmp_path / "out" / "report.html").read_text()
    assert "m2 and m3 and a constant were regressed out" in page


def test_surrogates_are_asked_for_by_name(
    heatlas: Runner, maps: list[Path], tmp_path: Path
) -> None:
    words = ["--null", "spectral", "--surrogates", 10]
    outcome = heatlas("compare", *maps, *words, "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "10 joint spectral surrogates" in outcome.err


def test_tables_of_regions_are_compared_with_their_value_and_their_places(
    heatlas: Runner, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for name in ("mdd", "scz"):
        rows = [f"r{k},{d:.4f},{n:.0f}" for k, (d, n) in enumerate(rng.uniform(1, 99, (12, 2)))]
        (tmp_path / f"{name}.csv").write_text("region,shift,people\r\n" + "\r\n".join(rows))
    centres = enumerate(rng.uniform(-60, 60, (12, 3)))
    places = [f"r{k},{x:.1f},{y:.1f},{z:.1f}" for k, (x, y, z) in centres]
    (tmp_path / "centres.csv").write_text("name,x,y,z\n" + "\n".join(places))
    tables = [tmp_path / "mdd.csv", tmp_path / "scz.csv"]
    unclear = heatlas("compare", *tables, "-o", tmp_path / "out")
    assert unclear.code == 2
    assert "several columns of numbers (shift and people)" in unclear.err
    outcome = heatlas("compare", *tables, "--value", "shift", "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "Not tested: positions unknown" in outcome.err
    assert str(tmp_path / "out" / "regions.svg") in outcome.out
    placed = heatlas(
        "compare", *tables, "--value", "shift", "--centres", tmp_path / "centres.csv",
        "-o", tmp_path / "out", "--overwrite",
    )  # fmt: skip
    assert placed.code == 0
    assert "Not tested" not in placed.err


def test_an_atlas_by_name_or_by_image_turns_voxels_into_regions(
    heatlas: Runner, maps: list[Path], tmp_path: Path
) -> None:
    outcome = heatlas("compare", *maps, "--atlas", "all", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "Unknown atlas 'all'. Did you mean 'aal'?" in outcome.err
    numbers = 1 + np.indices(SHAPE).sum(axis=0) // 5
    blocks = np.where(ball(SHAPE, radius=4.4), numbers, 0).astype(np.int16)
    labels = write_nifti(tmp_path / "blocks.nii.gz", blocks)
    names = tmp_path / "names.csv"
    names.write_text("index,name\n" + "\n".join(f"{k},block {k}" for k in np.unique(blocks) if k))
    outcome = heatlas(
        "compare", *maps, "--atlas", labels, "--atlas-labels", names, "-o", tmp_path / "out"
    )
    assert outcome.code == 0
    assert "regions of blocks" in outcome.err
    assert (tmp_path / "out" / "regions.tsv").read_text().splitlines()[1].startswith("block ")
