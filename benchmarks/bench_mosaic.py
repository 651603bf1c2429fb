"""One mosaic PNG of a real t map: ours beside nilearn's ``plot_stat_map(display_mode="mosaic")``.

Each side runs in a process of its own, 21 slices over the MNI152 template at 1270 pixels, warm:
the template is loaded and one picture was drawn before the clock starts. Encoding is included.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
GOAL_S = 0.15
REPEATS = 10
CUT = 4.87


def t_map() -> tuple[np.ndarray, np.ndarray]:
    """Two-sample t of men against women in the demo's grey-matter maps, 3-D, and its affine."""
    import csv

    import nibabel
    from scipy.ndimage import gaussian_filter

    folder = ROOT / "demo" / "depression"
    with (folder / "participants.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    images = [nibabel.load(folder / "gm" / f"{row['participant_id']}_gm.nii.gz") for row in rows]
    maps = np.stack([gaussian_filter(image.get_fdata(dtype=np.float32), 1.1) for image in images])
    men = np.array([row["gender"] == "m" for row in rows])
    n1, n2 = int(men.sum()), int((~men).sum())
    pooled = ((n1 - 1) * maps[men].var(0, ddof=1) + (n2 - 1) * maps[~men].var(0, ddof=1)) / (
        n1 + n2 - 2
    )
    inside = (maps >= 0.1).all(axis=0)
    t = np.zeros(maps.shape[1:])
    step = maps[men].mean(0) - maps[~men].mean(0)
    t[inside] = step[inside] / np.sqrt(pooled[inside] * (1 / n1 + 1 / n2))
    return t, images[0].affine


def ours(data: Mapping[str, np.ndarray]) -> Callable[[], bytes]:
    """Return a function that draws one PNG with Heatlas."""
    from PIL import Image

    from heatlas.core.heatmap import heat_map_of
    from heatlas.core.space import Grid, Mask
    from heatlas.core.statmap import StatMap
    from heatlas.core.threshold import value_threshold
    from heatlas.core.volume import Volume
    from heatlas.show.slices import draw_png_pixels

    values, template = data["values"], data["template"]
    mask = Mask(space=Grid(shape=values.shape, affine=data["affine"]), inside=values != 0)
    stat_map = StatMap(values=mask.gather(values), mask=mask, kind="t", dof=(70,), n=72)
    rule = value_threshold(stat_map.values, cut=CUT, two_sided=True)
    heat_map = heat_map_of(stat_map, threshold=rule, title="men-women")
    grid = Grid(shape=template.shape, affine=data["template_affine"])
    background = Volume(values=template, grid=grid)

    def draw() -> bytes:
        buffer = io.BytesIO()
        pixels = draw_png_pixels([heat_map], background=background)
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    return draw


def nilearn(data: Mapping[str, np.ndarray]) -> Callable[[], bytes]:
    """Return a function that draws one PNG with nilearn."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import nibabel
    from nilearn.plotting import plot_stat_map

    image = nibabel.Nifti1Image(data["values"].astype(np.float32), data["affine"])
    template = nibabel.Nifti1Image(data["template"], data["template_affine"])

    def draw() -> bytes:
        buffer = io.BytesIO()
        figure = plt.figure(figsize=(12.7, 5.0), dpi=100)
        display = plot_stat_map(
            image, bg_img=template, display_mode="mosaic", threshold=CUT, figure=figure
        )
        figure.savefig(buffer, format="png", dpi=100)
        display.close()
        return buffer.getvalue()

    return draw


def real_data() -> dict[str, np.ndarray]:
    """Return the t map and the template, so that the measured processes only draw."""
    from nilearn.datasets import load_mni152_template

    values, affine = t_map()
    template = load_mni152_template(resolution=2)
    return {
        "values": values,
        "affine": affine,
        "template": template.get_fdata(dtype=np.float32),
        "template_affine": template.affine,
    }


def peak_mb() -> float:
    """Return the largest memory that this program held (``ru_maxrss`` remembers its parent's)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
    return int(found.group(1)) / 1024 if found else float("nan")


def measure(side: str, stored: str) -> None:
    """Print median seconds, peak memory in MB and the PNG's size of one side."""
    with np.load(stored) as arrays:
        draw = {"ours": ours, "nilearn": nilearn}[side](dict(arrays))
    content = draw()
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        draw()
        taken.append(time.perf_counter() - start)
    print(f"{np.median(taken):.4f} {peak_mb():.0f} {len(content) / 1024:.0f}")


def main() -> None:
    """Run both sides, print seconds, memory and the ratio."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        stored = str(Path(folder) / "t.npz")
        np.savez(stored, **real_data())
        for side in ("ours", "nilearn"):
            command = [sys.executable, __file__, side, stored]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            seconds, memory, size_kb = map(float, done.stdout.split())
            found[side] = seconds
            print(
                f"{side:8} {seconds * 1000:6.0f} ms a PNG, peak {memory:.0f} MB, {size_kb:.0f} kB"
            )
    verdict = "met" if found["ours"] <= GOAL_S else "missed"
    print(f"target {GOAL_S * 1000:.0f} ms: {verdict}")
    print(f"ratio: nilearn takes {found['nilearn'] / found['ours']:.1f} times as long")


if __name__ == "__main__":
    measure(*sys.argv[1:]) if len(sys.argv) > 1 else main()
