"""The one door of torch: load a network, run it, read its activations and gradients."""

from __future__ import annotations

from importlib.util import find_spec

from heatlas.core.errors import MissingExtraError

if find_spec("torch") is None:
    raise MissingExtraError(
        "Explaining a network needs torch, which is not installed: pip install 'heatlas[saliency]'."
    )
