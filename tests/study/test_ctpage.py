"""The page about a scan says what was found, the unit and its evidence, and every position."""

from __future__ import annotations

from pathlib import Path

from heatlas.core.page import Figure, Page
from heatlas.prep.ct import WINDOWS
from heatlas.show.report import render_page
from heatlas.study.ct import CtScan, default_windows, read_ct
from heatlas.study.ctpage import ct_page
from tests.dicoms import head_pixels, write, write_series

PIXELS = head_pixels(6)
FIGURE = Figure(name="windows", content=b"RIFF", caption="Six slices.", width=10, height=10,
                media_type="image/webp")  # fmt: skip


def page_of(scan: CtScan) -> tuple[Page, str]:
    """The page and its text."""
    windows, reason = default_windows(scan)
    page = ct_page(scan, figure=FIGURE, windows=windows, reason=reason)
    return page, render_page(page)


def test_the_page_says_what_was_found(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path, PIXELS, orientation=(1, 0, 0, 0, 0.8, -0.6)))
    page, text = page_of(scan)
    assert page.lead == "6 slices, in Hounsfield units, through 3 windows."
    assert "36.9 degrees" in text
    assert "soft tissue peaks at" in text
    assert text.count("<tr>") >= 6


def test_a_warning_stands_on_the_page(tmp_path: Path) -> None:
    _, text = page_of(read_ct(write(tmp_path / "a.dcm", PIXELS[0])))
    assert "One slice only" in text


def test_a_scan_that_is_not_hu_says_that_windows_are_refused(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path, PIXELS, RescaleType="US"))
    page, text = page_of(scan)
    assert "not in Hounsfield units" in page.lead
    assert "Windows in HU are refused" in text


def test_the_files_own_windows_are_named(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path, PIXELS, WindowCenter=35, WindowWidth=100))
    _, text = page_of(scan)
    assert "The source proposes: file (centre 35, width 100 HU)" in text
    assert WINDOWS["brain"].words.split(" ")[0] in text or "brain" not in text
