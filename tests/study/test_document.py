"""Settings files as plain data: YAML 1.2 without its traps, and bounded."""

from __future__ import annotations

import pytest

from heatlas.study.document import MAX_CHARACTERS, Document, read_document


def faults(text: str) -> list[str]:
    """The sentences of what cannot be read."""
    return [fault.sentence() for fault in read_document(text).faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("007", "007"),
        ("12:30", "12:30"),
        ("2026-01-02", "2026-01-02"),
        ("1e-3", 0.001),
        ("-.5", -0.5),
        ("+3", 3),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("~", None),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
    ],
)
def test_a_scalar_is_what_it_looks_like(text: str, value: object) -> None:
    read = read_document(f"a: {text}").content["a"]
    assert (read, type(read)) == (value, type(value))


def test_keys_stay_as_written() -> None:
    assert read_document("01: x\nno: y\n1.50: z").content == {"01": "x", "no": "y", "1.50": "z"}


def test_every_entry_knows_its_line() -> None:
    document = read_document("a: 1\nb:\n  - c: 2\n  - d: 3\n")
    assert document.lines["a",] == 1
    assert document.lines["b", 1, "d"] == 4


def test_doubled_keys_are_faults_with_both_lines() -> None:
    assert faults("a: 1\nb: 2\na: 3") == ["line 3, a: occurs twice (first in line 1); keep one."]


def test_broken_yaml_names_the_line() -> None:
    assert faults("a: 1\nb: [2\nc: 3")[0].startswith("line 3: this is not YAML")
    assert "spaces at the start of a line" in faults("a:\n\tb: 1")[0]


def test_no_object_is_built_from_a_tag() -> None:
    document = read_document("a: !!python/object/apply:os.system [exit]\nb: !mine 3")
    assert document.content == {"a": None, "b": None}
    assert len(document.faults) == 2


def test_a_key_that_is_no_word_is_a_fault() -> None:
    assert "a key must be a single word" in faults("? [1, 2]\n: 3")[0]


def test_aliases_serve_and_bombs_do_not() -> None:
    assert read_document("a: &x [1, 2]\nb: *x").content == {"a": [1, 2], "b": [1, 2]}
    bomb = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    bomb += [
        f"{t}: &{t} [{', '.join(['*' + s] * 9)}]" for s, t in zip("abcdefg", "bcdefgh", strict=True)
    ]
    assert "fewer aliases" in faults("\n".join(bomb))[0]
    assert "fewer aliases" in faults("a: &x [*x]")[0]


def test_depth_and_length_are_bounded() -> None:
    assert "nested" in faults("[" * 5000)[0]
    assert "are the limit" in faults("#" * (MAX_CHARACTERS + 1))[0]


def test_nothing_is_no_fault_of_the_text() -> None:
    assert read_document("# only words\n") == Document(content=None)
