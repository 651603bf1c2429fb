"""``heatlas ct`` prints what was found to standard error and its files to standard output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import Runner
from tests.dicoms import SECRETS, head_pixels, write_series

PIXELS = head_pixels(4)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A small series."""
    return write_series(tmp_path / "in", PIXELS)


def test_files_are_written_and_named(heatlas: Runner, series: Path, tmp_path: Path) -> None:
    outcome = heatlas("ct", series, "-o", tmp_path / "out", "--window", "brain", "--runs")
    assert outcome.code == 0
    written = [Path(line) for line in outcome.out.splitlines()]
    assert all(path.is_file() for path in written)
    assert "These are Hounsfield units" in outcome.err
    assert "spacing: 2.000 mm throughout" in outcome.err
    assert not any(secret in outcome.err + outcome.out for secret in SECRETS)


def test_series_are_listed_without_writing(heatlas: Runner, series: Path, tmp_path: Path) -> None:
    outcome = heatlas("ct", series, "--list")
    assert outcome.code == 0
    assert outcome.out.startswith("1 [")
    assert "4 slices of 48 x 48" in outcome.out
    assert list(tmp_path.iterdir()) == [series]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "-o"),
        (("-o", "out", "--unit", "suv"), "--unit"),
        (("-o", "out", "--slices", "1,x"), "--slices"),
    ],
)
def test_words_that_make_no_sense_name_their_option(
    heatlas: Runner, series: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(series.parent)
    outcome = heatlas("ct", series, *words)
    assert outcome.code == 2
    assert said in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--window", "brian"), "Did you mean 'brain'?"),
        (("--series", "5"), "there is no such series"),
        (("--slices", "99"), "there is no slice 99"),
        (("--voxel-size", "0"), "expected a size above 0"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    heatlas: Runner, series: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    outcome = heatlas("ct", series, "-o", tmp_path / "out", *words)
    assert outcome.code == 2
    assert said in outcome.err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_not_there_is_one_sentence(heatlas: Runner, tmp_path: Path) -> None:
    outcome = heatlas("ct", tmp_path / "gone", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "there is no such file" in outcome.sentence
