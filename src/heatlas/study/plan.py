"""From a study to named steps with digests, and the events that tell how far a run is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from heatlas.core.cohort import Cohort
from heatlas.core.provenance import digest_json
from heatlas.core.table import Column, Table
from heatlas.core.value import Value
from heatlas.core.version import __version__
from heatlas.core.words import count
from heatlas.study.spec import StudySpec, resolved

EventKind = Literal["plan", "step", "progress", "note", "done"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Event(Value):
    """Something that happened during a run.

    Parameters
    ----------
    kind : {"plan", "step", "progress", "note", "done"}
        A step begins, moves on or has something to say.
    step : str
        Name of the step.
    text : str
        Words for a reader.
    done, total : int
        Items of the step.
    """

    kind: EventKind
    step: str
    text: str = ""
    done: int = 0
    total: int = 0


Listener = Callable[[Event], None]


def silence(event: Event) -> None:
    """Listen to nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedStep(Value):
    """A step before it runs.

    Parameters
    ----------
    name : str
        ``read``, ``fit groups``, ``judge groups / depression``, ``draw``, ``report``.
    words : str
        What it will do.
    digest : str
        Digest of everything that its outcome depends on.
    """

    name: str
    words: str
    digest: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan(Value):
    """All steps of a run, in order.

    Parameters
    ----------
    steps : tuple of PlannedStep
        In the order in which they run.
    digest : str
        Digest of the whole.
    notes : tuple of str
        What the user should know before the run.
    """

    steps: tuple[PlannedStep, ...]
    digest: str
    notes: tuple[str, ...] = ()

    def step(self, name: str) -> PlannedStep:
        """Return a step by name."""
        return next(step for step in self.steps if step.name == name)

    def to_table(self) -> Table:
        """Return the plan as a table for ``--dry-run``."""
        return Table(
            columns=(
                Column(name="step", values=tuple(step.name for step in self.steps)),
                Column(name="what it does", values=tuple(step.words for step in self.steps)),
                Column(name="digest", values=tuple(step.digest[7:19] for step in self.steps)),
            ),
            caption="Plan of the run.",
        )


def make_plan(
    spec: StudySpec, cohort: Cohort, *, extras: Mapping[str, str], notes: Sequence[str] = ()
) -> Plan:
    """Return the steps that a study needs.

    Parameters
    ----------
    spec : StudySpec
        The study.
    cohort : Cohort
        Its participants and files, with digests.
    extras : mapping of str to str
        Digests of the other files: masks, grid, atlas.
    notes : sequence of str
        What the checks found that the user should know before the run.

    Returns
    -------
    Plan
        Each digest covers the settings and the inputs of the step and of those before it.
    """
    settings = resolved(spec)
    files = [[file.name, file.digest, file.volume] for file in cohort.files]
    table = [
        [column.name, list(cohort.table.words(column.name))] for column in cohort.table.columns
    ]
    reading = {key: settings[key] for key in ("smooth", "mask", "grid")}
    inputs = {"files": files, "extras": dict(extras)}
    read = _step("read", _read_words(spec, cohort), depends_on={**inputs, **reading})
    steps = [read]
    for analysis in settings["analyses"]:
        fit = _step(
            f"fit {analysis['name']}",
            f"model {analysis['model']}",
            depends_on={"after": read.digest, "table": table, "analysis": analysis},
        )
        steps.append(fit)
        steps += [
            _step(
                f"judge {analysis['name']} / {contrast['name']}",
                f"{contrast['test']} by {_judge_words(spec)}",
                depends_on={
                    "after": fit.digest,
                    "contrast": contrast,
                    "inference": settings["inference"],
                    "seed": settings["seed"],
                },
            )
            for contrast in analysis["contrasts"]
        ]
    everything = {"settings": settings, "before": [step.digest for step in steps]}
    steps.append(_step("write", "maps, tables, figures and the report", depends_on=everything))
    return Plan(steps=tuple(steps), digest=steps[-1].digest, notes=tuple(notes))


def _step(name: str, words: str, *, depends_on: dict[str, Any]) -> PlannedStep:
    digest = digest_json({"version": __version__, "step": name, **depends_on})
    return PlannedStep(name=name, words=words, digest=digest)


def _read_words(spec: StudySpec, cohort: Cohort) -> str:
    words = f"read {count(len(cohort.files), 'map')}"
    if spec.smooth is not None and spec.smooth.fwhm_mm:
        words += f", smooth by {spec.smooth.fwhm_mm:g} mm FWHM"
    return words + ", mask"


def _judge_words(spec: StudySpec) -> str:
    inference = spec.inference
    words: str = inference.method
    if inference.cluster_threshold is not None:
        forming = inference.cluster_threshold
        named = (
            f"p < {forming.p:g}" if forming.p is not None else f"statistic > {forming.statistic:g}"
        )
        words += f" at {named}"
    if inference.permutes:
        words += f", {count(inference.n_permutations, 'permutation')}"
        words += " at most" if inference.adaptive else ""
        words += ", in a small volume" if inference.small_volume is not None else ""
        words += ", across contrasts" if inference.across_contrasts else ""
    return f"{words}, alpha {inference.alpha:g}"
