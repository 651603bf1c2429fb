"""The recipe of ``heatlas test``: the numbers of the library call, whole, resumed or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError, DesignError
from heatlas.infer.exchangeability import Exchangeability
from heatlas.infer.request import PermutationSettings
from heatlas.stats.glm import ContrastRequest
from heatlas.study.askedmodel import TableModel
from heatlas.study.folder import STATE_FOLDER
from heatlas.study.permutations import permutation_test
from heatlas.study.permute_files import PermutationRequest, PermutedFiles, permute_files
from heatlas.study.plan import Event
from heatlas.study.spec import VolumeSphere
from tests.phantom import group_maps
from tests.study.images import write_nifti
from tests.tiny import outputs, write_tsv

N = 12
B_HIGHER = ContrastRequest(name="b-higher", test="group[b] - group[a]")
SETTINGS = PermutationSettings(n_permutations=600, seed=2, method="tfce")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve maps of two groups in one file, and their table."""
    found = group_maps(N // 2, effect=4.0, seed=1)
    write_nifti(tmp_path / "all.nii.gz", np.moveaxis(found.maps, 0, -1).astype(np.float32))
    ids = [f"sub-{k + 1:02d}" for k in range(N)]
    pairs = [f"p{k % 6}" for k in range(N)]
    columns = {
        "participant_id": ids,
        "group": found.group,
        "pair": pairs,
        "age": [*range(N - 1), "n/a"],
    }
    write_tsv(tmp_path / "people.tsv", columns)
    return tmp_path


def asked(folder: Path, *, model: str = "group", **more: Any) -> PermutationRequest:
    of_table = {key: more.pop(key) for key in ("blocks", "where", "missing", "variance_groups")
                if key in more}  # fmt: skip
    tests = more.pop("tests", (B_HIGHER,))
    table = TableModel(table=folder / "people.tsv", model=model, tests=tests, **of_table)
    more.setdefault("settings", SETTINGS)
    return PermutationRequest(maps=(str(folder / "all.nii.gz"),), model=table, **more)


def permuted(folder: Path, *, out: str = "out", **more: Any) -> PermutedFiles:
    return permute_files(asked(folder, **more), out=folder / out, workers=2)


def values(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


def test_the_files_hold_what_the_library_call_returns(folder: Path) -> None:
    found = permuted(folder)
    (one,) = found.judged
    assert one.permuted is not None
    mask = one.statistic.mask
    for stat, expected in {
        "t": one.statistic.values,
        "tfce": one.permuted.observed,
        "logpfwe": -np.log10(one.permuted.p),
    }.items():
        stored = values(folder / "out" / f"contrast-bhigher_stat-{stat}_statmap.nii.gz")
        np.testing.assert_allclose(mask.gather(stored), expected, rtol=1e-6)
    assert one.threshold.n_surviving > 0


def test_a_test_that_was_broken_off_goes_on_to_the_same_bytes(folder: Path) -> None:
    permuted(folder, out="whole")
    seen: list[Event] = []

    def stop_midway(event: Event) -> None:
        seen.append(event)
        if event.kind == "progress" and event.done >= 256:
            raise KeyboardInterrupt

    request = asked(folder)
    with pytest.raises(KeyboardInterrupt):
        permute_files(request, out=folder / "broken", workers=1, listen=stop_midway)
    assert [path.name for path in (folder / "broken").iterdir()] == [STATE_FOLDER]
    kept = list((folder / "broken" / STATE_FOLDER).rglob("blocks/*"))
    assert len(kept) >= 2
    before = {path: path.stat().st_mtime_ns for path in kept}
    progress: list[int] = []

    def watch(event: Event) -> None:
        if event.kind == "progress":
            progress.append(event.done)
            assert all(path.stat().st_mtime_ns == time for path, time in before.items())

    permute_files(request, out=folder / "broken", workers=1, listen=watch)
    assert progress[-1] == 600
    assert outputs(folder / "broken") == outputs(folder / "whole")
    assert not (folder / "broken" / STATE_FOLDER).exists()


def test_results_written_halfway_are_replaced_by_the_same_test_only(folder: Path) -> None:
    def stop_at_the_end(event: Event) -> None:
        if event.kind == "done":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        permute_files(asked(folder), out=folder / "out", listen=stop_at_the_end)
    other = PermutationSettings(n_permutations=300)
    with pytest.raises(DataError, match="exists already"):
        permuted(folder, settings=other)
    permuted(folder)
    assert not (folder / "out" / STATE_FOLDER).exists()


def test_other_contrasts_stay_beside_and_equal_ones_are_replaced_whole(folder: Path) -> None:
    permuted(folder)
    second = ContrastRequest(name="a-higher", test="group[a] - group[b]")
    permuted(folder, tests=(second,))
    assert len(list((folder / "out").glob("*_stat-tfce_*.nii.gz"))) == 2
    plain = PermutationSettings(n_permutations=100)
    permute_files(asked(folder, settings=plain), out=folder / "out", overwrite=True)
    left = [path.name for path in (folder / "out").glob("*_stat-tfce_*.nii.gz")]
    assert left == ["contrast-ahigher_stat-tfce_statmap.nii.gz"]


def test_the_folder_of_a_study_is_left_alone(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "study.lock.json").write_text("{}")
    with pytest.raises(DataError, match="results of a study"):
        permuted(folder)
    assert [path.name for path in (folder / "out").iterdir()] == ["study.lock.json"]


def test_two_writers_do_not_share_a_folder(folder: Path) -> None:
    def intrude(event: Event) -> None:
        if event.kind == "step" and event.step == "judge":
            with pytest.raises(DataError, match="another run"):
                permuted(folder)

    permute_files(asked(folder), out=folder / "out", listen=intrude)


def test_blocks_of_the_table_reach_the_engine(folder: Path) -> None:
    (one,) = permuted(folder, blocks=("pair",)).judged
    assert one.permuted is not None
    assert (one.permuted.n_possible, one.permuted.exact) == (64, True)
    assert "within each pair (6 blocks)" in one.permuted.exchangeability


def test_whole_blocks_and_sign_flips_are_asked_by_settings(folder: Path) -> None:
    flips = PermutationSettings(
        n_permutations=100, exchangeability=Exchangeability(shuffle="whole", mode="sign-flips")
    )
    (one,) = permuted(folder, blocks=("pair",), settings=flips).judged
    assert one.permuted is not None
    assert (one.permuted.action, one.permuted.n_possible) == ("sign-flips", 64)


def test_variance_groups_write_a_v(folder: Path) -> None:
    (one,) = permuted(folder, variance_groups="group").judged
    assert one.statistic.kind == "v"
    assert (folder / "out" / "contrast-bhigher_stat-v_statmap.nii.gz").is_file()
    assert not (folder / "out" / "contrast-bhigher_stat-cilow_statmap.nii.gz").exists()


def test_rows_are_chosen_and_dropped_with_their_maps(folder: Path) -> None:
    (one,) = permuted(folder, model="group + age", missing="drop").judged
    assert one.statistic.n == N - 1
    with pytest.raises(DesignError, match="'missing: drop'|--missing"):
        permuted(folder, model="group + age", out="other")
    (few,) = permuted(folder, where="pair != 'p0'", out="third").judged
    assert few.statistic.n == N - 2


def test_a_sphere_is_judged_alone(folder: Path) -> None:
    sphere = VolumeSphere(x=0, y=0, z=0, radius_mm=6)
    (one,) = permuted(folder, volume=sphere).judged
    positions = one.statistic.mask.positions_mm()
    tested = one.permuted.counts > 0 if one.permuted is not None else np.zeros(0, bool)
    np.testing.assert_array_equal(tested, np.linalg.norm(positions, axis=1) <= 6)
    assert "within a sphere of 6 mm around (0, 0, 0) mm" in one.threshold.words


def test_possible_arrangements_and_their_reach_are_told_before_the_maps_are_read(
    folder: Path,
) -> None:
    told: list[str] = []

    def listen(event: Event) -> None:
        if event.kind == "step":
            raise KeyboardInterrupt
        told.append(event.text)

    few = asked(folder, where="pair in ('p0', 'p1')")
    with pytest.raises(KeyboardInterrupt):
        permute_files(few, out=folder / "out", listen=listen)
    assert "b-higher: 6 permutations are possible, all are made" in told
    assert any(".05 cannot be reached" in words for words in told)


def test_numbers_equal_the_public_function_on_the_same_stack(folder: Path) -> None:
    (one,) = permuted(folder).judged
    from heatlas.core.stack import MapStack
    from heatlas.core.table import table_from_columns
    from heatlas.stats.contrast import parse_contrast
    from heatlas.stats.formula import build_model

    maps = np.moveaxis(values(folder / "all.nii.gz"), -1, 0)
    mask = one.statistic.mask
    groups = ["a"] * 6 + ["b"] * 6
    stack = MapStack(
        values=mask.gather(maps),
        mask=mask,
        ids=tuple(map(str, range(N))),
        table=table_from_columns({"group": groups}),
    )
    model = build_model(stack.table, model="group", ids=stack.ids)
    contrast = parse_contrast(model, name="c", test="group[b] - group[a]")
    (other,) = permutation_test(stack, model.design, contrasts=[contrast], settings=SETTINGS)
    assert one.permuted is not None and other.permuted is not None
    np.testing.assert_array_equal(one.permuted.null_maxima, other.permuted.null_maxima)
