"""A run that is killed at any moment goes on, and ends with the bytes of an undisturbed run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from heatlas.cli import main
from tests.e2e.processes import call, clear_up, kill, start
from tests.tiny import ILL_WELL, MEAN, analysis, outputs, tiny_study

SEED = 20260
N_PERMUTATIONS = 3000
# Counts the files that take their name in one step, and dies at one of them: just before, or just
# after. Reads of the store are left alone.
KILLED_AT_A_FILE = """
import os, signal, sys
from heatlas.cli import main
from heatlas.io import atomic

at, after, replace, done = int(sys.argv[1]), sys.argv[2] == "after", os.replace, []

def dying_replace(part, path):
    done.append(path)
    if len(done) == at and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(part, path)
    if len(done) == at:
        os.kill(os.getpid(), signal.SIGKILL)

atomic.os.replace = dying_replace
code = main(sys.argv[3:])
print(len(done))
sys.exit(code)
"""


class Undisturbed(NamedTuple):
    """A run that nobody killed."""

    study: Path
    seconds: float
    n_files: int
    """how many files took their name in one step"""
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    study = tiny_study(
        folder,
        smooth={"fwhm_mm": 4},
        analyses=[*analysis("C(group) + age", ILL_WELL["test"]), MEAN],
        inference={"method": "max-t", "n_permutations": N_PERMUTATIONS},
    )
    began = time.monotonic()
    first = call("run", str(study), "-o", str(folder / "out"), "--workers", "2", "--quiet")
    seconds = time.monotonic() - began
    assert first.code == 0, first.err
    counted = call("0", "before", *words(study, folder / "counted"), code=KILLED_AT_A_FILE)
    assert counted.code == 0, counted.err
    files = outputs(folder / "out")
    assert outputs(folder / "counted") == files
    return Undisturbed(study, seconds, int(counted.out.splitlines()[-1]), files)


@pytest.fixture
def out(undisturbed: Undisturbed) -> Iterator[Path]:
    """A folder beside the undisturbed one: results remember the way to their study."""
    folder = undisturbed.study.parent / "killed"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def words(study: Path, out: Path, *, workers: int = 1) -> list[str]:
    return ["run", str(study), "-o", str(out), "--workers", str(workers), "--quiet"]


def check_resumes(whole: Undisturbed, out: Path) -> None:
    """Run again, in this process, and compare every byte."""
    assert main(words(whole.study, out)) == 0
    found = outputs(out)
    assert sorted(found) == sorted(whole.files)
    assert [name for name in found if found[name] != whole.files[name]] == []
    left = [path.name for path in (out / ".heatlas").iterdir()]
    assert sorted(left) == ["lock", "plan"]


def test_runs_killed_at_random_moments_end_with_the_same_bytes(
    undisturbed: Undisturbed, out: Path, n_kills: int
) -> None:
    moments = np.random.default_rng(SEED).uniform(0, undisturbed.seconds, n_kills)
    for moment in moments:
        shutil.rmtree(out, ignore_errors=True)
        process = start(*words(undisturbed.study, out, workers=2))
        time.sleep(moment)
        kill(process)  # its workers live on for a moment, and must not be in the way
        try:
            check_resumes(undisturbed, out)
        finally:
            clear_up(process)


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(
    undisturbed: Undisturbed, out: Path
) -> None:
    for at in (5, 12):  # each time some more files take their names
        killed = call(str(at), "before", *words(undisturbed.study, out), code=KILLED_AT_A_FILE)
        assert killed.code == -9, killed.err
    check_resumes(undisturbed, out)


def test_runs_killed_at_a_block_or_a_file_end_with_the_same_bytes(
    undisturbed: Undisturbed, out: Path, n_kills: int
) -> None:
    """The first files are the steps: the stack and the blocks of permutations."""
    rng = np.random.default_rng(SEED + 1)
    n = undisturbed.n_files
    moments = [3, n // 4, n, *rng.integers(1, n + 1, max(n_kills - 3, 0))]
    for k, at in enumerate(moments):
        shutil.rmtree(out, ignore_errors=True)
        side = ("before", "after")[k % 2]
        killed = call(str(at), side, *words(undisturbed.study, out), code=KILLED_AT_A_FILE)
        assert killed.code == -9, killed.err
        check_resumes(undisturbed, out)


def test_a_resumed_run_does_not_make_finished_blocks_again(
    undisturbed: Undisturbed, out: Path
) -> None:
    at = 30  # within the blocks of the second contrast
    killed = call(str(at), "after", *words(undisturbed.study, out), code=KILLED_AT_A_FILE)
    assert killed.code == -9
    n_kept = len(list((out / ".heatlas" / "steps").iterdir()))
    assert n_kept == at - 1  # the plan is the first file
    resumed = call("0", "before", *words(undisturbed.study, out), code=KILLED_AT_A_FILE)
    assert resumed.code == 0, resumed.err
    assert int(resumed.out.splitlines()[-1]) == undisturbed.n_files - n_kept
    assert outputs(out) == undisturbed.files


def test_a_step_that_was_damaged_on_the_disk_is_made_again(
    undisturbed: Undisturbed, out: Path
) -> None:
    call("30", "after", *words(undisturbed.study, out), code=KILLED_AT_A_FILE)
    for k, step in enumerate(sorted((out / ".heatlas" / "steps").iterdir())):
        content = bytearray(step.read_bytes())
        content[(31 * k) % len(content)] ^= 1
        step.write_bytes(content[: len(content) - k])
    check_resumes(undisturbed, out)
