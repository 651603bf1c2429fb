"""Recipe of ``heatlas explain-example``: a network with known truth, trained here and explained.

Everything is synthetic but the head: soft lesions are planted into CT slices of one person, and
the network is judged on other parts of the same head. It shows what explanations and their checks
can do, and nothing about patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance, digest_array
from heatlas.core.table import Column, Table
from heatlas.core.validate import set_field
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import number
from heatlas.infer.proportion import wilson_interval
from heatlas.learn.alignment import on_pixels, stretched
from heatlas.learn.network.model import Network, probabilities
from heatlas.learn.network.randomise import parameter_layers, randomise
from heatlas.learn.network.training import TrainingSettings, train_classifier
from heatlas.learn.planted import (
    PlantedImages,
    PlantingSettings,
    Split,
    head_box,
    plant_lesions,
    planted_slice,
    split_by_position,
)
from heatlas.learn.saliency import METHODS, explain
from heatlas.study.ct import CtScan, read_ct
from heatlas.study.explain import ExplainSettings, ModelExplanation, explain_model, volume_of
from heatlas.study.explainpictures import slice_volume
from heatlas.study.networkimages import NetworkInput

AIR_HU = -1024.0
WITH_LESION = 1
WINDOW = "brain"  # that of PlantingSettings
HEAD_PARTS = ("lower", "upper")
POINTING = ("grad-cam", "hirescam", "layercam")


@dataclass(frozen=True, kw_only=True, eq=False)
class ExampleSettings(Value):
    """How large the example is.

    Parameters
    ----------
    architecture : str
        A name in :data:`heatlas.learn.network.architectures.ARCHITECTURES`.
    n_pairs, n_test_pairs : int
        Pairs of images, without and with a lesion, to learn from and to be judged by.
    n_epochs : int
        How often every image is seen.
    methods : tuple of str
        How the shown slices are explained, the main one first.
    quick : bool
        Fewer draws in the checks.
    seed : int
        Seed of everything that chance decides.
    """

    architecture: str = "plain-2d"
    n_pairs: int = 800
    n_test_pairs: int = 60
    n_epochs: int = 25
    methods: tuple[str, ...] = ("hirescam", "grad-cam", "integrated-gradients")
    quick: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that teach nothing."""
        for name in ("n_pairs", "n_test_pairs", "n_epochs"):
            if getattr(self, name) < 1:
                raise DataError(f"{name}: at least 1 is needed, got {getattr(self, name)}.")
        set_field(self, "methods", to=tuple(self.methods))


@dataclass(frozen=True, kw_only=True, eq=False)
class ExampleCase(Value):
    """One held-out slice with a planted lesion, explained.

    Parameters
    ----------
    scan : CtScan
        With the lesion in it.
    lesion : Volume
        1 where it is, 0 elsewhere, on the scan's grid.
    number, place : int
        Slice of the scan, and of the whole head, both from 1.
    trained, untrained : ModelExplanation
        By the network, and by its twin that forgot everything.
    """

    scan: CtScan
    lesion: Volume
    number: int
    place: int
    trained: ModelExplanation
    untrained: ModelExplanation


@dataclass(frozen=True, kw_only=True, eq=False)
class Example(Value):
    """What the example found.

    Parameters
    ----------
    network : Network
        As it was trained.
    split : Split
        Slices that it learnt from, and slices that it is judged by.
    look : NetworkInput
        How a scan is shown to it.
    skill : Table
        How well it tells held-out images apart.
    pointing : Table
        How often peaks lie in the lesion, aligned and stretched, and by controls.
    cases : tuple of ExampleCase
        Slices that are shown.
    settings : ExampleSettings
        How large it was.
    provenance : Provenance
        How it came about.
    """

    network: Network
    split: Split
    look: NetworkInput
    skill: Table
    pointing: Table
    cases: tuple[ExampleCase, ...]
    settings: ExampleSettings
    provenance: Provenance = Provenance()


