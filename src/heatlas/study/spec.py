"""The study file: what may be asked of a cohort, and every fault of a study file at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from heatlas.core.errors import DataError, SpecError
from heatlas.core.words import count
from heatlas.study.document import Document, Fault, Place, read_document
from heatlas.study.faults import rule_faults, shape_fault
from heatlas.study.inference_rules import PERMUTATION_METHODS

ThresholdMethod = Literal[
    "none", "bonferroni", "fdr-bh", "fdr-by", "max-t", "step-down", "tfce", "cluster-extent",
    "cluster-mass", "cluster-mass-above",
]  # fmt: skip
Neighbourhood = Literal["faces", "edges", "corners"]

Words = Annotated[str, Field(strict=True, min_length=1, pattern=r"\S")]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
Truth = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(strict=True, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
Title = Annotated[str, Field(strict=True, max_length=120, pattern=r"^[^./\\\s][^/\\\n\r\t\x00]*$")]


def _without_nothing(content: Any) -> Any:
    """Treat a key without a value as a key that was left out."""
    if isinstance(content, Mapping):
        return {key: entry for key, entry in content.items() if entry is not None}
    return content


def _or_nothing(content: Any) -> Any:
    return {} if content is None else content


class Part(BaseModel):
    """Base of every part of a study file: frozen, and unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, content: Any) -> Any:
        return _without_nothing(content)


class MergedMaps(Part):
    """All maps in one 4-D file."""

    merged: Words
    """A 4-D image, relative to the study file; its volumes are in the order of the table's rows."""


def _maps_kind(content: Any) -> str:
    return "<merged>" if isinstance(content, (Mapping, MergedMaps)) else "<template>"


Maps = Annotated[
    Annotated[Words, Tag("<template>")] | Annotated[MergedMaps, Tag("<merged>")],
    Discriminator(_maps_kind),
]


class CohortSpec(Part):
    """Who is in the study, and which map belongs to whom."""

    tables: tuple[Words, ...] = ()
    """TSV or CSV files, relative to the study file, joined on the id. Without a table, the
    participants are found by the template of the maps, in alphabetical order."""
    id: Words = "participant_id"
    """Column that names the participants."""
    maps: Maps
    """One map a participant: a path with columns of the tables in braces, such as
    "gm/{participant_id}_gm.nii.gz"; or one 4-D file: {merged: all.nii.gz}."""
    measure: Words = "value"
    """What the maps show, in words for captions: grey-matter volume."""
    unit: Words | None = None
    """Unit of the maps: ml per ml."""
    exclude: Annotated[dict[str, Words], BeforeValidator(_or_nothing)] = Field(default_factory=dict)
    """Participants who are left out, each with the reason: {sub-07: "moved during the scan"}."""


class SmoothSpec(Part):
    """Gaussian smoothing, before the mask."""

    fwhm_mm: Annotated[Number, Field(gt=0, le=100)]
    """Full width at half maximum of the kernel, in mm."""
    inside: Literal["mask"] | None = None
    """"mask" smooths within the mask only; left out, the whole map is smoothed."""


class MaskSpec(Part):
    """Which voxels are analysed: by a rule over the maps, or by a file."""

    minimum: Number | None = None
    """A map covers a voxel where its smoothed value is at least this. Left out: where it is
    finite."""
    coverage: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """A voxel stays when at least this share of the maps covers it."""
    path: Words | None = None
    """A mask image instead of the rule; voxels above zero stay."""


class GridFile(Part):
    """A grid given by an image."""

    path: Words
    """Image whose grid all maps are resampled to."""


def _grid_kind(content: Any) -> str:
    return "<file>" if isinstance(content, (Mapping, GridFile)) else "<policy>"


GridPolicy = Annotated[
    Annotated[Literal["same", "coarsest"], Tag("<policy>")] | Annotated[GridFile, Tag("<file>")],
    Discriminator(_grid_kind),
]


class ContrastSpec(Part):
    """One question to a model."""

    name: Name
    """Letters, digits and hyphens; becomes part of file names."""
    test: Words
    """A term's name for its slope (or, with kind F, for all its columns); "group[a] - group[b]"
    for a difference of marginal means; "intercept" for the mean of the model "1"."""
    kind: Literal["t", "F"] = "t"
    """t for one number, F for several at once."""


