"""A full disk: the message names the file, and a rerun ends with the same bytes."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heatlas.cli import main
from heatlas.io import atomic
from tests.e2e.processes import call
from tests.tiny import outputs, tiny_study

WRITE = atomic._write_to_disk


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_study(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def undisturbed(study: Path) -> dict[str, bytes]:
    assert main(words(study, study.parent / "out")) == 0
    return outputs(study.parent / "out")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("only a privileged user may mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def words(study: Path, out: Path) -> list[str]:
    return ["run", str(study), "-o", str(out), "--workers", "1", "--quiet"]


def check_message(text: str, *, reason: str) -> None:
    assert re.fullmatch(r"heatlas: [^\n]+\n", text), text
    assert reason in text
    named = re.search(r"heatlas: (\S+): cannot be written", text)
    assert named is not None, text


@pytest.mark.parametrize("at", [1, 2, 3, 5, 20, 40])
def test_a_disk_that_fills_up_at_any_file_loses_nothing(
    at: int,
    study: Path,
    undisturbed: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = study.parent / f"full-{at}"
    asked: list[Path] = []

    def write_half(path: Path, content: bytes) -> None:
        asked.append(path)
        if len(asked) < at:
            WRITE(path, content)
            return
        path.write_bytes(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(atomic, "_write_to_disk", write_half)
    assert main(words(study, out)) == 2
    check_message(capsys.readouterr().err, reason="the disk is full")
    assert not list(out.rglob(f"*{atomic.PART_SUFFIX}"))
    monkeypatch.undo()
    assert main(words(study, out)) == 0
    assert outputs(out) == undisturbed


def test_a_disk_that_is_really_full_is_named_and_a_rerun_ends_with_the_same_bytes(
    study: Path, undisturbed: dict[str, bytes], tiny_disk: Path
) -> None:
    out = tiny_disk / "out"
    failed = call(*words(study, out))
    assert failed.code == 2, failed.err
    check_message(failed.err, reason="the disk is full")
    kept = {name: content for name, content in outputs(out).items()}
    assert kept
    assert all(undisturbed[name] == content for name, content in kept.items())
    subprocess.run(["mount", "-o", "remount,size=30m", str(tiny_disk)], check=True)
    rerun = call(*words(study, out))
    assert rerun.code == 0, rerun.err
    found = outputs(out)
    assert found.keys() == undisturbed.keys()
    # The way from the results to their study is another one on this disk.
    differ = [name for name in found if found[name] != undisturbed[name]]
    assert differ == ["study.lock.json"]


def test_a_log_that_cannot_grow_is_named(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """/dev/full takes nothing, as a full disk does."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    out = tmp_path / "out"
    (out / ".heatlas").mkdir(parents=True)
    (out / ".heatlas" / "plan").write_text("of a run that was broken off")
    (out / "log.jsonl").symlink_to("/dev/full")
    assert main(words(study, out)) == 2
    printed = capsys.readouterr().err
    check_message(printed, reason="the disk is full")
    assert "log.jsonl" in printed


def test_a_disk_without_permission_is_one_sentence(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(atomic, "_write_to_disk", refuse)
    assert main(words(study, tmp_path / "deep" / "out")) == 2
    check_message(capsys.readouterr().err, reason="no permission")
    assert list(tmp_path.iterdir()) == []
