"""What kind of map an image file says it holds: NIfTI intent codes and SPM's description."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

# NIfTI-1 intent codes (nifti1.h) by kind of map; the number of degrees of freedom they take. There
# is none for v, G, TFCE and clusters: their maps name no intent, which would be a wrong one.
INTENTS: Mapping[str, tuple[int, int]] = {
    "t": (3, 1),
    "F": (4, 2),
    "z": (5, 0),
    "logp": (24, 0),
    "logpfwe": (24, 0),
    "logpfdr": (24, 0),
    "effect": (1001, 0),
    "label": (1002, 0),
}
_KINDS = ("t", "F", "z", "effect")
# "SPM{T_[23.0]} - contrast 1: ...", "SPM{F_[2.0,45.0]} - ..."
_SPM = re.compile(r"SPM\{([TFZ])_\[([\d.,]*)\]\}")


def statistic_of(nifti: Any) -> tuple[str, tuple[float, ...]]:
    """Return the kind of map that a NIfTI header names, and its degrees of freedom.

    Parameters
    ----------
    nifti : nibabel.Nifti1Header
        NIfTI-1 or NIfTI-2.

    Returns
    -------
    tuple of str and tuple of float
        ``"t"``, ``"F"``, ``"z"`` or ``"effect"``, ``""`` where the header names none of them.
        Degrees of freedom are empty where the header gives none that can be true: FSL writes 0.
    """
    code = int(nifti["intent_code"])
    for kind in _KINDS:
        if INTENTS[kind][0] == code:
            return kind, _valid([float(nifti[f"intent_p{k + 1}"]) for k in range(INTENTS[kind][1])])
    words = bytes(nifti["descrip"].tobytes()).split(b"\0")[0].decode("latin-1")
    found = _SPM.search(words)
    if found is None:
        return "", ()
    kind = {"T": "t", "F": "F", "Z": "z"}[found[1]]
    numbers = [float(word) for word in re.findall(r"\d+(?:\.\d+)?", found[2])]
    n_dof = INTENTS[kind][1]
    return kind, _valid(numbers) if len(numbers) == n_dof else ()


def _valid(dof: list[float]) -> tuple[float, ...]:
    return tuple(dof) if all(math.isfinite(df) and df > 0 for df in dof) else ()
