"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_bytes
from heatlas.io import atomic
from heatlas.io.atomic import atomic_write, json_text, write_json, write_text


def fail_with(number: int):
    """Return a stand-in for a system call that fails with this error number."""

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_atomic_write_returns_the_digest_of_what_lies_on_disk(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b.bin"
    assert atomic_write(target, b"content") == digest_bytes(target.read_bytes())


def test_atomic_write_replaces_an_earlier_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    atomic_write(target, b"old")
    atomic_write(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_files_get_the_rights_that_the_user_has_asked_for(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        atomic_write(tmp_path / "a", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("call", "number", "words"),
    [
        ("fsync", errno.ENOSPC, "the disk is full"),
        ("replace", errno.EACCES, "no permission"),
        ("replace", errno.EROFS, "read-only"),
        ("fsync", errno.EIO, "Input/output error"),
    ],
)
def test_a_failed_write_names_file_and_reason_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, words: str
) -> None:
    target = tmp_path / "map.nii.gz"
    atomic_write(target, b"old")
    monkeypatch.setattr(atomic.os, call, fail_with(number))
    with pytest.raises(DataError, match=f"map.nii.gz: cannot be written, .*{words}"):
        atomic_write(target, b"new")
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["map.nii.gz"]


def test_an_interrupted_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "a", b"new")
    assert os.listdir(tmp_path) == []


def test_a_folder_in_the_place_of_the_file_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(DataError, match="taken: cannot be written, it is a folder"):
        atomic_write(tmp_path / "taken", b"")
    assert os.listdir(tmp_path) == ["taken"]


def test_a_file_in_the_place_of_the_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="a file stands where a folder is needed"):
        atomic_write(tmp_path / "file" / "a", b"")


def test_a_write_that_the_system_stops_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    script = f"""
import resource, signal
from pathlib import Path
from heatlas.core.errors import DataError
from heatlas.io.atomic import atomic_write
target = Path({str(tmp_path / "a")!r})
atomic_write(target, b"old")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    atomic_write(target, bytes(1_000_000))
except DataError as error:
    print(error)
"""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert "cannot be written, the file is larger than the system allows" in said
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "mm³\n")
    assert (tmp_path / "a").read_bytes() == "mm³\n".encode()


def test_equal_json_gives_equal_bytes_whatever_the_order_of_keys(tmp_path: Path) -> None:
    first = write_json(tmp_path / "a.json", {"b": (1, 2), "a": {"d": 1, "c": "µ"}})
    second = write_json(
        tmp_path / "b.json", MappingProxyType({"a": {"c": "µ", "d": 1}, "b": [1, 2]})
    )
    assert first == second
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "a": {\n    "c": "µ",')
    assert text.endswith("}\n")


@pytest.mark.parametrize("content", [float("nan"), float("inf"), object()])
def test_json_refuses_what_json_cannot_hold(content: object) -> None:
    with pytest.raises(DataError, match="JSON cannot hold"):
        json_text({"a": content})
