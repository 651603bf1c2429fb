"""Recipe behind ``heatlas explain``: what a network's decision about a scan rests on, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError, NotSupportedError, SpaceMismatchError
from heatlas.core.provenance import Provenance
from heatlas.core.slicestack import SliceStack
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import number
from heatlas.geometry.resample import nearest_values
from heatlas.geometry.slicestack import even_runs, regular_volume, sheared_volume
from heatlas.io.nifti import read_volume
from heatlas.learn.alignment import at_pixels
from heatlas.learn.faithfulness import TrustSettings, assess
from heatlas.learn.network.attention import attention_weights
from heatlas.learn.network.layers import find_target_layer
from heatlas.learn.network.model import (
    Module,
    Network,
    as_network,
    check_class,
    probabilities,
    with_scores_known,
)
from heatlas.learn.saliency import METHODS, Explanation, SaliencySettings, explain
from heatlas.learn.trust import TrustCard
from heatlas.study.ct import CtScan, read_ct
from heatlas.study.networkimages import (
    NetworkImages,
    NetworkInput,
    mask_of_slice,
    network_images,
)
from heatlas.study.networkinput import Frame

__all__ = ["ExplainSettings", "ExplainedView", "ModelExplanation", "explain_model"]

ALL = "all"
WHOLE_VOLUME = 0
QUICK = {"n_steps": 10, "n_levels": 2, "n_networks": 1, "n_untrained": 10, "n_noisy": 2}


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainSettings(Value):
    """How a decision is explained and checked.

    Parameters
    ----------
    methods : tuple of str
        Names in :data:`heatlas.learn.saliency.METHODS`, the main one first; ``"all"`` stands for
        every method that suits the network, Grad-CAM first.
    layer : str, optional
        Layer of class-activation maps; found where left out.
    quick : bool
        Fewer draws in the checks: rougher numbers in less time.
    saliency : SaliencySettings, optional
        Numbers of the methods.
    seed : int
        Seed of everything that chance decides.
    """

    methods: tuple[str, ...] = ("grad-cam",)
    layer: str | None = None
    quick: bool = False
    saliency: SaliencySettings | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the names of the methods."""
        names = tuple(dict.fromkeys(self.methods))
        if not names:
            raise DataError("method: name at least one.")
        for name in names:
            if name != ALL:
                METHODS[name]  # an unknown name is told with the nearest one
        set_field(self, "methods", to=names)

    @property
    def trust(self) -> TrustSettings:
        """Numbers of the checks."""
        if self.quick:
            return TrustSettings(seed=self.seed, **QUICK)
        return TrustSettings(seed=self.seed)


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedView(Value):
    """One slice, or the volume, by one method.

    Parameters
    ----------
    number : int
        Slice, from 1; 0 for the volume.
    explanation : Explanation
        The map as the network sees the image.
    values : array_like of float32
        The map on the pixels of the scan, signed.
    card : TrustCard
        How far it can be trusted.
    """

    number: int
    explanation: Explanation
    values: NDArray[np.float32]
    card: TrustCard

    def __post_init__(self) -> None:
        """Take ownership of the map."""
        set_field(self, "values", to=own_array(self.values, name="map", dtype=np.float32))

    @property
    def place(self) -> str:
        """``slice 12`` or ``the volume``."""
        return f"slice {self.number}" if self.number else "the volume"


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelExplanation(Value):
    """What a network's decision about a scan rests on.

    Parameters
    ----------
    scan : CtScan
        What it looked at.
    network : Network
        The network.
    shown : NetworkImages
        The scan as it sees it.
    views : tuple of ExplainedView
        Every explained slice, or the volume, by the main method; the first one matters most.
    others : tuple of ExplainedView
        The first view by other methods.
    class_shares : array_like of float64, shape (n, classes)
        Probability of each class on each slice, or on the volume.
    volume : Volume
        The main method's map on the scan's grid, NaN where nothing was explained.
    warnings : tuple of str
        What a reader must know.
    provenance : Provenance
        How it came about.
    """

    scan: CtScan
    network: Network
    shown: NetworkImages
    views: tuple[ExplainedView, ...]
    others: tuple[ExplainedView, ...]
    class_shares: NDArray[np.float64]
    volume: Volume
    warnings: tuple[str, ...] = ()
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the probabilities."""
        shares = own_array(self.class_shares, name="class shares", dtype=np.float64, ndim=2)
        set_field(self, "class_shares", to=shares)
        set_field(self, "views", to=tuple(self.views))
        set_field(self, "others", to=tuple(self.others))

    @property
    def main(self) -> ExplainedView:
        """The view that matters most."""
        return self.views[0]

    @property
    def verdict(self) -> str:
        """The verdict on the main view."""
        return self.main.card.verdict

    @property
    def caption(self) -> str:
        """What the picture shows, in a sentence or two."""
        return f"{self.main.explanation.caption} ({self.main.place}). {self.verdict}"


def explain_model(
    model: Module | Network,
    image: Path | str | CtScan,
    *,
    look: NetworkInput,
    class_index: int | None = None,
    mask: Path | str | Volume | None = None,
    settings: ExplainSettings | None = None,
) -> ModelExplanation:
    """Show what a network's decision about a scan rests on, and check the map.

    Parameters
    ----------
    model : torch.nn.Module or Network
        A classifier of slices or volumes; :func:`heatlas.study.loadmodel.load_model` reads files.
    image : Path, str or CtScan
        What it looks at: a CT series, a DICOM or NIfTI file, pictures (see
        :func:`heatlas.read_ct`).
    look : NetworkInput
        How the scan is shown to the network: as it was trained.
    class_index : int, optional
        The class to explain; by default the one with the largest mean probability over the
        slices: those that ``look`` names, or all.
    mask : Path, str or Volume, optional
        Where the truth is known to lie, such as a lesion; on any grid.
    settings : ExplainSettings, optional
        Methods, layer, checks and seed.

    Returns
    -------
    ModelExplanation
        Signed maps on the scan's own pixels, each with its trust card.

    Raises
    ------
    DataError
        If the scan cannot be read or shown so, or the class or a slice does not exist.
    SpaceMismatchError
        If the mask lies elsewhere.
    UnknownNameError
        If no method or layer has that name.

    Notes
    -----
    A map of a layer goes to the scan's pixels in one step, through the centres of its units'
    receptive fields and the resampling of the input. Time is that of the trust card: some 50 runs
    of the network with their gradients, a third of it with ``quick``.

    Examples
    --------
    >>> look = NetworkInput(window="brain", size=(112, 112))
    >>> found = explain_model(net, "series/", look=look, class_index=1)  # doctest: +SKIP
    >>> found.verdict  # doctest: +SKIP
    """
    settings = settings or ExplainSettings()
    network = model if isinstance(model, Network) else as_network(model)
    scan = image if isinstance(image, CtScan) else read_ct(image)
    shown = network_images(scan, network, asked=look)
    network = with_scores_known(network, shown.images[0])
    shares = probabilities(network, shown.images)
    looked_at = shares[[number - 1 for number in look.slices]] if look.slices else shares
    chosen = _chosen_class(network, looked_at, asked=class_index)
    places = _chosen_places(shares[:, chosen], asked=look.slices)
    truth = None if mask is None else _truth(mask, scan=scan, shown=shown)
    case = _Case(
        network=network,
        shown=shown,
        class_index=chosen,
        class_was_found=class_index is None,
        truth=truth,
        settings=settings,
    )
    methods = _methods(case, place=places[0])
    views = tuple(_view(case, place=place, method=methods[0]) for place in places)
    others = tuple(_view(case, place=places[0], method=method) for method in methods[1:])
    provenance = _provenance(case, scan=scan, view=views[0])
    return ModelExplanation(
        scan=scan,
        network=network,
        shown=shown,
        views=views,
        others=others,
        class_shares=shares,
        volume=_on_grid(views, scan=scan, provenance=provenance),
        warnings=_warnings(views, scan=scan, truth=truth),
        provenance=provenance,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Case(Value):
    """What every view of one call shares."""

    network: Network
    shown: NetworkImages
    class_index: int
    class_was_found: bool
    truth: NDArray[np.bool_] | None
    settings: ExplainSettings


# ---------------------------------------------------------------- what is explained


def _chosen_class(network: Network, shares: NDArray[np.float64], *, asked: int | None) -> int:
    """Return the class that was asked for, or the most probable one of the images looked at."""
    if asked is None:
        return int(shares.mean(axis=0).argmax())
    check_class(network, asked, n_classes=shares.shape[1])
    return asked


def _chosen_places(of_class: NDArray[np.float64], *, asked: Sequence[int]) -> list[int]:
    """Return the images to explain, from 0: as asked, most probable first, or the most probable."""
    places = [number - 1 for number in dict.fromkeys(asked)] or [int(of_class.argmax())]
    return sorted(places, key=lambda place: -of_class[place])


def _methods(case: _Case, *, place: int) -> list[str]:
    """Return the methods; of "all" those that suit the network."""
    named = case.settings.methods
    if ALL not in named:
        return list(named)
    return [
        *(n for n in named if n != ALL),
        *(n for n in METHODS if n not in named and _suits(n, case, place=place)),
    ]


def _suits(method: str, case: _Case, *, place: int) -> bool:
    """Say whether a method can be used on the network: rollout needs attention, CAMs a layer."""
    needs, image = METHODS[method].needs, case.shown.images[place]
    try:
        if needs == "attention":
            attention_weights(case.network, image)
        elif needs == "layer" and case.settings.layer is None:
            find_target_layer(case.network, image)
    except (DataError, NotSupportedError):
        return False
    return True


def _truth(mask: Path | str | Volume, *, scan: CtScan, shown: NetworkImages) -> NDArray[np.bool_]:
    """Return the mask on the pixels of the network's images, shape (n, ...)."""
    volume = mask if isinstance(mask, Volume) else read_volume(Path(mask))
    if shown.axes == 2:
        n = len(scan.slices)
        found = [mask_of_slice(volume, scan.slices, number=k + 1) for k in range(n)]
    else:
        selected = np.isfinite(volume.values) & (volume.values != 0)
        found = [nearest_values(selected, volume.grid, to=scan.volume.grid, fill=False)]
    if not any(inside.any() for inside in found):
        raise SpaceMismatchError(
            "mask: none of its voxels lies in the image; check that it is not empty and of the "
            "same scan and space."
        )
    return np.stack([_shrunk_mask(inside, frame=shown.frame) for inside in found])


