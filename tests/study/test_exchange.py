"""Columns of the table become blocks and variance groups, or are refused with the maps at fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heatlas.core.errors import DesignError, UnknownNameError
from heatlas.core.table import Table, table_from_columns
from heatlas.stats.formula import build_model
from heatlas.stats.marginal import BuiltModel
from heatlas.study.exchange import exchangeability_of, variance_groups_of
from heatlas.study.spec import AnalysisSpec

COLUMNS: dict[str, Any] = {
    "age": [31.0, 45, 28, 52, 39, 60],
    "site": ["Rome", "Oslo", "Rome", "Bonn", "Oslo", "Bonn"],
    "family": [4.0, 4, -2, -2, 7, 7],
    "holed": ["a", None, "b", None, "a", "b"],
    "half": [1.0, 1.5, 1, 1, 2, 2],
    "all": [1.0] * 6,
}


def table_and_model(**options: Any) -> tuple[Table, BuiltModel]:
    table = table_from_columns(COLUMNS)
    ids = tuple(f"sub-{k}" for k in range(6))
    return table, build_model(table, model="age", ids=ids, **options)


def analysis(**said: Any) -> AnalysisSpec:
    content = {"name": "a", "model": "age", "contrasts": [{"name": "c", "test": "age"}]}
    return AnalysisSpec.model_validate({**content, **said})


def blocks_of(blocks: Any, **options: Any) -> list[Any]:
    table, model = table_and_model(**options)
    found = exchangeability_of(
        analysis(exchangeability={"blocks": blocks}), table, model=model
    ).blocks
    assert found is not None
    return found.tolist()


def test_words_are_numbered_in_sorted_order_and_numbers_stay() -> None:
    assert blocks_of("site") == [3, 2, 3, 1, 2, 1]
    assert blocks_of("family") == [4, 4, -2, -2, 7, 7]


def test_several_columns_are_levels_with_words_as_positive_labels() -> None:
    assert blocks_of(["all", "family", "site"]) == [
        [1, 4, 3], [1, 4, 2], [1, -2, 3], [1, -2, 1], [1, 7, 2], [1, 7, 1],
    ]  # fmt: skip


def test_only_the_rows_of_the_model_count() -> None:
    assert blocks_of("site", where="age < 50") == [2, 1, 2, 1]
    assert blocks_of("holed", where="age < 45") == [1, 2, 1]


def test_shuffle_mode_and_names_are_handed_on() -> None:
    table, model = table_and_model()
    said = {"blocks": "site", "shuffle": "whole", "mode": "both"}
    found = exchangeability_of(analysis(exchangeability=said), table, model=model)
    assert (found.shuffle, found.mode, found.names) == ("whole", "both", ("site",))


def test_without_a_word_every_map_may_take_every_place() -> None:
    table, model = table_and_model()
    assert exchangeability_of(analysis(), table, model=model).kind == "free"
    flips = analysis(exchangeability={"mode": "sign-flips"})
    found = exchangeability_of(flips, table, model=model)
    assert (found.kind, found.mode) == ("free", "sign-flips")
    assert variance_groups_of(analysis(), table, model=model) is None


def test_a_map_without_a_block_is_named() -> None:
    with pytest.raises(
        DesignError, match=r"blocks: column 'holed' has no value for 2 maps \(sub-1, sub-3\)"
    ):
        blocks_of("holed")


def test_an_unknown_column_comes_with_the_nearest_spelling() -> None:
    with pytest.raises(UnknownNameError, match="exchangeability.blocks: .*Did you mean 'site'"):
        blocks_of("sites")
    table, model = table_and_model()
    with pytest.raises(UnknownNameError, match="variance_groups: Unknown column 'sit'"):
        variance_groups_of(analysis(variance_groups="sit"), table, model=model)


def test_labels_are_whole_numbers_or_words() -> None:
    with pytest.raises(DesignError, match=r"column 'half' holds 1\.5; blocks and groups"):
        blocks_of("half")


def test_variance_groups_are_numbered_from_one() -> None:
    table, model = table_and_model()
    groups = variance_groups_of(analysis(variance_groups="site"), table, model=model)
    assert groups is not None
    assert groups.tolist() == [3, 2, 3, 1, 2, 1]
    assert groups.dtype == np.int64
    groups = variance_groups_of(analysis(variance_groups="family"), table, model=model)
    assert groups is not None
    assert groups.tolist() == [2, 2, 1, 1, 3, 3]


def test_a_group_of_one_map_has_no_variance() -> None:
    table, model = table_and_model(where="age < 55")
    with pytest.raises(DesignError, match="group 'Bonn' of column 'site' has 1 map"):
        variance_groups_of(analysis(variance_groups="site"), table, model=model)
