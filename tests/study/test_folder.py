"""One writer, steps kept whole, and nobody else's files touched."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from heatlas.core.errors import DataError, HeatlasError
from heatlas.core.provenance import digest_bytes
from heatlas.study.folder import (
    FolderStore,
    is_complete,
    make_folder,
    open_log,
    open_results,
    planned_digest,
    single_writer,
)


def lock_file(folder: Path, *, plan: str, **outputs: bytes) -> None:
    """Write outputs and the lock file that lists them."""
    folder.mkdir(exist_ok=True)
    for name, content in outputs.items():
        (folder / name).write_bytes(content)
    digests = {name: digest_bytes(content) for name, content in outputs.items()}
    (folder / "study.lock.json").write_text(json.dumps({"plan": plan, "outputs": digests}))


def entries(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# ---------------------------------------------------------------- the store of steps


def test_a_step_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    store = FolderStore(folder=tmp_path / "steps")
    assert store.get("read") is None
    store.put("read", b"\x00\x01maps")
    store.put("fit / main", b"")
    assert store.get("read") == b"\x00\x01maps"
    assert store.get("fit / main") == b""
    assert store.get("fit") is None


@pytest.mark.parametrize("damage", [b"", b"sha256:", b"\xff" * 90])
def test_a_damaged_step_counts_as_absent(damage: bytes, tmp_path: Path) -> None:
    store = FolderStore(folder=tmp_path)
    store.put("read", b"maps")
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    assert store.get("read") is None


def test_every_flipped_or_lost_byte_of_a_step_is_noticed(tmp_path: Path) -> None:
    store = FolderStore(folder=tmp_path)
    store.put("read", b"maps")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :])
        assert store.get("read") is None
        path.write_bytes(whole[:k])
        assert store.get("read") is None


def test_clearing_forgets_all_steps_and_may_be_done_twice(tmp_path: Path) -> None:
    store = FolderStore(folder=tmp_path / "steps")
    store.put("read", b"maps")
    store.clear()
    store.clear()
    assert store.get("read") is None
    assert entries(tmp_path) == set()


# ---------------------------------------------------------------- whose folder it is


def test_a_new_folder_is_bound_to_its_plan(tmp_path: Path) -> None:
    assert planned_digest(tmp_path) is None
    open_results(tmp_path, plan_digest="sha256:a", overwrite=False)
    assert planned_digest(tmp_path) == "sha256:a"


def test_the_same_plan_finds_its_steps_again(tmp_path: Path) -> None:
    open_results(tmp_path, plan_digest="sha256:a", overwrite=False).put("read", b"maps")
    (tmp_path / "maps").mkdir()
    assert open_results(tmp_path, plan_digest="sha256:a", overwrite=False).get("read") == b"maps"


def test_results_of_another_plan_are_refused_and_removed_only_when_told(tmp_path: Path) -> None:
    open_results(tmp_path, plan_digest="sha256:a", overwrite=False).put("read", b"maps")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "old.nii.gz").write_bytes(b"old")
    (tmp_path / "my-notes.txt").write_text("keep me")
    with pytest.raises(DataError, match="results of another study.*--overwrite"):
        open_results(tmp_path, plan_digest="sha256:b", overwrite=False)
    assert (tmp_path / "maps" / "old.nii.gz").exists()
    store = open_results(tmp_path, plan_digest="sha256:b", overwrite=True)
    assert store.get("read") is None
    assert entries(tmp_path) == {".heatlas", ".heatlas/plan", "my-notes.txt"}


def test_steps_without_results_do_not_bind_a_folder(tmp_path: Path) -> None:
    open_results(tmp_path, plan_digest="sha256:a", overwrite=False).put("read", b"maps")
    (tmp_path / "log.jsonl").write_text("{}\n")
    assert open_results(tmp_path, plan_digest="sha256:b", overwrite=False).get("read") == b"maps"
    assert planned_digest(tmp_path) == "sha256:b"


def test_a_folder_with_files_of_somebody_else_is_refused_even_with_overwrite(
    tmp_path: Path,
) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(DataError, match="no results of Heatlas, such as 'thesis.txt'"):
        open_results(tmp_path, plan_digest="sha256:a", overwrite=True)


def test_a_copy_of_results_without_hidden_files_is_known_by_its_lock_file(tmp_path: Path) -> None:
    lock_file(tmp_path, plan="sha256:a", page=b"words")
    assert planned_digest(tmp_path) == "sha256:a"
    open_results(tmp_path, plan_digest="sha256:a", overwrite=False)


def test_results_are_complete_when_every_output_is_there_unchanged(tmp_path: Path) -> None:
    lock_file(tmp_path, plan="sha256:a", page=b"words", table=b"1\t2\n")
    assert is_complete(tmp_path, plan_digest="sha256:a")
    assert not is_complete(tmp_path, plan_digest="sha256:b")
    (tmp_path / "table").write_bytes(b"1\t3\n")
    assert not is_complete(tmp_path, plan_digest="sha256:a")
    (tmp_path / "table").unlink()
    assert not is_complete(tmp_path, plan_digest="sha256:a")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plan": "sha256:a"}', '{"outputs": {}}', "\xff"])
def test_a_damaged_lock_file_means_not_complete(text: str, tmp_path: Path) -> None:
    (tmp_path / "study.lock.json").write_bytes(text.encode("latin-1"))
    assert not is_complete(tmp_path, plan_digest="sha256:a")


# ---------------------------------------------------------------- one writer


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with single_writer(folder):
        busy = pytest.raises(DataError, match="another run is writing this folder")
        with busy, single_writer(folder):
            pass
        assert (folder / ".heatlas" / "lock").exists()
    with single_writer(folder):
        pass


def test_a_claim_that_is_not_kept_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="bad map"), single_writer(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "log.jsonl").write_text("{}\n")
        FolderStore(folder=tmp_path / "a" / "b" / ".heatlas" / "steps").put("read", b"maps")
        raise DataError("bad map")
    assert entries(tmp_path) == set()


def test_a_claim_that_is_kept_leaves_its_steps_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError), single_writer(tmp_path / "out") as claim:
        claim.keep()
        raise DataError("the disk is full")
    assert (tmp_path / "out" / ".heatlas" / "lock").exists()


def test_what_was_there_before_an_error_stays(tmp_path: Path) -> None:
    (tmp_path / ".heatlas").mkdir()
    (tmp_path / ".heatlas" / "plan").write_text("sha256:a")
    (tmp_path / "log.jsonl").write_text("{}\n")
    with pytest.raises(HeatlasError), single_writer(tmp_path):
        raise DataError("bad map")
    assert entries(tmp_path) == {".heatlas", ".heatlas/lock", ".heatlas/plan", "log.jsonl"}


def test_an_error_never_removes_a_file_of_somebody_else(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(HeatlasError), single_writer(folder):
        (folder / "thesis.txt").write_text("came meanwhile")
        raise DataError("bad map")
    assert entries(folder) == {"thesis.txt"}


def test_a_bug_is_left_for_inspection(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), single_writer(tmp_path / "out"):
        raise ZeroDivisionError
    assert (tmp_path / "out" / ".heatlas").exists()


# ---------------------------------------------------------------- what the system refuses


def test_a_folder_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/out: this folder cannot be made, "):
        make_folder(tmp_path / "file" / "out")


def test_a_folder_without_permission_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object, **settings: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match="this folder cannot be made, no permission"):
        make_folder(tmp_path / "out")


def test_a_log_goes_on_below_a_line_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for words in ("first", "second"):
        with open_log(path) as write:
            write({"text": words})
            write({"text": f"{words} again"})
        path.write_bytes(path.read_bytes()[:-5])
    lines = path.read_text().splitlines()
    texts = [json.loads(line)["text"] for k, line in enumerate(lines) if k not in (1, 3)]
    assert texts == ["first", "second"]


def test_a_log_that_is_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    refused = pytest.raises(DataError, match=r"log\.jsonl: cannot be written, it is a folder")
    with refused, open_log(tmp_path / "log.jsonl"):
        pass