def _shrunk_mask(inside: NDArray[np.bool_], *, frame: Frame) -> NDArray[np.bool_]:
    """Return a mask on the network's pixels: half of a pixel and more, or all that there is."""
    share = frame.shrunk(inside.astype(np.float32))
    return share >= min(0.5, float(share.max())) if inside.any() else share > 1


# ---------------------------------------------------------------- maps and cards


def _view(case: _Case, *, place: int, method: str) -> ExplainedView:
    """Explain one image by one method, lay the map onto the scan, and check it."""
    explanation = _explained(case, place=place, method=method)
    truth = None if case.truth is None or not case.truth[place].any() else case.truth[place]
    card = assess(
        explanation,
        network=case.network,
        image=case.shown.images[place],
        mask=truth,
        settings=case.settings.trust,
    )
    return ExplainedView(
        number=place + 1 if case.shown.axes == 2 else WHOLE_VOLUME,
        explanation=explanation,
        values=on_image(explanation, frame=case.shown.frame),
        card=card,
    )


def _explained(case: _Case, *, place: int, method: str) -> Explanation:
    settings = case.settings
    saliency = settings.saliency or SaliencySettings(seed=settings.seed)
    layer = settings.layer if METHODS[method].needs == "layer" else None
    if settings.layer is not None and layer is None and method == settings.methods[0]:
        layer = settings.layer  # refused in one sentence: the main method is made at no layer
    explanation = explain(
        case.network,
        case.shown.images[place],
        method=method,
        class_index=case.class_index,
        layer=layer,
        settings=saliency,
    )
    return replace(explanation, class_was_found=case.class_was_found)


