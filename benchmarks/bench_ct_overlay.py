"""One 512 x 512 CT slice with a heat map on it as PNG: ours beside matplotlib, and OpenCV's recipe.

Each side runs in a process of its own on the same generated slice (head, noise of 6 HU, one
Gaussian blob of saliency), warm. Ours is the whole figure: brain window, opacity by value, contour,
colour bar, caption, sides, scale bar, provenance inside. matplotlib draws the same slice twice with
``imshow`` and a colour bar. OpenCV, where it is installed, runs the usual recipe: min-max, JET,
``addWeighted``, ``imencode``; it has no window, no bar and no words, and stands here as the floor.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

GOAL_MS = 25.0
REPEATS = 25
SIDE, LOW, HIGH, CUT = 512, 0.0, 80.0, 0.5


def head(n_slices: int) -> tuple[np.ndarray, np.ndarray]:
    """CT in HU and saliency from 0 to 1, shape (512, 512, n)."""
    rng = np.random.default_rng(0)
    x, y = np.ogrid[:SIDE, :SIDE]
    radius = np.hypot((x - 256) / 190, (y - 256) / 230)
    flat = np.select([radius < 0.9, radius < 1], [35.0, 900.0], -1000.0).astype(np.float32)
    noise = rng.normal(0, 6, (SIDE, SIDE, n_slices)).astype(np.float32)
    blob = np.exp(-((x - 180) ** 2 + (y - 300) ** 2) / (2 * 30.0**2)).astype(np.float32)
    along = np.exp(-((np.arange(n_slices) - n_slices // 2) ** 2) / 50).astype(np.float32)
    return flat[:, :, None] + noise, blob[:, :, None] * along


def ours(n_slices: int) -> Callable[[], bytes]:
    """Return a function that draws the middle slice with Heatlas."""
    from heatlas.core.space import Grid
    from heatlas.core.volume import Volume
    from heatlas.core.window import Window
    from heatlas.show.window import WindowedVolume
    from heatlas.study.overlay import CT_VIEW, Look, draw_overlay

    values, saliency = head(n_slices)
    grid = Grid(shape=values.shape, affine=np.diag([-0.45, -0.45, 2.0, 1.0]))
    volume = Volume(values=values, grid=grid, name="generated head")
    brain = Window(name="brain", centre=(LOW + HIGH) / 2, width=HIGH - LOW)
    ct = WindowedVolume(volume=volume, window=brain)
    source = Volume(values=saliency, grid=grid, name="saliency")
    view = replace(CT_VIEW, slices=(n_slices // 2 + 1,))
    return lambda: draw_overlay(ct, source, look=Look(outline=CUT), view=view).content


def stack(n_slices: int) -> Callable[[], bytes]:
    """Return the same for one slice of a stack of 140."""
    return ours(140 * n_slices)


def matplotlib(n_slices: int) -> Callable[[], bytes]:
    """Return a function that draws the middle slice with matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values, saliency = head(n_slices)
    slice_, blob = values[:, :, n_slices // 2].T, saliency[:, :, n_slices // 2].T

    def draw() -> bytes:
        figure = Figure(figsize=(6.8, 6.0), dpi=100)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.02, 0.1, 0.75, 0.85))
        axes.set_axis_off()
        axes.imshow(slice_, cmap="gray", vmin=LOW, vmax=HIGH, interpolation="nearest")
        shown = axes.imshow(blob, cmap="viridis", alpha=0.75 * blob, interpolation="nearest")
        figure.colorbar(shown, cax=figure.add_axes((0.8, 0.3, 0.03, 0.5)), label="saliency")
        axes.set_title("saliency")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return buffer.getvalue()

    return draw


def opencv(n_slices: int) -> Callable[[], bytes]:
    """Return a function that runs the usual recipe with OpenCV."""
    import cv2

    values, saliency = head(n_slices)
    slice_, blob = values[:, :, n_slices // 2].T, saliency[:, :, n_slices // 2].T

    def draw() -> bytes:
        grey = cv2.normalize(slice_, None, alpha=0, beta=255, norm_type=cv2.NORM_MINMAX)
        grey = cv2.cvtColor(grey.astype(np.uint8), cv2.COLOR_GRAY2BGR)
        colours = cv2.applyColorMap(np.uint8(255 * blob), cv2.COLORMAP_JET)
        mixed = cv2.addWeighted(colours, 0.5, grey, 0.5, 0)
        return bytes(cv2.imencode(".png", mixed)[1])

    return draw


SIDES = {"ours": ours, "ours, of 140": stack, "matplotlib": matplotlib, "opencv": opencv}


def measure(side: str) -> None:
    """Print median and fastest milliseconds, CPU milliseconds and the size of one side."""
    draw = SIDES[side](1)
    content = draw()
    draw()
    taken = []
    cpu = time.process_time()
    for _ in range(REPEATS):
        start = time.perf_counter()
        draw()
        taken.append(1000 * (time.perf_counter() - start))
    cpu = 1000 * (time.process_time() - cpu) / REPEATS
    print(f"{np.median(taken):.2f} {min(taken):.2f} {cpu:.2f} {len(content) / 1024:.0f}")


def main() -> None:
    """Run all sides, print milliseconds and the ratio."""
    found = {}
    for side in SIDES:
        if side == "opencv" and find_spec("cv2") is None:
            print("opencv is not installed here (pip install opencv-python-headless to add it)")
            continue
        command = [sys.executable, __file__, side]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        median, fastest, cpu, size = map(float, done.stdout.split())
        found[side] = fastest
        times = f"{median:6.1f} ms a PNG (fastest {fastest:.1f}, CPU {cpu:.1f})"
        print(f"{side:12} {times}, {size:.0f} kB")
    verdict = "met" if found["ours"] <= GOAL_MS else "missed"
    print(f"target {GOAL_MS:.0f} ms: {verdict} (fastest round)")
    print(f"ratio: matplotlib takes {found['matplotlib'] / found['ours']:.1f} times as long")


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
