"""The template: nilearn's brain, found without importing nilearn."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from heatlas.core.errors import DataError, MissingExtraError, UnknownNameError
from heatlas.io import templates
from heatlas.io.templates import template_brain_mask, template_file, template_volume


def test_the_template_at_1_mm_is_nilearns() -> None:
    from nilearn.datasets import load_mni152_template

    peer = load_mni152_template(resolution=1)
    ours = template_volume(resolution_mm=1)
    values = peer.get_fdata(dtype=np.float32)
    np.testing.assert_allclose(ours.grid.affine, peer.affine)
    brain = values > templates.BRAIN_SHARE
    np.testing.assert_allclose(ours.values[brain], values[brain], atol=1e-6)
    assert not ours.values[~brain].any()


def test_the_template_at_2_mm_lies_on_nilearns_grid_and_is_smoother() -> None:
    from nilearn.datasets import load_mni152_template

    peer = load_mni152_template(resolution=2)
    ours = template_volume()
    assert ours.grid.shape == peer.shape
    np.testing.assert_allclose(ours.grid.affine, peer.affine)
    assert np.corrcoef(ours.values.ravel(), peer.get_fdata().ravel())[0, 1] > 0.99
    roughness = [np.abs(np.diff(v, axis=0)).sum() for v in (ours.values, peer.get_fdata())]
    assert roughness[0] < roughness[1]


@pytest.mark.parametrize("resolution", [1, 2, 3])
def test_the_brain_mask_is_nilearns(resolution: int) -> None:
    from nilearn.datasets import load_mni152_brain_mask

    peer = load_mni152_brain_mask(resolution=resolution).get_fdata() > 0
    ours = template_brain_mask(resolution_mm=resolution)
    x, y, z = ours.grid.shape  # nilearn adds an empty voxel where the length does not divide
    np.testing.assert_array_equal(ours.inside.reshape(x, y, z), peer[:x, :y, :z])
    assert ours.size == peer.sum()


def test_the_template_is_the_symmetric_one_and_says_so() -> None:
    volume = template_volume(resolution_mm=1)
    np.testing.assert_array_equal(volume.values, volume.values[::-1])
    assert volume.grid.template == "MNI152NLin2009aSym"
    assert "2009a nonlinear symmetric" in str(volume.provenance.to_json())


def test_a_triangular_mean_keeps_a_linear_ramp() -> None:
    ramp = np.indices((21, 21, 21), dtype=np.float32).sum(axis=0)
    thin = templates._thin(ramp, 4)
    np.testing.assert_allclose(thin[1:-1, 1:-1, 1:-1], ramp[::4, ::4, ::4][1:-1, 1:-1, 1:-1],
                               rtol=1e-5)  # fmt: skip


def test_nilearn_is_not_imported() -> None:
    code = "import heatlas.io.templates as t, sys; t.template_brain_mask(); "
    code += "sys.exit('nilearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("resolution", [0, 9, 1.5])
def test_a_voxel_size_that_is_not_served_is_refused(resolution: float) -> None:
    with pytest.raises(DataError, match="is not served"):
        template_volume(resolution_mm=resolution)  # type: ignore[arg-type]


def test_an_unknown_template_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'MNI152'"):
        template_volume("MNI125")


def test_a_missing_nilearn_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install"):
        template_file()
