"""Bad input of every kind: one clear sentence, exit code 2, and nothing left behind."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pytest

from heatlas.cli import main
from tests.e2e.processes import call
from tests.phantom import affine
from tests.tiny import (
    AGES,
    GROUPS,
    IDS,
    MEAN,
    SETTINGS,
    SHAPE,
    analysis,
    people,
    tiny_study,
    write_map,
    write_study,
    write_tsv,
)

MAP = "sub-04.nii.gz"


class Case(NamedTuple):
    """A fault and the sentence that it deserves."""

    spoil: Callable[[Path], object]
    """takes the folder of a good study"""
    says: str
    """a pattern that the sentence holds"""
    arguments: tuple[str, ...] = ()


def study(**changes: Any) -> Callable[[Path], object]:
    """Return what writes another study file."""
    return lambda folder: write_study(folder, **changes)


def cohort(**changes: Any) -> Callable[[Path], object]:
    """Return what writes a study file with another cohort."""
    return study(cohort={**SETTINGS["cohort"], **changes})


def table(**columns: Any) -> Callable[[Path], object]:
    """Return what writes another table."""
    return lambda folder: write_tsv(folder / "people.tsv", people(**columns))


def map_bytes(content: bytes) -> Callable[[Path], object]:
    """Return what replaces a map by these bytes."""
    return lambda folder: (folder / "maps" / MAP).write_bytes(content)


def map_values(values: Any, *, voxel_mm: float = 3.0) -> Callable[[Path], object]:
    """Return what replaces a map by these values."""
    return lambda folder: write_map(folder / "maps" / MAP, values, voxel_mm=voxel_mm)


def two_tables(folder: Path) -> None:
    """Write a second table that lacks one participant and has a strange one."""
    ids = (*IDS[:-1], "sub-99")
    write_tsv(folder / "more.tsv", {"participant_id": ids, "score": range(len(ids))})
    cohort(tables=["people.tsv", "more.tsv"])(folder)


def truncated(folder: Path) -> None:
    """Cut a map in the middle."""
    path = folder / "maps" / MAP
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def decimal_commas(folder: Path) -> None:
    """Write ages with a decimal comma."""
    ages = [f"{age},5" for age in AGES]
    write_tsv(folder / "people.tsv", people(age=ages))


def atlas(folder: Path) -> None:
    """Write an atlas with one region, and ask for another."""
    labels = np.zeros(SHAPE, np.int16)
    labels[4:8, 4:8, 4:8] = 7
    nib.save(nib.Nifti1Image(labels, affine(shape=SHAPE)), folder / "atlas.nii.gz")
    (folder / "atlas.csv").write_text("index,name\n7,Precuneus\n", encoding="utf-8")
    named = {"image": "atlas.nii.gz", "labels": "atlas.csv"}
    write_study(folder, atlas=named, regions=["Precunius"])


def empty_mask_file(folder: Path) -> None:
    """Write a mask without a single voxel."""
    write_map(folder / "mask.nii.gz", np.zeros(SHAPE))
    write_study(folder, mask={"path": "mask.nii.gz"})


def foreign_folder(folder: Path) -> None:
    """Put a file that is no result of Heatlas where the results shall go."""
    (folder / "out").mkdir()
    (folder / "out" / "thesis.txt").write_text("all of it")


def with_errors(inference: Any = None, **said: Any) -> Callable[[Path], object]:
    """Return what writes a study that says something of its errors."""
    asked = analysis("C(group)", "group[ill] - group[well]", **said)
    return study(analyses=asked, **({"inference": inference} if inference else {}))


def constant_maps(folder: Path) -> None:
    """Give everybody the same map."""
    values = np.random.default_rng(1).standard_normal(SHAPE)
    for name in IDS:
        write_map(folder / "maps" / f"{name}.nii.gz", values)


def infinite_values(folder: Path) -> None:
    """Put infinities into a map where a mask file wants its values."""
    values = np.random.default_rng(1).standard_normal(SHAPE)
    values[4:6, 4:6, 4:6] = np.inf
    write_map(folder / "maps" / MAP, values)
    write_map(folder / "mask.nii.gz", np.ones(SHAPE))
    write_study(folder, mask={"path": "mask.nii.gz"}, inference={"method": "tfce"})


CLUSTERS = {"method": "cluster-mass", "n_permutations": 100}
FOUR = np.random.default_rng(0).standard_normal((*SHAPE, 3))
NAN = np.full(SHAPE, np.nan)
SUMS = [age + 3 * (group == "ill") for age, group in zip(AGES, GROUPS, strict=True)]
HTML = b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n"

CASES = {
    "missing study file": Case(
        lambda folder: (folder / "study.yaml").unlink(), r"study\.yaml cannot be read"
    ),
    "missing table": Case(
        lambda folder: (folder / "people.tsv").unlink(), r"people\.tsv.*not exist"
    ),
    "missing map": Case(
        lambda folder: (folder / "maps" / MAP).unlink(), r"1 map of 12 cannot be found: maps/sub-04"
    ),
    "missing column of the model": Case(
        study(analyses=analysis("C(group) + agee", "agee")), r"agee.*Did you mean 'age'"
    ),
    "missing column of the maps": Case(
        cohort(maps="maps/{participant}.nii.gz"), r"participant.*Did you mean 'participant_id'"
    ),
    "missing id column": Case(cohort(id="subject"), r"subject"),
    "unknown level": Case(
        study(analyses=analysis("C(group)", "group[il] - group[well]")), r"il.*Did you mean 'ill'"
    ),
    "factor with one level": Case(
        study(analyses=analysis("C(group)", "group[ill]", where="group == 'ill'")),
        r"group.*one level",
    ),
    "more regressors than maps": Case(
        study(analyses=analysis("C(participant_id)", "participant_id", kind="F")),
        r"12 regressors.*12 maps",
    ),
    "collinear covariates": Case(
        lambda folder: (
            table(both=SUMS)(folder),
            study(analyses=analysis("C(group) + age + both", "age"))(folder),
        ),
        r"both = .*group.* \+ age; leave one",
    ),
    "text in a numeric column": Case(table(age=("thirty", *AGES[1:])), r"age.*thirty"),
    "all-NaN map": Case(map_values(NAN), r"sub-04\.nii\.gz.*no finite value"),
    "empty mask by a rule": Case(study(mask={"minimum": 1e6}), r"mask|voxel"),
    "empty mask by a file": Case(empty_mask_file, r"mask"),
    "missing mask file": Case(study(mask={"path": "nomask.nii.gz"}), r"nomask\.nii\.gz"),
    "mixed grids without a policy": Case(
        map_values(FOUR[..., 0], voxel_mm=2.0), r"sub-04.*2 x 2 x 2 mm.*differs.*grid: coarsest"
    ),
    "4-D where 3-D is expected": Case(map_values(FOUR), r"sub-04.*3 volumes|sub-04.*4-D"),
    "truncated": Case(truncated, r"sub-04\.nii\.gz.*(truncated|cut|ends|incomplete)"),
    "web page": Case(map_bytes(HTML), r"sub-04\.nii\.gz.*web page"),
    "empty file": Case(map_bytes(b""), r"sub-04\.nii\.gz.*empty"),
    "empty gzip file": Case(map_bytes(gzip.compress(b"")), r"sub-04\.nii\.gz.*cut off"),
    "duplicate ids": Case(table(participant_id=(*IDS[:-1], IDS[0])), r"sub-01"),
    "ids in one table only": Case(two_tables, r"sub-12.*sub-99|sub-99.*sub-12"),
    "unknown key": Case(study(smoth={"fwhm_mm": 8}), r"smoth.*'smooth'"),
    "unknown nested key": Case(study(smooth={"fwhm_mm": 8, "insid": "mask"}), r"insid.*'inside'"),
    "unknown exclusion": Case(
        cohort(exclude={"sub-40": "moved"}), r"sub-40.*Did you mean 'sub-0?[14]"
    ),
    "everybody excluded": Case(cohort(exclude=dict.fromkeys(IDS, "moved")), r"nobody is left"),
    "decimal commas": Case(decimal_commas, r"people\.tsv.*row 1.*age|people\.tsv.*age.*row 1"),
    "region not in the atlas": Case(atlas, r"Precunius.*Did you mean 'Precuneus'"),
    "label without an atlas": Case(study(regions=["Precuneus"]), r"Precuneus.*atlas"),
    "region outside of the mask": Case(
        study(regions=[{"name": "far", "x": 200, "y": 0, "z": 0, "radius_mm": 5}]),
        r"no voxel of the mask",
    ),
    "blocks that forbid every rearrangement": Case(
        with_errors(exchangeability={"blocks": "group"}),
        r"Analysis 'asked': The blocks forbid every rearrangement of contrast 'c1': .*whole",
    ),
    "a map without a block": Case(
        lambda folder: (
            table(site=("a", "", *"aabbaabbab"))(folder),
            with_errors(exchangeability={"blocks": "site"})(folder),
        ),
        r"blocks: column 'site' has no value for 1 map \(sub-02\)",
    ),
    "unknown column of blocks": Case(
        with_errors(exchangeability={"blocks": "grup"}), r"blocks: .*grup.*Did you mean 'group'"
    ),
    "whole blocks of different sizes": Case(
        lambda folder: (
            table(site=("a",) * 5 + ("b",) * 7)(folder),
            with_errors(exchangeability={"blocks": "site", "shuffle": "whole"})(folder),
        ),
        r"only blocks of one size can be exchanged as wholes.*1 of 5 maps and 1 of 7 maps",
    ),
    "levels of blocks without a root": Case(
        with_errors(exchangeability={"blocks": ["group", "participant_id"]}),
        r"first column of multi-level blocks stands for the whole sample",
    ),
    "a variance group of one map": Case(
        lambda folder: (
            table(site=("a",) * 11 + ("b",))(folder),
            with_errors(variance_groups="site")(folder),
        ),
        r"variance_groups: group 'b' of column 'site' has 1 map",
    ),
    "a cluster p without degrees of freedom": Case(
        with_errors(
            variance_groups="group", inference={**CLUSTERS, "cluster_threshold": {"p": 0.001}}
        ),
        r"inference\.cluster_threshold\.p: with variance groups .*write \{statistic: 3\.1\}",
    ),
    "a cluster method without a threshold": Case(
        study(inference=CLUSTERS), r"inference\.cluster_threshold: is required.*\{p: 0\.001\}"
    ),
    "contrasts without common arrangements": Case(
        study(
            analyses=analysis("C(group)", "group[ill] - group[well]", "group[ill]"),
            inference={"across_contrasts": True},
        ),
        r"across_contrasts: .*permutations for c1 and sign-flips for c2",
    ),
    "small volume outside of the mask": Case(
        study(inference={"small_volume": {"x": 300, "y": 0, "z": 0, "radius_mm": 5}}),
        r"Small volume: no voxel of the mask lies in a sphere",
    ),
    "missing small volume": Case(
        study(inference={"small_volume": {"mask": "roi.nii.gz"}}), r"roi\.nii\.gz.*No such file"
    ),
    "maps that do not vary": Case(constant_maps, r"no voxel of the mask varies between the maps"),
    "infinite values in the mask": Case(
        infinite_values, r"1 map miss values inside the mask \(first: sub-04\)"
    ),
    "analyses that would share files": Case(
        study(analyses=[{**MEAN, "name": "a-b"}, {**MEAN, "name": "ab"}]), r"'a-b' and 'ab'"
    ),
    "workers 0": Case(lambda folder: None, r"workers.*at least 1", ("--workers", "0")),
    "foreign folder": Case(foreign_folder, r"no results of Heatlas.*thesis\.txt"),
    "folder below a file": Case(
        lambda folder: None, r"folder.*cannot be made", ("-o", "people.tsv/out")
    ),
    "folder that is a file": Case(
        lambda folder: None, r"people\.tsv: .*a file stands where", ("-o", "people.tsv")
    ),
    "folder in /proc": Case(lambda folder: None, r"/proc/out", ("-o", "/proc/out")),
}


def run_words(folder: Path, *arguments: str) -> list[str]:
    """Return the command line of a run in the folder."""
    out = [] if "-o" in arguments else ["-o", str(folder / "out")]
    placed = [str(folder / a) if a.startswith("people.tsv") else a for a in arguments]
    return ["run", str(folder / "study.yaml"), *out, "--workers", "1", "--quiet", *placed]


def listing(folder: Path) -> set[str]:
    """Return everything that lies in a folder, hidden things included."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_clear_sentence_and_leaves_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    tiny_study(tmp_path)
    case.spoil(tmp_path)
    before = listing(tmp_path)
    assert main(run_words(tmp_path, *case.arguments)) == 2
    printed = capsys.readouterr()
    print(printed.err)
    assert printed.out == ""
    assert re.fullmatch(r"heatlas: [^\n]+\n", printed.err), printed.err
    assert re.search(case.says, printed.err), printed.err
    assert "Traceback" not in printed.err
    assert listing(tmp_path) == before