def run_example(
    head: Path | str | None = None, *, settings: ExampleSettings | None = None
) -> Example:
    """Train a network on planted lesions and explain it on slices that it never saw.

    Parameters
    ----------
    head : Path or str, optional
        A head CT in HU with at least nine slices; the one that ships where left out.
    settings : ExampleSettings, optional
        How large the example is.

    Returns
    -------
    Example
        The network, its skill, how often its maps point at the lesion, and explained slices with
        their trust cards, beside those of a twin that forgot everything. The same head, settings
        and seed give the same bytes.

    Raises
    ------
    DataError
        If the head is not in HU, or has too few slices with brain.

    Notes
    -----
    About a minute of training and a minute of checks, both on one core.
    """
    settings = settings or ExampleSettings()
    scans = shipped_head() if head is None else (_in_hu(read_ct(head)),)
    slices = np.concatenate([_filled(scan) for scan in scans])
    split = split_by_position(len(slices))
    planting = PlantingSettings()
    train, test = (
        plant_lesions(slices, which=which, n_pairs=n, seed=settings.seed + k, settings=planting)
        for k, (which, n) in enumerate(
            zip(split, (settings.n_pairs, settings.n_test_pairs), strict=True)
        )
    )
    network = train_classifier(
        settings.architecture,
        train.images,
        labels=train.labels,
        settings=TrainingSettings(n_epochs=settings.n_epochs, group=2, seed=settings.seed),
    )
    box = head_box(slices)
    look = NetworkInput(
        window=WINDOW,
        size=(planting.side_px, planting.side_px),
        crop=tuple((part.start, part.stop) for part in box),
    )
    shares = probabilities(network, test.images)[:, WITH_LESION]
    return Example(
        network=network,
        split=split,
        look=look,
        skill=skill_table(shares, labels=test.labels),
        pointing=pointing_table(network, test, shares=shares),
        cases=tuple(
            _case(network, scans, place=place, look=look, settings=settings)
            for place in _shown_places(scans, test=split.test)
        ),
        settings=settings,
        provenance=_provenance(slices, settings=settings),
    )


def shipped_head() -> tuple[CtScan, ...]:
    """Return the two evenly spaced runs of the head that ships, the lower one first."""
    folder = files("heatlas.study") / "head_ct"
    scans = []
    for name in HEAD_PARTS:
        with as_file(folder / f"{name}.nii.gz") as path:
            scans.append(read_ct(path))
    return tuple(scans)


def skill_table(shares: NDArray[np.float64], *, labels: NDArray[np.integer]) -> Table:
    """Return how well probabilities tell images with a lesion from those without.

    Parameters
    ----------
    shares : numpy.ndarray, shape (n,)
        P(lesion).
    labels : numpy.ndarray of int, shape (n,)
        0 without, 1 with.

    Returns
    -------
    Table
        Found lesions, images rightly left alone and all that is right, with Wilson's intervals.
    """
    right = (shares > 0.5) == (labels == WITH_LESION)
    groups = {
        "lesions found": right[labels == WITH_LESION],
        "images without one left alone": right[labels != WITH_LESION],
        "right altogether": right,
    }
    return _share_table(groups, head="held-out images", caption=(
        "On planted images of slices that the network never saw; 95 % intervals are Wilson's and "
        "take images as independent, though they come from one head."
    ))  # fmt: skip


def pointing_table(network: Network, test: PlantedImages, *, shares: NDArray[np.float64]) -> Table:
    """Return how often the peaks of maps lie in the lesion: aligned, and stretched as usual.

    Parameters
    ----------
    network : Network
        The trained network.
    test : PlantedImages
        Held-out images.
    shares : numpy.ndarray, shape (n,)
        P(lesion).

    Returns
    -------
    Table
        Over the lesions that the network found; beside them the brightest pixel, and a pixel of
        the brain drawn by chance.
    """
    found = np.flatnonzero((test.labels == WITH_LESION) & (shares > 0.5))
    hits: dict[str, list[bool]] = {}
    for k in found:
        image, mask = test.images[k], test.masks[k]
        for method in POINTING:
            made = explain(network, image, method=method, class_index=WITH_LESION)
            usual = stretched(made.alignment.layer_shape, image_shape=made.alignment.image_shape)
            ways = (("aligned", made.values), ("stretched", on_pixels(made.features, usual)))
            for way, values in ways:
                name = f"{METHODS[method].title}, {way}"
                hits.setdefault(name, []).append(bool(mask.flat[int(np.argmax(values))]))
        hits.setdefault("control: brightest pixel", []).append(bool(mask.flat[image[0].argmax()]))
    groups = {name: np.array(row, dtype=bool) for name, row in hits.items()}
    inside = [float(test.masks[k].mean()) for k in found]
    chance = f" A pixel by chance: {number(100 * float(np.mean(inside)))} %." if inside else ""
    caption = "Peaks inside of the lesion, over the held-out lesions that the network found."
    return _share_table(groups, head="peaks", caption=f"{caption}{chance}")


