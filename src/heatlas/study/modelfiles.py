"""The model of a test from its files: a table with a formula, or the design files of FSL."""

from __future__ import annotations

from heatlas.core.errors import DesignError
from heatlas.core.table import Table
from heatlas.core.words import count
from heatlas.infer.exchangeability import Exchangeability
from heatlas.io.tables import read_table
from heatlas.stats.contrast import resolve_contrast
from heatlas.stats.formula import build_model
from heatlas.study.askedmodel import FslModel, ReadModel, TableModel
from heatlas.study.exchange import exchangeability_of, variance_groups_of
from heatlas.study.fslmodel import read_fsl_model
from heatlas.study.maplist import MapList
from heatlas.study.spec import AnalysisSpec, ExchangeabilitySpec


def read_model(
    asked: TableModel | FslModel, maps: MapList, *, exchangeability: Exchangeability
) -> ReadModel:
    """Return the model of a list of maps.

    Parameters
    ----------
    asked : TableModel or FslModel
        What the user names.
    maps : MapList
        All maps, with their table.
    exchangeability : Exchangeability
        Shuffle and mode; the blocks are filled in.

    Returns
    -------
    ReadModel
        Design, contrasts, blocks and groups of the rows that are used.

    Raises
    ------
    DataError
        If a file cannot be read, or two contrasts would share a file name.
    DesignError
        If the model does not fit the maps, or cannot be estimated.
    UnknownNameError
        If a column, a predictor or a level does not exist.
    """
    if isinstance(asked, TableModel):
        found = _from_table(asked, maps, exchangeability=exchangeability)
    else:
        found = read_fsl_model(asked, maps, exchangeability=exchangeability)
    if exchangeability.shuffle != "within" and found.exchangeability.blocks is None:
        raise DesignError(
            f"shuffle: '{exchangeability.shuffle}' says how blocks are shuffled, but no blocks are "
            "named."
        )
    return found


def read_rows(asked: TableModel | FslModel) -> Table | None:
    """Return the table of a model, None where it has none."""
    if isinstance(asked, FslModel) or asked.table is None:
        return None
    return read_table(asked.table)


# ------------------------------------------------------------------------------------- table


def _from_table(asked: TableModel, maps: MapList, *, exchangeability: Exchangeability) -> ReadModel:
    if asked.table is None:
        _check_needs_no_table(asked)
    built = build_model(
        maps.table, model=asked.model, ids=maps.ids, missing=asked.missing, where=asked.where
    )
    contrasts = tuple(
        resolve_contrast(built, name=test.name, test=test.test, kind=test.kind).contrast
        for test in asked.tests
    )
    analysis = _analysis(asked, exchangeability)
    dropped = built.design.dropped
    notes = list(built.warnings)
    if dropped:
        shown = ", ".join(name for name, _ in dropped[:5]) + (", ..." if len(dropped) > 5 else "")
        notes.insert(0, f"{count(len(dropped), 'row')} without a value of the model: {shown}")
    return ReadModel(
        rows=built.rows,
        design=built.design,
        contrasts=contrasts,
        exchangeability=exchangeability_of(analysis, maps.table, model=built),
        variance_groups=variance_groups_of(analysis, maps.table, model=built),
        notes=tuple(notes),
    )


def _check_needs_no_table(asked: TableModel) -> None:
    named = {
        f"model '{asked.model}'": asked.model.strip() != "1",
        f"blocks '{', '.join(asked.blocks)}'": bool(asked.blocks),
        f"variance groups '{asked.variance_groups}'": asked.variance_groups is not None,
        f"condition '{asked.where}'": asked.where is not None,
    }
    for words, is_there in named.items():
        if is_there:
            raise DesignError(f"The {words} names columns; give the table that holds them.")


def _analysis(asked: TableModel, exchangeability: Exchangeability) -> AnalysisSpec:
    """Return the settings as those of an analysis of a study, which know how to read columns."""
    blocks = asked.blocks[0] if len(asked.blocks) == 1 else asked.blocks or None
    return AnalysisSpec.model_construct(
        name="asked",
        model=asked.model,
        contrasts=(),
        exchangeability=ExchangeabilitySpec.model_construct(
            blocks=blocks, shuffle=exchangeability.shuffle, mode=exchangeability.mode
        ),
        variance_groups=asked.variance_groups,
    )
