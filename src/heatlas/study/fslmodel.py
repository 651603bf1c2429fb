"""A model in the design files of FSL: design matrix, t contrasts, F tests and labels of maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DesignError
from heatlas.core.words import count
from heatlas.infer.exchangeability import Exchangeability
from heatlas.infer.linear import column_basis
from heatlas.io.derivatives import bids_label
from heatlas.io.fsl import read_contrasts, read_design_mat, read_ftests, read_groups
from heatlas.study.askedmodel import FslModel, Labels, ReadModel
from heatlas.study.exchange import FEWEST
from heatlas.study.maplist import MapList

NEGLIGIBLE = 1e-6


def read_fsl_model(
    asked: FslModel, maps: MapList, *, exchangeability: Exchangeability
) -> ReadModel:
    """Return the model of design files.

    Parameters
    ----------
    asked : FslModel
        The files.
    maps : MapList
        All maps, in the order of the rows.
    exchangeability : Exchangeability
        Shuffle and mode; the blocks are filled in.

    Returns
    -------
    ReadModel
        All t contrasts in their order, then the F tests.

    Raises
    ------
    DataError
        If a file cannot be read.
    DesignError
        If the files do not fit each other or the maps.

    Notes
    -----
    FSL reads ``design.grp`` in two ways: as exchangeability blocks in randomise, as groups of one
    variance in FLAME. Here it names blocks.
    """
    matrix = read_design_mat(asked.design_mat).matrix
    _check_rows(len(matrix), asked.design_mat, maps=maps)
    names = tuple(f"EV{k + 1}" for k in range(matrix.shape[1]))
    design = Design(
        matrix=matrix,
        names=names,
        ids=maps.ids,
        formula=asked.design_mat.name,
        terms={name: (k,) for k, name in enumerate(names)},
    )
    contrasts = _t_contrasts(asked.con, design=design)
    notes = _fsl_notes(asked, design, contrasts=contrasts)
    if asked.fts is not None:
        contrasts += _f_contrasts(asked.fts, contrasts=contrasts)
    return ReadModel(
        rows=np.arange(len(maps)),
        design=design,
        contrasts=contrasts,
        exchangeability=_fsl_blocks(asked.grp, maps=maps, given=exchangeability),
        variance_groups=_variance_groups(asked.variance_groups, maps=maps),
        notes=notes,
    )


def _check_rows(n: int, path: Path, *, maps: MapList) -> None:
    if n != len(maps):
        raise DesignError(
            f"{path.name} has {count(n, 'row')} for {count(len(maps), 'map')} ({maps.words}); each "
            "row belongs to one map, in their order."
        )


def _t_contrasts(path: Path, *, design: Design) -> tuple[Contrast, ...]:
    """Return one contrast per row, under names that can be told apart in file names."""
    found = read_contrasts(path)
    p = found.weights.shape[1]
    if p != len(design.names):
        raise DesignError(
            f"{path.name} has {count(p, 'column')} for the {len(design.names)} of "
            f"{design.formula}; each weight belongs to one column of the design."
        )
    return tuple(
        _with_words(Contrast(name=name, weights=weights), design=design)
        for name, weights in zip(_distinct(found.names), found.weights, strict=True)
    )


def _with_words(contrast: Contrast, *, design: Design) -> Contrast:
    weights = contrast.weights_words(design.names)
    return replace(contrast, test=weights, words=f"{weights} above zero")


def _f_contrasts(path: Path, *, contrasts: Sequence[Contrast]) -> tuple[Contrast, ...]:
    members = read_ftests(path).members
    if members.shape[1] != len(contrasts):
        raise DesignError(
            f"{path.name} has {count(members.shape[1], 'column')} for "
            f"{count(len(contrasts), 'contrast')}; each column takes one contrast into a test."
        )
    taken = {_label(contrast.name) for contrast in contrasts}
    names = _distinct([f"F{k + 1}" for k in range(len(members))], taken=taken)
    tests = []
    for name, chosen in zip(names, members, strict=True):
        joint = [c for c, is_member in zip(contrasts, chosen, strict=True) if is_member]
        weights = np.concatenate([c.weights for c in joint])
        listed = [c.name for c in joint]
        tests.append(
            Contrast(
                name=name,
                weights=weights,
                kind="F",
                test=", ".join(listed),
                words=" or ".join(listed),
            )
        )
    return tuple(tests)


def _distinct(names: Sequence[str], *, taken: Iterable[str] = ()) -> list[str]:
    """Return names that differ in letters and digits: ``A > B`` and ``A < B`` get a number."""
    seen = set(taken)
    distinct = []
    for k, given in enumerate(names, start=1):
        name = given.strip().strip('"').strip()
        label = _label(name)
        if not label or label in seen:
            name = f"{name} c{k}".strip()
        seen.add(_label(name))
        distinct.append(name)
    return distinct


def _label(name: str) -> str:
    """Return what of a name stands in a file name, ``""`` if nothing does."""
    return bids_label(f"x{name}")[1:].casefold()


def _labels(path: Path, *, maps: MapList) -> Labels:
    labels = read_groups(path).labels
    _check_rows(len(labels), path, maps=maps)
    return labels


def _variance_groups(path: Path | None, *, maps: MapList) -> Labels | None:
    if path is None:
        return None
    labels = _labels(path, maps=maps)
    if labels.ndim > 1:
        raise DesignError(
            f"{path.name} has {labels.shape[1]} columns; groups of one variance need one."
        )
    groups, sizes = np.unique(labels, return_counts=True)
    if sizes.min() < FEWEST:
        raise DesignError(
            f"{path.name}: group {groups[sizes.argmin()]} has {count(int(sizes.min()), 'map')}, "
            "which has no variance of its own; join it with another group."
        )
    return labels


def _fsl_blocks(path: Path | None, *, maps: MapList, given: Exchangeability) -> Exchangeability:
    """Return blocks as randomise reads them; one label for all maps means no blocks."""
    if path is None:
        return given
    labels = _labels(path, maps=maps)
    if labels.ndim == 1 and len(np.unique(labels)) == 1 and given.shuffle == "within":
        return given
    return replace(given, blocks=labels)


def _fsl_notes(
    asked: FslModel, design: Design, *, contrasts: Sequence[Contrast]
) -> tuple[str, ...]:
    """Say what users of FSL may not expect: two-sided tests, and means that nobody models."""
    notes = []
    for k, one in enumerate(contrasts):
        for other in contrasts[:k]:
            if np.array_equal(one.weights, -other.weights):
                notes.append(
                    f"{one.name} is the negative of {other.name}: a two-sided test of one of them "
                    "holds both; one-sided tests hold one tail each"
                )
    basis = column_basis(design).columns
    ones = np.full(design.n, 1 / np.sqrt(design.n))
    if np.linalg.norm(basis.T @ ones) < 1 - NEGLIGIBLE:
        notes.append(
            f"{asked.design_mat.name} holds no constant, so the mean of the maps counts as error "
            "(as in randomise without -D); add a column of 1 unless the maps have mean zero"
        )
    return tuple(notes)
