"""What a network's decision rests on, as a map: methods by name, aligned to what units see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance, digest_array
from heatlas.core.registry import Registry
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import number
from heatlas.learn import cam
from heatlas.learn.alignment import Alignment, align, identity, on_pixels
from heatlas.learn.attribution import integrated_gradients, occlusion, smooth_grad
from heatlas.learn.baseline import baseline_probabilities, check_image, neutral_baseline
from heatlas.learn.network.attention import attention_weights
from heatlas.learn.network.engine import in_parts
from heatlas.learn.network.gradients import input_gradients, layer_activations, layer_tensors
from heatlas.learn.network.layers import check_layer, find_target_layer
from heatlas.learn.network.model import (
    Network,
    check_class,
    probabilities,
    with_scores_known,
)

Floats = NDArray[np.floating]
Needs = Literal["layer", "attention", "pixels"]
INPUT = "input"


@dataclass(frozen=True, kw_only=True, eq=False)
class Request(Value):
    """What a method is asked for.

    Parameters
    ----------
    network : Network
        What is explained.
    image : numpy.ndarray of float32, shape (channels, ...)
        What it looks at.
    class_index : int
        The class whose score is followed.
    alignment : Alignment
        Of the layer that the map is made at.
    settings : SaliencySettings
        Numbers of the method.
    """

    network: Network
    image: NDArray[np.float32]
    class_index: int
    alignment: Alignment
    settings: SaliencySettings

    @property
    def baseline(self) -> NDArray[np.float32]:
        """The neutral image."""
        if self.settings.baseline is None:
            raise DataError("explain: no baseline was chosen; name one in the settings.")
        return neutral_baseline(self.image, kind=self.settings.baseline)


@dataclass(frozen=True, kw_only=True, eq=False)
class SaliencySettings(Value):
    """The numbers of the methods; each method reads its own.

    Parameters
    ----------
    baseline : {"blur", "local-mean", "mean", "zero"}, optional
        The neutral image of integrated gradients, occlusion, Score-CAM and the trust card; by
        default the one of them on which the class is least probable, which is then recorded.
    n_steps : int
        Points on the way of integrated gradients.
    n_draws : int
        Noisy copies of SmoothGrad.
    noise_share : float
        Their noise's standard deviation, as a share of the image's range.
    window_px, stride_px : int
        Window of the occlusion and its step.
    seed : int
        Seed of the noise.
    """

    baseline: str | None = None
    n_steps: int = 50
    n_draws: int = 25
    noise_share: float = 0.15
    window_px: int = 8
    stride_px: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse counts and shares that no method can use."""
        for name in ("n_steps", "n_draws", "window_px", "stride_px"):
            if getattr(self, name) < 1:
                raise DataError(f"{name}: at least 1 is needed, got {getattr(self, name)}.")
        if not self.noise_share > 0:
            raise DataError(f"noise_share: expected more than 0, got {self.noise_share}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Method(Value):
    """One way to explain a decision.

    Parameters
    ----------
    make : callable
        From a request to a map on the layer's units or on pixels.
    needs : {"layer", "attention", "pixels"}
        Where the map is made.
    title : str
        The method's name in captions.
    of_class : bool
        Whether the map is about one class; others show what the network sees at all.
    """

    make: Callable[[Request], Floats]
    needs: Needs
    title: str
    of_class: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation(Value):
    """A map of what a network's decision rests on.

    Parameters
    ----------
    values : array_like of float32, shape of the image without channels
        Signed: positive where the evidence speaks for the class.
    features : array_like of float32, shape alignment.layer_shape
        The map on the layer's own units, before it was laid onto pixels.
    alignment : Alignment
        Where those units lie in the image.
    method : str
        Name in the registry.
    layer : str
        Target layer; "input" for maps of pixels.
    layer_was_found : bool
        Whether the layer was found rather than named.
    class_index : int
        The class that is explained.
    class_was_found : bool
        Whether that is the class that the network decided for, rather than one that was named.
    probability : float
        Of that class.
    n_classes : int
        Number of classes.
    network_name : str
        What the network is called.
    settings : SaliencySettings
        The method's numbers.
    provenance : Provenance
        How it came about.
    """

    values: NDArray[np.float32]
    features: NDArray[np.float32]
    alignment: Alignment
    method: str
    layer: str
    layer_was_found: bool
    class_index: int
    class_was_found: bool
    probability: float
    n_classes: int
    network_name: str
    settings: SaliencySettings
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the maps and check their shapes."""
        for name, shape in (
            ("values", self.alignment.image_shape),
            ("features", self.alignment.layer_shape),
        ):
            array = own_array(getattr(self, name), name=name, dtype=np.float32)
            if array.shape != shape:
                raise DataError(f"explanation: {name} has shape {array.shape}, expected {shape}.")
            set_field(self, name, to=array)

    @property
    def positive(self) -> NDArray[np.float32]:
        """What speaks for the class: the map with 0 for what speaks against it."""
        return np.maximum(self.values, 0)

    @property
    def peak(self) -> tuple[int, ...]:
        """Pixel with the largest value; of several the first."""
        place = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return tuple(int(index) for index in place)

    @property
    def is_empty(self) -> bool:
        """True where the map says nothing: it has one value everywhere."""
        return bool(np.ptp(self.values) == 0)

    @property
    def caption(self) -> str:
        """The sentence by which the map says what it shows."""
        method = METHODS[self.method]
        chosen = "the class decided for" if self.class_was_found else "the class asked for"
        text = f"{method.title} of network '{self.network_name}'"
        text += f" for class {self.class_index} ({chosen}), P = {number(self.probability)}"
        if self.layer != INPUT:
            found = "found" if self.layer_was_found else "named"
            text += f"; layer '{self.layer}' ({found}), {self.alignment.words}"
        if not method.of_class:
            text += "; the method knows of no class"
        return f"{text}; signed, no value set to zero"


def explain(
    network: Network,
    image: ArrayLike,
    *,
    method: str = "grad-cam",
    class_index: int | None = None,
    layer: str | None = None,
    settings: SaliencySettings | None = None,
) -> Explanation:
    """Show what a network's decision about an image rests on.

    Parameters
    ----------
    network : Network
        A classifier of images.
    image : array_like, shape (channels, rows, columns) or (channels, x, y, z)
        What it looks at, prepared as it was trained.
    method : str
        A name in :data:`METHODS`.
    class_index : int, optional
        The class to explain; by default the one that the network decides for.
    layer : str, optional
        Layer that class-activation maps are made at; by default what the last convolution with
        spatial extent ends in. Methods of pixels and of attention take none.
    settings : SaliencySettings, optional
        Numbers of the methods.

    Returns
    -------
    Explanation
        A signed map on the image's pixels. Nothing is clipped or scaled.

    Raises
    ------
    DataError
        If the image does not fit the network, the class does not exist, or a layer is named for a
        method that has none.
    UnknownNameError
        If no method or layer has that name.

    Notes
    -----
    Maps of a layer are laid onto the image through the centres of its units' receptive fields,
    found by a gradient probe; stretching them over the image, as is usual, shifts them by up to
    half a unit's step. A map alone is no evidence: see :func:`heatlas.learn.faithfulness.assess`.
    """
    chosen = METHODS[method]
    settings = settings or SaliencySettings()
    values = check_image(np.asarray(image))
    network = with_scores_known(network, values)
    shares = probabilities(network, values[None])[0]
    of_class = int(shares.argmax()) if class_index is None else class_index
    check_class(network, of_class, n_classes=len(shares))
    if settings.baseline is None:
        seen = baseline_probabilities(network, values, class_index=of_class)
        settings = replace(settings, baseline=min(seen, key=lambda kind: seen[kind]))
    alignment = _alignment(network, values, method=method, layer=layer)
    request = Request(
        network=network,
        image=values,
        class_index=of_class,
        alignment=alignment,
        settings=settings,
    )
    features = chosen.make(request)
    found = Explanation(
        values=on_pixels(features, alignment).astype(np.float32),
        features=features.astype(np.float32),
        alignment=alignment,
        method=method,
        layer=alignment.layer,
        layer_was_found=layer is None,
        class_index=of_class,
        class_was_found=class_index is None,
        probability=float(shares[of_class]),
        n_classes=len(shares),
        network_name=network.name,
        settings=settings,
        provenance=_provenance(request, method=method, layer_was_found=layer is None),
    )
    return found


def explain_again(
    explanation: Explanation, *, network: Network, image: ArrayLike
) -> NDArray[np.float32]:
    """Return the same kind of map for a network of the same architecture, or another image.

    Parameters
    ----------
    explanation : Explanation
        Whose method, class, layer and settings are taken.
    network : Network
        What is looked at; only its parameters may differ.
    image : array_like, shape (channels, ...)
        Of the same shape.

    Returns
    -------
    numpy.ndarray of float32, shape (...)
        The signed map on the image's pixels; units lie where they lay.
    """
    values = check_image(np.asarray(image))
    request = Request(
        network=with_scores_known(network, values),
        image=values,
        class_index=explanation.class_index,
        alignment=explanation.alignment,
        settings=explanation.settings,
    )
    features = METHODS[explanation.method].make(request)
    return on_pixels(features, explanation.alignment).astype(np.float32)


def _alignment(
    network: Network, image: NDArray[np.float32], *, method: str, layer: str | None
) -> Alignment:
    """Return where the method's values lie in the image."""
    needs = METHODS[method].needs
    if needs != "layer" and layer is not None:
        raise DataError(f"{method}: it is not made at a layer; leave out layer '{layer}'.")
    if needs == "pixels":
        return identity(image.shape[1:])
    if needs == "attention":
        layer = attention_weights(network, image).patch_layer
    else:
        layer = layer or find_target_layer(network, image)
        check_layer(network, layer, image=image)
    return align(network, layer=layer, shape=image.shape)


def _provenance(request: Request, *, method: str, layer_was_found: bool) -> Provenance:
    settings = request.settings
    return Provenance().then(
        "explain",
        parameters={
            "method": method,
            "class": request.class_index,
            "layer": request.alignment.layer,
            "layer_was_found": layer_was_found,
            "scores": request.network.scores,
            "network": request.network.name,
            "network_origin": request.network.origin,
            "affine_to_pixels": request.alignment.affine.round(6).tolist(),
            "baseline": settings.baseline,
            "n_steps": settings.n_steps,
            "n_draws": settings.n_draws,
            "noise_share": settings.noise_share,
            "window_px": settings.window_px,
            "stride_px": settings.stride_px,
        },
        inputs={"image": digest_array(request.image), "network": request.network.digest},
        seed=settings.seed,
    )


def _from_gradients(formula: Callable[[Floats, Floats], Floats]) -> Callable[[Request], Floats]:
    """Return the method that feeds a layer's activations and gradients to a formula."""

    def make(request: Request) -> Floats:
        tensors = layer_tensors(
            request.network,
            request.image,
            layer=request.alignment.layer,
            class_index=request.class_index,
        )
        return formula(tensors.activations, tensors.gradients)

    return make


def _eigen_cam(request: Request) -> Floats:
    return cam.eigen_cam(
        layer_activations(request.network, request.image, layer=request.alignment.layer)
    )


def _score_cam(request: Request) -> Floats:
    """Weigh each channel by what it alone lets the network see (Wang et al. 2020).

    The weight is the paper's increase of confidence: the probability of the image seen through the
    channel, on the neutral baseline, less that of the baseline. doi:10.1109/CVPRW50498.2020.00020
    """
    layer = request.alignment.layer
    activations = layer_activations(request.network, request.image, layer=layer)
    masks = cam.channel_masks(activations)
    baseline = request.baseline
    empty = probabilities(request.network, baseline[None])[0, request.class_index]
    weights: list[float] = []
    for part in in_parts(masks, request.network.batch):
        shown = [on_pixels(mask, request.alignment).astype(np.float32) for mask in part]
        images = np.stack([baseline + mask * (request.image - baseline) for mask in shown])
        weights += (probabilities(request.network, images)[:, request.class_index] - empty).tolist()
    return cam.weighted_sum(activations, np.array(weights))


def _attention_rollout(request: Request) -> Floats:
    """Multiply the layers' attention, each with its shortcut (Abnar, Zuidema 2020).

    Heads are averaged. The row of the class token, or the mean row where there is none, says how
    much of each patch arrives. doi:10.18653/v1/2020.acl-main.385
    """
    attention = attention_weights(request.network, request.image)
    rolled = np.eye(attention.weights[0].shape[-1])
    for weights in attention.weights:
        mixed = (weights.mean(axis=0) + np.eye(len(rolled))) / 2
        rolled = mixed / mixed.sum(axis=1, keepdims=True) @ rolled
    extra = attention.extra_tokens
    row = rolled[0] if extra else rolled.mean(axis=0)
    return np.asarray(row[extra:].reshape(attention.patch_shape))


def _integrated_gradients(request: Request) -> Floats:
    signed = integrated_gradients(
        request.network,
        request.image,
        class_index=request.class_index,
        baseline=request.baseline,
        n_steps=request.settings.n_steps,
    )
    return np.asarray(signed.sum(axis=0))


def _smooth_grad(request: Request) -> Floats:
    signed = smooth_grad(
        request.network,
        request.image,
        class_index=request.class_index,
        n_draws=request.settings.n_draws,
        noise_share=request.settings.noise_share,
        seed=request.settings.seed,
    )
    return np.asarray(signed.sum(axis=0))


def _guided_backpropagation(request: Request) -> Floats:
    signed = input_gradients(
        request.network, request.image[None], class_index=request.class_index, guided=True
    )
    return np.asarray(signed[0].sum(axis=0))


def _occlusion(request: Request) -> Floats:
    return occlusion(
        request.network,
        request.image,
        class_index=request.class_index,
        baseline=request.baseline,
        window_px=request.settings.window_px,
        stride_px=request.settings.stride_px,
    )


METHODS: Registry[Method] = Registry(
    "method",
    {
        "grad-cam": Method(make=_from_gradients(cam.grad_cam), needs="layer", title="Grad-CAM"),
        "grad-cam++": Method(
            make=_from_gradients(cam.grad_cam_plus_plus), needs="layer", title="Grad-CAM++"
        ),
        "hirescam": Method(make=_from_gradients(cam.hires_cam), needs="layer", title="HiResCAM"),
        "layercam": Method(make=_from_gradients(cam.layer_cam), needs="layer", title="LayerCAM"),
        "score-cam": Method(make=_score_cam, needs="layer", title="Score-CAM"),
        "eigen-cam": Method(make=_eigen_cam, needs="layer", title="Eigen-CAM", of_class=False),
        "integrated-gradients": Method(
            make=_integrated_gradients, needs="pixels", title="Integrated gradients"
        ),
        "smoothgrad": Method(make=_smooth_grad, needs="pixels", title="SmoothGrad"),
        "guided-backpropagation": Method(
            make=_guided_backpropagation, needs="pixels", title="Guided backpropagation"
        ),
        "occlusion": Method(make=_occlusion, needs="pixels", title="Occlusion"),
        "attention-rollout": Method(
            make=_attention_rollout, needs="attention", title="Attention rollout", of_class=False
        ),
    },
)
