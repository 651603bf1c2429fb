from __future__ import annotations

from pathlib import Path

from tests.cli.runner import Runner


def test_the_example_runs_from_what_ships_and_its_command_works(
    heatlas: Runner, tmp_path: Path
) -> None:
    out = tmp_path / "example"
    outcome = heatlas(
        "explain-example", "-o", out, "--pairs", 12, "--test-pairs", 4, "--epochs", 1,
        "--method", "hirescam", "--quick",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "untrained: Fails" in outcome.err
    assert "A held-out slice" in (out / "report.html").read_text(encoding="utf-8")
    explained = heatlas(
        "explain", out / "network.pt", out / "case-1.nii.gz", "--architecture", "plain-2d",
        "--window", "brain", "--size", "112x112", "--slices", 5, "--class", 1,
        "--mask", out / "case-1-lesion.nii.gz", "--quick", "-o", tmp_path / "out",
    )  # fmt: skip
    assert explained.code == 0, explained.err
    assert (tmp_path / "out" / "trust.json").is_file()


def test_options_that_teach_nothing_are_one_sentence(heatlas: Runner, tmp_path: Path) -> None:
    outcome = heatlas("explain-example", "-o", tmp_path, "--epochs", 0)
    assert outcome.code == 2
    assert "n_epochs: at least 1 is needed" in outcome.sentence