def _blocks_kind(content: Any) -> str:
    return "<columns>" if isinstance(content, (list, tuple)) else "<column>"


Blocks = Annotated[
    Annotated[Words, Tag("<column>")]
    | Annotated[tuple[Words, ...], Field(min_length=1), Tag("<columns>")],
    Discriminator(_blocks_kind),
]


class ExchangeabilitySpec(Part):
    """Which maps may trade places if nothing is there to be found."""

    blocks: Blocks | None = None
    """Column that names the block of each map, such as the subject of repeated scans or the site;
    or several columns, one per level from the whole sample inwards, as numbers whose sign says
    whether what lies directly below may be exchanged (positive) or stays in place (negative).
    Words count as positive. Left out: every map may take the place of every other."""
    shuffle: Literal["within", "whole", "both"] = "within"
    """For one column of blocks. within: maps trade places within their block; whole: blocks trade
    places as wholes, in the order of the table's rows; both: the two together."""
    mode: Literal["permutations", "sign-flips", "both"] | None = None
    """Left out: sign-flips where the contrast is about the mean itself, else permutations."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that name blocks, none where there are no blocks."""
        if self.blocks is None:
            return ()
        return (self.blocks,) if isinstance(self.blocks, str) else self.blocks


class AnalysisSpec(Part):
    """One model with its contrasts."""

    name: Name
    """Letters, digits and hyphens; becomes part of file names."""
    where: Words | None = None
    """Which rows: "group == 'depr' and age < 60". Left out: all."""
    model: Words
    """Right-hand side of the regression: "C(group) + age"; "1" for the mean alone."""
    missing: Literal["refuse", "drop"] = "refuse"
    """What happens to rows without a value for the model; dropped ones are counted in the
    report."""
    exchangeability: ExchangeabilitySpec | None = None
    """With the methods that permute: which maps may trade places. Left out: all of them."""
    variance_groups: Words | None = None
    """With the methods that permute: column that says whose errors share a variance. The statistic
    is then v (or G for an F), which holds where variances and group sizes differ."""
    contrasts: Annotated[tuple[ContrastSpec, ...], Field(min_length=1)]
    """What is asked of the model."""


class ClusterThresholdSpec(Part):
    """What makes neighbours a cluster: exactly one of the two."""

    p: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """Uncorrected p of a voxel (of both tails together in a two-sided test): 0.001."""
    statistic: Annotated[Number, Field(gt=0)] | None = None
    """The statistic itself (its magnitude in a two-sided test): 3.1."""


class TfceSpec(Part):
    """The integral of threshold-free cluster enhancement."""

    statistic: Literal["t", "z"] = "t"
    """t: the statistic as it is; z: the z of the same p."""
    extent: Annotated[Number, Field(gt=0, le=10)] = 0.5
    """Exponent E of the extent."""
    height: Annotated[Number, Field(gt=0, le=10)] = 2.0
    """Exponent H of the height."""


class VolumeFile(Part):
    """A small volume drawn by an image."""

    mask: Words
    """Image, relative to the study file; voxels that are not zero are in."""


class VolumeSphere(Part):
    """A small volume by its centre."""

    x: Number
    """Centre, mm to the right."""
    y: Number
    """Centre, mm to the front."""
    z: Number
    """Centre, mm to the top."""
    radius_mm: Annotated[Number, Field(gt=0, le=200)]
    """Radius, mm."""


def _volume_kind(content: Any) -> str:
    if isinstance(content, VolumeFile):
        return "<file>"
    return "<file>" if isinstance(content, Mapping) and "mask" in content else "<sphere>"


SmallVolume = Annotated[
    Annotated[VolumeFile, Tag("<file>")] | Annotated[VolumeSphere, Tag("<sphere>")],
    Discriminator(_volume_kind),
]


def _no_default(schema: dict[str, Any]) -> None:
    """Leave a default out of the schema that depends on another key."""
    schema.pop("default", None)


