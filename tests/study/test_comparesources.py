"""Each map is found once, in order of name, with the sides that ask for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.volume import Volume
from heatlas.study.comparesources import MapFact, find_sources, stream_maps, volume_of
from heatlas.study.parcellation import Parcellation
from tests.study.images import write_nifti


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).standard_normal((5, 5, 5, 3)).astype(np.float32)
    write_nifti(tmp_path / "b.nii.gz", noise[..., 0])
    write_nifti(tmp_path / "series.nii.gz", noise)
    (tmp_path / "a.csv").write_text("region,d,n\nx,1,10\ny,2,10\nz,0,10\n")
    return tmp_path


def test_files_volumes_and_tables_stand_in_order_of_name(folder: Path) -> None:
    columns = [folder / "series.nii.gz", folder / "a.csv", folder / "b.nii.gz"]
    sources, sides = find_sources(columns, None, given=(), parcellation=Parcellation())
    assert [s.name for s in sources] == ["a", "b", "series[0]", "series[1]", "series[2]"]
    assert sides == ((2, 3, 4, 0, 1), (2, 3, 4, 0, 1), ())
    assert [s.values is not None for s in sources] == [True, False, False, False, False]


def test_rows_and_given_maps_have_numbers_of_their_own(folder: Path) -> None:
    sources, sides = find_sources(
        [folder / "b.nii.gz"],
        [folder / "series.nii.gz"],
        given=[folder / "a.csv"],
        parcellation=Parcellation(),
    )
    assert len(sources) == 5
    assert sides == ((2, 3, 4), (1,), (0,))


def test_images_are_read_one_at_a_time_and_remembered(folder: Path) -> None:
    sources, _ = find_sources(
        [folder / "series.nii.gz"], None, given=(), parcellation=Parcellation()
    )
    facts: list[MapFact] = []
    stream = stream_maps(sources, enclosed="missing", facts=facts)
    first, _ = next(stream)
    assert len(facts) == 1
    np.testing.assert_array_equal(first.values, volume_of(first).values)
    assert [fact.name for fact in facts] + [s.name for s in sources[1:]] == [
        s.name for s in sources
    ]


def test_a_table_and_an_image_of_one_name_are_told_to_differ(folder: Path) -> None:
    (folder / "b.csv").write_text("region,d\nx,1\ny,2\nz,0\n")
    with pytest.raises(DataError, match="Maps of one name: b"):
        find_sources(
            [folder / "b.csv", folder / "b.nii.gz"], None, given=(), parcellation=Parcellation()
        )


def test_one_map_is_not_a_list_of_maps(folder: Path) -> None:
    volume = volume_of(folder / "b.nii.gz")
    assert isinstance(volume, Volume)
    with pytest.raises(DataError, match="columns: one map is given where a list"):
        find_sources(volume, None, given=(), parcellation=Parcellation())  # type: ignore[arg-type]