def test_a_header_that_claims_a_gigabyte_is_refused_before_memory_is_taken(
    tmp_path: Path,
) -> None:
    """1024 x 1024 x 1024 floats, 4 GB, in a file of half a megabyte, packed and plain."""
    tiny_study(tmp_path)
    path = tmp_path / "maps" / MAP
    path.write_bytes(b"")
    small = peak_of(run_words(tmp_path))
    assert "sub-04.nii.gz: the file is empty" in small.err
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((1024, 1024, 1024))
    header["magic"], header["vox_offset"] = b"n+1", 352
    claim = header.binaryblock + bytes(4)
    noise = np.random.default_rng(0).bytes(500_000)
    for content in (gzip.compress(claim + noise), gzip.compress(claim + bytes(200_000_000), 1)):
        path.write_bytes(content)
        found = peak_of(run_words(tmp_path))
        assert re.fullmatch(r"heatlas: .*sub-04\.nii\.gz: [^\n]+\n", found.err), found.err
        assert found.megabytes < small.megabytes + 64
        assert not (tmp_path / "out").exists()


def test_a_fault_in_a_worker_process_reads_the_same(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    (tmp_path / "maps" / MAP).write_bytes(HTML)
    words = ["2" if word == "1" else word for word in run_words(tmp_path)]
    ended = call(*words)
    assert (ended.code, ended.out) == (2, "")
    assert re.fullmatch(r"heatlas: .*sub-04\.nii\.gz: this is a web page[^\n]*\n", ended.err)
    map_values(NAN)(tmp_path)
    ended = call(*words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "heatlas: sub-04.nii.gz: the map holds no finite value at all.\n"
    assert not (tmp_path / "out").exists()


def test_all_faults_of_a_study_file_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_study(tmp_path, smoth={"fwhm_mm": 8}, seed="seven", inference={"method": "maxt"})
    assert main(run_words(tmp_path)) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("heatlas: study.yaml has 3 faults:\n")
    for words in ("smoth", "Did you mean 'smooth'", "seed", "maxt", "Did you mean 'max-t'"):
        assert words in printed
    assert not (tmp_path / "out").exists()


def test_a_dry_run_finds_the_same_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_study(tmp_path, analyses=analysis("C(group) + agee", "agee"))
    assert main([*run_words(tmp_path), "--dry-run"]) == 2
    assert "Did you mean 'age'" in capsys.readouterr().err


class Peak(NamedTuple):
    """What a process said and how much memory it took."""

    err: str
    megabytes: float


def peak_of(words: list[str]) -> Peak:
    """Run the command line in a process of its own and return its peak memory."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell the peak memory of a process")
    code = (
        "import sys\n"
        "from heatlas.cli import main\n"
        "assert main(sys.argv[1:]) == 2\n"
        "print(open('/proc/self/status').read())\n"
    )
    ended = call(*words, code=code)
    assert ended.code == 0, ended.err
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", ended.out)
    return Peak(ended.err, int(kilobytes) / 1024)