class InferenceSpec(Part):
    """How the evidence is judged."""

    method: ThresholdMethod = "max-t"
    """Family-wise error by permutations: max-t judges voxels by the largest statistic; step-down
    does so among those not rejected yet; tfce adds the support of the neighbours;
    cluster-extent, cluster-mass and cluster-mass-above (the sum of what exceeds the cluster
    threshold) judge whole clusters. Without permutations: bonferroni; fdr-bh and fdr-by: false
    discovery rate; none: uncorrected, and labelled so."""
    alpha: Annotated[Number, Field(gt=0, lt=1)] = 0.05
    """Level of the method."""
    two_sided: Truth = True
    """true: both tails count; false: only positive statistics."""
    n_permutations: Annotated[Whole, Field(ge=1, le=10_000_000)] = 5000
    """Arrangements for the methods that permute; all of them are used where there are fewer."""
    cluster_threshold: ClusterThresholdSpec | None = None
    """Needed by the cluster methods: {p: 0.001} or {statistic: 3.1}."""
    tfce: TfceSpec | None = None
    """Settings of the method tfce."""
    neighbourhood: Annotated[Neighbourhood, Field(json_schema_extra=_no_default)] = "edges"
    """Which voxels touch each other: by faces (6), edges (18), corners (26). Left out: faces for
    the method tfce, edges for clusters and in the cluster tables of all other methods."""
    residuals: Literal["freedman-lane", "huh-jhun"] = "freedman-lane"
    """How the covariates are held fixed by the methods that permute. huh-jhun is faster, assumes
    Gaussian errors of one variance, and goes with neither blocks nor variance groups."""
    small_volume: SmallVolume | None = None
    """With the methods that permute: correct within a part of the mask only, chosen before the
    data were seen: {mask: file.nii.gz} or {x: -20, y: -10, z: -18, radius_mm: 10}."""
    across_contrasts: Truth = False
    """With the methods that permute: correct over all contrasts of an analysis together."""
    adaptive: Truth = False
    """With the methods that permute: stop as soon as more permutations could change no verdict at
    alpha."""
    cluster_extent_mm3: Annotated[Number, Field(ge=0)] | None = None
    """With the method none: clusters smaller than this are not shown."""

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, content: Any) -> Any:
        """Write down the defaults that depend on the method."""
        given = _without_nothing(content)
        if isinstance(given, Mapping) and given.get("method") == "tfce":
            return {"tfce": {}, "neighbourhood": "faces", **given}
        return given

    @property
    def permutes(self) -> bool:
        """Whether the method rearranges the maps."""
        return self.method in PERMUTATION_METHODS


class AtlasSpec(Part):
    """Names for places."""

    image: Words
    """Label image, relative to the study file."""
    labels: Words | None = None
    """Table with the columns index and name."""


class Sphere(Part):
    """A region of the reader's choice, by its centre."""

    name: Name
    """Letters, digits and hyphens."""
    x: Number
    """Centre, mm to the right."""
    y: Number
    """Centre, mm to the front."""
    z: Number
    """Centre, mm to the top."""
    radius_mm: Annotated[Number, Field(gt=0, le=100)]
    """Radius, mm."""


def _region_kind(content: Any) -> str:
    return "<sphere>" if isinstance(content, (Mapping, Sphere)) else "<label>"


Region = Annotated[
    Annotated[Words, Tag("<label>")] | Annotated[Sphere, Tag("<sphere>")],
    Discriminator(_region_kind),
]


class StudySpec(Part):
    """A study file of Heatlas. Paths are relative to the file."""

    heatlas: Literal[1]
    """Version of this format."""
    name: Title
    """Name of the study; never the name of a person."""
    cohort: CohortSpec
    """Who is in the study, and which map belongs to whom."""
    grid: GridPolicy = "same"
    """"same": maps on different grids are refused. "coarsest": all are resampled to the coarsest
    one. {path: image}: all are resampled to the grid of that image."""
    smooth: SmoothSpec | None = None
    """Gaussian smoothing, before the mask. Left out: none."""
    mask: MaskSpec = MaskSpec()
    """Which voxels are analysed. Left out: those that are finite in all maps."""
    analyses: Annotated[tuple[AnalysisSpec, ...], Field(min_length=1)]
    """Models with their contrasts."""
    inference: InferenceSpec = InferenceSpec()
    """How the evidence is judged."""
    atlas: AtlasSpec | None = None
    """Names for places in cluster tables."""
    template: Words = "decide"
    """Anatomy beneath the pictures: "MNI152", "none", an image file, or "decide": the template
    where the maps lie in its space."""
    regions: tuple[Region, ...] = ()
    """Where, beside the peaks, the overlap of the groups is measured: a label of the atlas, or
    {name: seed, x: -6, y: 24, z: 54, radius_mm: 8}."""
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 0
    """All chance in the study follows from this number."""


