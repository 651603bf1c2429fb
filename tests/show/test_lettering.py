"""Words are measured before they are drawn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heatlas.show.lettering import text_width, typeface, wrap


def test_the_typeface_has_the_signs_that_captions_use() -> None:
    font = typeface(12.0)
    missing = font.getmask("\uffff").getbbox(), bytes(font.getmask("\uffff"))
    for sign in "−±≥²éβ":
        assert (font.getmask(sign).getbbox(), bytes(font.getmask(sign))) != missing, sign


def test_width_grows_with_size_and_length() -> None:
    assert text_width("ab", size=12) > text_width("a", size=12)
    assert text_width("ab", size=24) > 1.8 * text_width("ab", size=12)
    assert text_width("ab", size=12, bold=True) > text_width("ab", size=12)


@given(st.text(alphabet="abc <−,", max_size=60), st.integers(20, 200))
def test_lines_fit_and_lose_no_letter(text: str, width: int) -> None:
    lines = wrap(text, width=width, size=11)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(text_width(line, size=11) <= width for line in lines)


def test_a_line_does_not_break_beside_a_sign() -> None:
    lines = wrap("voxelwise FWE p < .05 and 13 − here", width=90, size=11)
    assert any("p < .05" in line for line in lines)
    assert any("13 −" in line for line in lines)
