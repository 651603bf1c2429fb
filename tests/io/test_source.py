"""Bytes of a file: bounded, whole, and honest about what is wrong with them."""

from __future__ import annotations

import bz2
import gzip
import os
import tracemalloc
from pathlib import Path

import pytest

from heatlas.core.errors import DataError
from heatlas.io import source as source_module
from heatlas.io.source import (
    MAX_GZIP_RATIO,
    bytes_words,
    check_claim,
    check_file,
    check_memory,
    digest_file,
    open_source,
)

CONTENT = bytes(range(256)) * 40


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reading_and_skipping_gives_the_bytes_in_between(tmp_path: Path, pack: type) -> None:
    path = written(tmp_path / "a", pack(CONTENT))
    with open_source(path) as source:
        first = source.read(10)
        source.skip(100)
        second = source.read(50)
    assert (first, second) == (CONTENT[:10], CONTENT[110:160])


def test_several_gzip_members_and_padding_read_as_one(tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT[:5000]) + gzip.compress(CONTENT[5000:]) + bytes(512)
    path = written(tmp_path / "a.gz", packed)
    with open_source(path) as source:
        content = source.read(len(CONTENT))
        source.check_end()
    assert content == CONTENT


def test_every_cut_of_a_gzip_file_is_noticed(tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT)
    for kept in range(2, len(packed)):
        path = written(tmp_path / "a.gz", packed[:kept])
        with pytest.raises(DataError, match="cut off"), open_source(path) as source:
            source.read(len(CONTENT))
            source.check_end()


def test_a_changed_byte_is_noticed_by_the_check_sum(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[-6] ^= 1  # in the stored check sum
    path = written(tmp_path / "a.gz", bytes(packed))
    words = r"damaged \(incorrect data check\)"
    with pytest.raises(DataError, match=words), open_source(path) as source:
        source.read(len(CONTENT))
        source.check_end()


def test_decompression_stops_at_what_was_asked_for(tmp_path: Path) -> None:
    bomb = written(tmp_path / "bomb.gz", gzip.compress(bytes(64 << 20)))
    tracemalloc.start()
    with open_source(bomb) as source:
        source.read(1000)
        source.check_end()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_skipping_does_not_keep_what_it_passes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gz", gzip.compress(bytes(200 << 20) + b"end", compresslevel=1))
    tracemalloc.start()
    with open_source(path) as source:
        source.skip(200 << 20)
        end = source.read(3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert end == b"end"
    assert peak < 60 << 20


def test_a_file_with_fewer_bytes_is_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path / "a", CONTENT)
    with pytest.raises(DataError, match="cut off .1 byte missing"), open_source(path) as source:
        source.read(len(CONTENT) + 1)


def test_a_claim_is_measured_against_the_best_that_gzip_can_do(tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT)
    path = written(tmp_path / "a.gz", packed)
    most = len(packed) * MAX_GZIP_RATIO
    with open_source(path) as source:
        check_claim(source, most, claim="that much")
        with pytest.raises(DataError, match="claims that much .* cannot hold"):
            check_claim(source, most + 1, claim="that much")


def test_deflate_never_beats_the_assumed_ratio() -> None:
    packed = gzip.compress(bytes(32 << 20), compresslevel=9)
    assert len(packed) * MAX_GZIP_RATIO >= 32 << 20


def test_a_need_beyond_the_free_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "available_memory", lambda: 1000)
    check_memory(Path("a"), 1000)
    with pytest.raises(DataError, match="needs 1.0 KiB of memory, but only 1000 bytes are free"):
        check_memory(Path("a"), 1024)


def test_a_missing_file_gets_the_nearest_name_of_its_folder(tmp_path: Path) -> None:
    written(tmp_path / "sub-01_gm.nii.gz", b"x")
    with pytest.raises(DataError, match=r"no such file\. Did you mean 'sub-01_gm\.nii\.gz'\?"):
        check_file(tmp_path / "sub-1_gm.nii.gz")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder '.*maps'"):
        check_file(tmp_path / "maps" / "a.nii")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is a folder"):
        check_file(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file is empty"):
        check_file(written(tmp_path / "a.nii.gz", b""))


def test_a_file_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.nii", CONTENT)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything

        def refuse(self: Path, *args: object) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", refuse)
    words = r"a\.nii: the file cannot be read .*ermission"
    with pytest.raises(DataError, match=words), open_source(path):
        pass
    with pytest.raises(DataError, match=words):
        digest_file(path)


def test_the_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    empty_but_abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_file(written(tmp_path / "a", b"abc")) == empty_but_abc


@pytest.mark.parametrize(
    ("length", "words"),
    [(5, "5 bytes"), (2048, "2.0 KiB"), (500 << 10, "500 KiB"), (4 << 30, "4.0 GiB")],
)
def test_bytes_are_said_as_people_say_them(length: int, words: str) -> None:
    assert bytes_words(length) == words


def test_bz2_is_not_taken_for_gzip(tmp_path: Path) -> None:
    path = written(tmp_path / "a", bz2.compress(CONTENT))
    with open_source(path) as source:
        assert not source.compressed
