"""Where a value comes from."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatlas import __version__
from heatlas.core.errors import DataError
from heatlas.core.provenance import (
    Provenance,
    canonical_json,
    digest_array,
    digest_bytes,
    digest_json,
    provenance_from_json,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def made() -> Provenance:
    """Return a provenance of two steps."""
    first = Provenance().then("read", inputs={"gm/a.nii": "sha256:0"}, warnings=["w1", "w2"])
    return first.then("permute", parameters={"n": 10}, seed=3, warnings=["w2", "w3"])


def test_steps_are_added_at_the_end_and_the_old_value_stays() -> None:
    first = Provenance().then("a")
    assert [step.name for step in first.then("b").steps] == ["a", "b"]
    assert len(first.steps) == 1


def test_json_leaves_empty_fields_out_and_names_the_version() -> None:
    assert Provenance().then("a").to_json() == {
        "heatlas_provenance": 1,
        "steps": [{"name": "a", "version": __version__}],
    }


def test_a_seed_of_zero_is_no_empty_field() -> None:
    assert Provenance().then("a", seed=0).to_json()["steps"][0]["seed"] == 0


def test_warnings_are_listed_once_in_order() -> None:
    assert made().warnings == ("w1", "w2", "w3")


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_json_text_gives_the_same_provenance_back(parameters: dict) -> None:
    value = made().then("s", parameters=parameters)
    text = json.dumps(value.to_json(), allow_nan=False)
    assert provenance_from_json(json.loads(text)).to_json() == json.loads(text)


def test_numpy_and_nan_in_parameters_become_plain_json() -> None:
    parameters = {"a": np.float32(0.5), "b": np.array([1, 2]), "c": np.nan, "d": [np.bool_(True)]}
    step = Provenance().then("s", parameters=parameters).to_json()["steps"][0]
    assert json.loads(json.dumps(step, allow_nan=False))["parameters"] == {
        "a": 0.5, "b": [1, 2], "c": "nan", "d": [True]
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        {}, {"heatlas_provenance": 2, "steps": []}, {"heatlas_provenance": 1},
        {"heatlas_provenance": 1, "steps": None}, {"heatlas_provenance": 1, "steps": ["a"]},
        {"heatlas_provenance": 1, "steps": [{}]},
        {"heatlas_provenance": 1, "steps": [{"name": "a", "colour": 1}]},
        {"heatlas_provenance": 1, "steps": [{"name": "a", "warnings": 1}]},
    ],
)  # fmt: skip
def test_what_is_no_provenance_is_refused(content: dict) -> None:
    with pytest.raises(DataError, match="provenance"):
        provenance_from_json(content)


def test_digests_are_sha256() -> None:
    assert digest_bytes(b"abc") == "sha256:" + hashlib.sha256(b"abc").hexdigest()


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_the_digest_of_json_does_not_depend_on_the_order_of_keys(content: dict) -> None:
    turned = dict(reversed(content.items()))
    assert digest_json(turned) == digest_json(content)
    assert canonical_json(turned).isascii()


def test_the_digest_of_an_array_sees_type_shape_and_values_but_not_layout() -> None:
    base = np.arange(6.0).reshape(2, 3)
    digests = {digest_array(a) for a in (base, base.ravel(), base.astype(np.float32), base + 1)}
    assert len(digests) == 4
    assert digest_array(np.asfortranarray(base)) == digest_array(base)
