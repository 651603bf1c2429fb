"""FSL's design files as its tools write them, as people write them, and as they break."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heatlas.core.errors import DataError
from heatlas.io.fsl import read_contrasts, read_design_mat, read_ftests, read_groups

MAT = (
    "/NumWaves\t3\n/NumPoints\t4\n/PPheights\t\t1.000000e+00\t1.000000e+00\t2.500000e+00\n\n"
    "/Matrix\n"
    "1.000000e+00\t0.000000e+00\t-1.500000e+00\t\n"
    "1.000000e+00\t0.000000e+00\t1.000000e+00\t\n"
    "0.000000e+00\t1.000000e+00\t.5\t\n"
    "0.000000e+00\t1.000000e+00\t0.000000e+00\t\n"
)
MATRIX = [[1, 0, -1.5], [1, 0, 1], [0, 1, 0.5], [0, 1, 0]]
CON = (
    "/ContrastName1\tpatients > controls\n/ContrastName2\tage\n/NumWaves\t3\n/NumContrasts\t2\n"
    "/PPheights\t\t1.0 1.0\n/RequiredEffect\t\t1.2 0.9\n\n/Matrix\n1 -1 0\n0 0 1e0\n"
)
FTS = "/NumWaves\t2\n/NumContrasts\t1\n\n/Matrix\n1 1 \n"
GRP = "/NumWaves\t1\n/NumPoints\t4\n\n/Matrix\n1\n1\n2\n2\n"


def written(folder: Path, content: str | bytes) -> Path:
    """A file with this content."""
    path = folder / "design.mat"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        MAT.encode(),
        MAT.encode("utf-8-sig"),
        MAT.encode("utf-16"),
        MAT.replace("\n", "\r\n").encode(),
        MAT.replace("\n", "\r").encode(),
        MAT.rstrip().encode(),
        (MAT + "\n\n").encode(),
        MAT.replace("\n\n", "\n").encode(),
        MAT.replace("\t", "   ").encode(),
        MAT.replace("\n0.0", "\n\n0.0").encode(),
        MAT.partition("/Matrix\n")[2].encode(),
        ("/Matrix\n" + MAT.partition("/Matrix\n")[2]).encode(),
    ],
)
def test_one_design_in_many_dresses_reads_the_same(tmp_path: Path, content: bytes) -> None:
    matrix = read_design_mat(written(tmp_path, content)).matrix
    np.testing.assert_array_equal(matrix, MATRIX)
    assert matrix.dtype == np.float64
    assert not matrix.flags.writeable


def test_contrasts_come_with_their_names(tmp_path: Path) -> None:
    found = read_contrasts(written(tmp_path, CON))
    assert found.names == ("patients > controls", "age")
    np.testing.assert_array_equal(found.weights, [[1, -1, 0], [0, 0, 1]])


def test_contrasts_without_a_name_are_numbered(tmp_path: Path) -> None:
    partly = CON.replace("/ContrastName1\tpatients > controls\n", "/ContrastName1\n")
    assert read_contrasts(written(tmp_path, partly)).names == ("c1", "age")
    assert read_contrasts(written(tmp_path, "1 -1\n0 1\n")).names == ("c1", "c2")


def test_contrasts_as_text2vest_writes_them_are_read(tmp_path: Path) -> None:
    """Text2Vest knows one header for all kinds: /NumWaves and /NumPoints."""
    content = "/NumWaves\t2\n/NumPoints\t1\n/PPheights\t\t1 1\n\n/Matrix\n1 -1\n"
    np.testing.assert_array_equal(read_contrasts(written(tmp_path, content)).weights, [[1, -1]])
    assert read_ftests(written(tmp_path, content.replace("-1", "1"))).members.all()


def test_ftests_say_which_contrasts_they_take(tmp_path: Path) -> None:
    found = read_ftests(written(tmp_path, FTS.replace("1 1 ", "1 0")))
    assert found.members.tolist() == [[True, False]]


def test_groups_are_whole_numbers_a_vector_or_levels(tmp_path: Path) -> None:
    found = read_groups(written(tmp_path, GRP))
    assert found.labels.tolist() == [1, 1, 2, 2]
    assert found.labels.dtype == np.int64
    nested = read_groups(written(tmp_path, "1 -1\n1 2.0\n-2 1\n"))
    assert nested.labels.tolist() == [[1, -1], [1, 2], [-2, 1]]


def test_what_was_read_survives_pickling(tmp_path: Path) -> None:
    found = pickle.loads(pickle.dumps(read_contrasts(written(tmp_path, CON))))
    assert found.names == ("patients > controls", "age")
    assert not found.weights.flags.writeable


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "design.mat: the file is empty"),
        (b" \n\t\n", "the file is empty"),
        (MAT.replace("/NumPoints\t4", "/NumPoints\t5"), "/NumPoints promises 5 rows, but the"),
        (MAT.replace("/NumWaves\t3", "/NumWaves\t1"), "/NumWaves promises 1 column, but the"),
        (MAT.replace("/NumWaves\t3", "/NumWaves\tthree"), "/NumWaves says 'three'"),
        (MAT.replace("/NumWaves\t3", "/NumWaves\t-3"), "/NumWaves says '-3'"),
        (MAT.replace("/NumWaves\t3", "/NumWaves"), "/NumWaves says ''"),
        (MAT.replace("\t.5\t", "\t"), "line 8 holds 2 numbers, but the first row .* has 3"),
        (MAT.replace(".5\t", ",5\t"), "line 6 holds '-1,500000e.00'|line 8 holds ',5'"),
        (MAT.replace("\t.5\t", "\tNaN\t"), "line 8 holds 'NaN', which is no number"),
        (MAT.replace("\t.5\t", "\tinf\t"), "line 8 holds 'inf', which is no number"),
        (MAT.replace("\t.5\t", "\t1e999\t"), "line 8 holds 1e999, which is too large"),
        (MAT.replace("\t.5\t", "\t1_0\t"), "line 8 holds '1_0', which is no number"),
        (MAT.replace("/Matrix\n", ""), "line 5 stands before /Matrix"),
        ("/NumWaves 3\n/NumPoints 4\n", "no line /Matrix"),
        (MAT.partition("1.0")[0].replace("/PPheights\t\t", "/Matrix"), "no numbers below /Matrix"),
        ("/NumWaves 1\n" + MAT, "/NumWaves occurs twice, the second time in line 2"),
        ("1,0\n1,0\n", "holds '1,0', which is no number; numbers need a decimal point and blanks"),
        ("subject age\n1 2\n", "line 1 holds 'subject', which is no number"),
        (CON, "this file holds contrasts"),
        (MAT.encode() + b"\xe9", "line 10 is not UTF-8 text"),
        (b"\x1f\x8b\x08\x00" + bytes(range(200, 256)), "binary file"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a .mat of MATLAB must be exported"),
        (MAT.encode() + b"\0\0\0", "binary file"),
        (MAT.encode("utf-16-le"), "binary file"),
    ],
)
def test_what_is_no_design_is_refused_with_its_place(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_design_mat(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CON.replace("0 0 1e0", "0 0 0"), "line 10 is a contrast whose weights are all zero"),
        (CON.replace("Name2", "Name3"), "/ContrastName3 names 'age', but the matrix has 2 rows"),
        (CON.replace("Name2", "Name0"), "/ContrastName0 names 'age'"),
        (CON.replace("patients > controls", "age"), "1 name for more than one contrast: age"),
        (CON.replace("Contrasts\t2", "Contrasts\t3"), "/NumContrasts promises 3 rows, but the"),
    ],
)
def test_what_is_no_contrast_is_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_contrasts(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (FTS.replace("1 1", "1 2"), "line 5 holds 2; an F test takes a contrast"),
        (FTS.replace("1 1", "1 -1"), "line 5 holds -1"),
        (FTS.replace("1 1", "0 0"), "line 5 is an F test without a contrast"),
    ],
)
def test_what_is_no_ftest_is_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_ftests(written(tmp_path, content))


@pytest.mark.parametrize(("cell", "shown"), [("1.5", "1.5"), ("-2.01", "-2.01"), ("1e300", "1e")])
def test_labels_that_are_not_whole_are_refused(tmp_path: Path, cell: str, shown: str) -> None:
    with pytest.raises(DataError, match=f"line 7 holds {shown}.*; labels of groups are whole"):
        read_groups(written(tmp_path, GRP.replace("\n2\n2", f"\n{cell}\n2")))


def test_a_file_that_is_not_there_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone.mat: cannot be read"):
        read_design_mat(tmp_path / "gone.mat")
    with pytest.raises(DataError, match="cannot be read"):
        read_design_mat(tmp_path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=80) | st.text("/MatrixNumWaves 01.e-\n\t", max_size=80))
def test_whatever_the_bytes_there_is_a_matrix_or_a_clear_error(
    tmp_path: Path, content: bytes | str
) -> None:
    path = tmp_path / "any"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    for read in (read_design_mat, read_contrasts, read_ftests, read_groups):
        try:
            read(path)
        except DataError as error:
            assert "any" in str(error)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(
                st.floats(allow_nan=False, allow_infinity=False), min_size=width, max_size=width
            ),
            min_size=1,
            max_size=6,
        )
    )
)
def test_numbers_come_back_as_they_were_written(tmp_path: Path, rows: list[list[float]]) -> None:
    lines = [" ".join(repr(value) for value in row) for row in rows]
    header = f"/NumWaves {len(rows[0])}\n/NumPoints {len(rows)}\n/Matrix\n"
    found = read_design_mat(written(tmp_path, header + "\n".join(lines)))
    np.testing.assert_array_equal(found.matrix, rows)