def on_image(explanation: Explanation, *, frame: Frame) -> NDArray[np.float32]:
    """Return a map on the pixels of the image that the network's input was made of.

    Parameters
    ----------
    explanation : Explanation
        A map on the network's pixels, or on a layer's units.
    frame : Frame
        The image's pixels, and the network's.

    Returns
    -------
    numpy.ndarray of float32, shape frame.image_shape
        From the layer's units in one step, linear between them; NaN where the network saw nothing.
    """
    if frame.is_plain:
        return explanation.values
    places = frame.in_network(np.indices(frame.image_shape, dtype=np.float64))
    found = at_pixels(explanation.features, explanation.alignment, pixels=places)
    return np.where(frame.seen(), found, np.nan).astype(np.float32)


def _on_grid(views: Sequence[ExplainedView], *, scan: CtScan, provenance: Provenance) -> Volume:
    """Return the maps of all views as one volume."""
    if views[0].number == WHOLE_VOLUME:
        return Volume(
            values=views[0].values,
            grid=scan.volume.grid,
            name=views[0].explanation.method,
            provenance=provenance,
        )
    values = np.full(scan.slices.values.shape, np.nan, dtype=np.float32)
    for view in views:
        values[view.number - 1] = view.values
    stack = replace(
        scan.slices,
        values=values,
        unit="",
        name=views[0].explanation.method,
        provenance=provenance,
    )
    return volume_of(stack)


def volume_of(stack: SliceStack) -> Volume:
    """Return slices as a volume: sheared where they are evenly spaced, else resampled upright."""
    return sheared_volume(stack) if len(even_runs(stack)) == 1 else regular_volume(stack)


def _provenance(case: _Case, *, scan: CtScan, view: ExplainedView) -> Provenance:
    """Return the scan's history, what the network was shown, and the main explanation."""
    made = scan.slices.provenance if case.shown.axes == 2 else scan.volume.provenance
    history = made.then(
        "show to a network",
        parameters={
            "view": view.place,
            "scale": case.shown.scale.words,
            "size": list(case.shown.frame.network_shape),
            "channels": int(case.shown.images.shape[1]),
        },
    )
    return Provenance(steps=(*history.steps, *view.card.provenance.steps))


def _warnings(
    views: Sequence[ExplainedView], *, scan: CtScan, truth: NDArray[np.bool_] | None
) -> tuple[str, ...]:
    """Return what a reader must know beside the verdict."""
    notes = list(scan.notes)
    for view in views:
        found = view.explanation
        if found.is_empty:
            notes.append(f"The map of {view.place} has one value everywhere: it shows nothing.")
        if found.probability < 0.5 and not found.class_was_found:
            notes.append(
                f"On {view.place} the network gives class {found.class_index} a probability of "
                f"only {number(found.probability)}: the map shows what speaks for a class that "
                "it did not decide for."
            )
        if truth is not None and view.number and not truth[view.number - 1].any():
            notes.append(f"The mask does not reach {view.place}: no pointing game there.")
    return tuple(dict.fromkeys(notes))