def read_spec(path: Path) -> StudySpec:
    """Read a study file.

    Parameters
    ----------
    path : Path
        A ``study.yaml``.

    Returns
    -------
    StudySpec
        The settings with all defaults.

    Raises
    ------
    DataError
        If the file cannot be read.
    SpecError
        With every fault, its line and its path.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path.name} is not text in UTF-8 (byte {error.start}).") from error
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise DataError(f"The study file {path} cannot be read: {reason}.") from error
    return parse_spec(text, name=path.name)


def parse_spec(text: str, *, name: str = "study.yaml") -> StudySpec:
    """Return the settings in the text of a study file (see :func:`read_spec`).

    Parameters
    ----------
    text : str
        YAML or JSON.
    name : str
        Word for the file in messages.

    Returns
    -------
    StudySpec
        The settings with all defaults.

    Raises
    ------
    SpecError
        With every fault, its line and its path.
    """
    return _checked(read_document(text), name=name)


def spec_from_json(content: Mapping[str, Any], *, name: str = "the settings") -> StudySpec:
    """Return the settings in plain data, such as :func:`resolved` wrote.

    Parameters
    ----------
    content : mapping
        The data.
    name : str
        Word for the data in messages.

    Returns
    -------
    StudySpec
        The settings with all defaults.

    Raises
    ------
    SpecError
        With every fault and its path.
    """
    return _checked(Document(content=dict(content)), name=name)


def resolved(spec: StudySpec) -> dict[str, Any]:
    """Return the settings as JSON-like data with every default; :func:`spec_from_json` reads it."""
    return spec.model_dump(mode="json")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of study files, with descriptions for editors."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **StudySpec.model_json_schema()}


def _checked(document: Document, *, name: str) -> StudySpec:
    """Return the settings, or raise SpecError with all faults in the order of the file."""
    faults = list(document.faults)
    spec = None
    if not isinstance(document.content, Mapping):
        if not faults:
            faults = [Fault(path=(), words="is empty; `heatlas init` writes a first draft.")]
            if document.content is not None:
                faults = [Fault(path=(), words="holds no keys; it should begin with heatlas: 1.")]
        raise SpecError(_message(faults, name=name))
    try:
        spec = StudySpec.model_validate(document.content)
    except ValidationError as error:
        schema = json_schema()
        # A list whose entries have faults is called too short as well: its good ones are counted.
        listed = [
            entry
            for entry in error.errors(include_url=False)
            if not (entry["type"] == "too_short" and entry["input"])
        ]
        faults += [shape_fault(entry, document.content, schema=schema) for entry in listed]
    faults += rule_faults(document.content)
    if spec is None or faults:
        raise SpecError(_message(_located(faults, document.lines), name=name))
    return spec


def _located(faults: list[Fault], lines: Mapping[Place, int]) -> list[Fault]:
    """Give each fault the line of its entry, or of what should have held it, and sort by line."""
    placed = []
    for fault in faults:
        parents = (fault.path[:depth] for depth in range(len(fault.path), 0, -1))
        found = next((lines[place] for place in parents if place in lines), None)
        line = fault.line or found
        placed.append(Fault(path=fault.path, words=fault.words, line=line))
    unique = {(fault.path, fault.words): fault for fault in placed}
    return sorted(unique.values(), key=lambda fault: fault.line or 0)


def _message(faults: list[Fault], *, name: str) -> str:
    if len(faults) == 1:
        fault = faults[0]
        joint = ", " if fault.line or fault.path else " "
        return f"{name}{joint}{fault.sentence()}"
    listed = "\n".join(f"  {fault.sentence()}" for fault in faults)
    return f"{name} has {count(len(faults), 'fault')}:\n{listed}"