# ---------------------------------------------------------------- the head


def _in_hu(scan: CtScan) -> CtScan:
    if not scan.is_hu:
        raise DataError(f"head: lesions are planted in HU. {scan.hounsfield.words}")
    return scan


def _filled(scan: CtScan) -> NDArray[np.float32]:
    """Return slices with air where nothing was scanned, shape (n, rows, columns)."""
    return np.nan_to_num(scan.slices.values, nan=AIR_HU)


def _shown_places(scans: Sequence[CtScan], *, test: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return (scan, slice from 0) of the last held-out slice but one, and of the last of all.

    Upper slices hold more brain than those at the base of the skull.
    """
    owners = [(which, k) for which, scan in enumerate(scans) for k in range(len(scan.slices))]
    return [owners[int(place)] for place in test[-3::2]]


# ---------------------------------------------------------------- cases


def _case(
    network: Network,
    scans: Sequence[CtScan],
    *,
    place: tuple[int, int],
    look: NetworkInput,
    settings: ExampleSettings,
) -> ExampleCase:
    """Plant a lesion into a slice of a scan, and explain both networks there."""
    which, k = place
    planted = planted_slice(
        _filled(scans[which])[k], seed=settings.seed, index=k, settings=_planting_at(look)
    )
    stack = scans[which].slices
    values = stack.values.copy()
    values[k] = planted.values
    changed = replace(
        stack,
        values=values,
        provenance=stack.provenance.then(
            "plant a lesion", parameters={"slice": k + 1}, seed=settings.seed
        ),
    )
    scan = replace(scans[which], slices=changed, volume=volume_of(changed))
    lesion = slice_volume(stack, planted.mask.astype(np.float32), number=k + 1, name="lesion")
    shown = replace(look, slices=(k + 1,))

    def explained(one: Network, methods: tuple[str, ...]) -> ModelExplanation:
        return explain_model(
            one,
            scan,
            look=shown,
            class_index=WITH_LESION,
            mask=lesion,
            settings=ExplainSettings(methods=methods, quick=settings.quick, seed=settings.seed),
        )

    twin = randomise(network, layers=parameter_layers(network), seed=settings.seed)
    return ExampleCase(
        scan=scan,
        lesion=lesion,
        number=k + 1,
        place=sum(len(scan.slices) for scan in scans[:which]) + k + 1,
        trained=explained(network, settings.methods),
        untrained=explained(replace(twin, name=f"{network.name}, untrained"), settings.methods),
    )


def _planting_at(look: NetworkInput) -> PlantingSettings:
    """Return how lesions look on the pixels of the scan rather than of the network."""
    settings = PlantingSettings()
    first, end = look.crop[0]
    scale = (end - first) / settings.side_px
    small, large = settings.radius_px
    return replace(
        settings,
        radius_px=(scale * small, scale * large),
        softness_px=scale * settings.softness_px,
    )


# ---------------------------------------------------------------- tables


def _share_table(groups: dict[str, NDArray[np.bool_]], *, head: str, caption: str) -> Table:
    """Return shares with their intervals; groups without any member are left out."""
    rows = {name: row for name, row in groups.items() if row.size}
    limits = [wilson_interval(int(row.sum()), row.size) for row in rows.values()]
    shares = np.array([100 * row.mean() for row in rows.values()])
    brackets = tuple(f"{100 * low:.0f} to {100 * high:.0f}" for low, high in limits)
    return Table(
        columns=(
            Column(name=head, values=tuple(rows)),
            Column(name="n", values=np.array([float(row.size) for row in rows.values()])),
            Column(name="share", values=shares, unit="%", digits=3),
            Column(name="95 % interval", values=brackets),
        ),
        caption=caption,
    )


def _provenance(slices: NDArray[np.float32], *, settings: ExampleSettings) -> Provenance:
    return Provenance().then(
        "train on planted lesions",
        parameters={
            "architecture": settings.architecture,
            "n_pairs": settings.n_pairs,
            "n_test_pairs": settings.n_test_pairs,
            "n_epochs": settings.n_epochs,
        },
        inputs={"head": digest_array(slices)},
        seed=settings.seed,
    )
