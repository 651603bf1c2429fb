"""A model file and a real CT series to a checked explanation, as a user starts it; its pages."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from heatlas.cli import main
from heatlas.learn.network.weights import state_dict_bytes
from tests.e2e.processes import call
from tests.learn.nets import network, seeded

LOOK = ("--window", "brain", "--size", "48x48", "--class", "1", "--quick")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny example, which learnt nothing, with the explanation of its first case."""
    folder = tmp_path_factory.mktemp("example")
    tiny = ["--pairs", "12", "--test-pairs", "4", "--epochs", "1", "--quick"]
    words = ["explain-example", "-o", str(folder), "--method", "hirescam", *tiny]
    assert main(words) == 0
    again = ["explain", str(folder / "network.pt"), str(folder / "case-1.nii.gz")]
    known = ["--architecture", "plain-2d", "--mask", str(folder / "case-1-lesion.nii.gz")]
    assert main([*again, *known, *LOOK, "--slices", "5", "-o", str(folder / "out")]) == 0
    return folder


@pytest.mark.parametrize("page", ["report.html", "out/report.html"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_ask_for_nothing_fit_the_screen_and_show_every_picture(
    example: Path, chromium: str, page: str, width: int
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    requests: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        view = browser.new_page(viewport={"width": width, "height": 844})
        view.on("request", lambda request: requests.append(request.url))
        view.goto((example / page).as_uri())
        view.wait_for_load_state("networkidle")
        wide = view.evaluate("document.documentElement.scrollWidth")
        images = view.evaluate("document.images.length")
        view.evaluate("[...document.images].forEach(i => i.loading = 'eager')")
        view.wait_for_function("[...document.images].every(i => i.complete)")
        broken = view.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
        words = view.evaluate("document.body.innerText")
        browser.close()
    assert wide <= width
    assert images >= 1
    assert broken == 0
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert "do not read this map as model evidence" in words


def test_a_real_series_is_explained_on_its_own_grid(tmp_path: Path, real_data: Path) -> None:
    model, out = tmp_path / "net.pt", tmp_path / "out"
    model.write_bytes(state_dict_bytes(network("plain-2d")))
    series = real_data / "ct" / "head_ge"
    done = call(
        "explain", str(model), str(series), "--architecture", "plain-2d", *LOOK, "-o", str(out)
    )
    assert done.code == 0, done.err
    assert "The spacing of the slices varies" in done.err
    image = nib.load(out / "saliency.nii.gz")
    assert np.isfinite(image.get_fdata()).any()
    content = json.loads((out / "trust.json").read_text(encoding="utf-8"))
    assert content["standing"] == "no evidence"
    assert len(content["class_probabilities"]) == 28
    for path in out.iterdir():
        assert str(tmp_path) not in path.read_bytes().decode("latin-1")


@pytest.mark.parametrize("kind", ["torch.export", "ONNX"])
def test_exported_networks_give_the_map_of_the_network_before(
    example: Path, tmp_path: Path, kind: str
) -> None:
    module, images = seeded("plain-2d"), torch.zeros(1, 1, 48, 48)
    weights = tmp_path / "net.pt"
    torch.save(module.state_dict(), weights)
    path = tmp_path / ("net.pt2" if kind == "torch.export" else "net.onnx")
    if kind == "torch.export":
        torch.export.save(torch.export.export(module, (images,)), path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (images,), path, dynamo=False)
    scan = str(example / "case-1.nii.gz")
    maps = []
    for model, more in ((weights, ["--architecture", "plain-2d"]), (path, [])):
        out = tmp_path / f"out{len(maps)}"
        words = ["explain", str(model), scan, *more, *LOOK, "--slices", "5", "-o", str(out)]
        assert main(words) == 0
        maps.append(nib.load(out / "saliency.nii.gz").get_fdata())
        record = json.loads((out / "trust.json").read_text(encoding="utf-8"))["record"]
    assert kind in record["Network"]
    np.testing.assert_allclose(maps[1], maps[0], rtol=1e-3, atol=1e-5 * np.nanmax(np.abs(maps[0])))
