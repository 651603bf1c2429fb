"""Starting Heatlas beyond the bare interpreter: its import, its help, all of it; beside nilearn."""

from __future__ import annotations

import subprocess
import sys
import time

REPEATS = 9
IMPORT_TARGET_S, HELP_TARGET_S = 0.3, 0.5
# Names are imported on use, so the fair neighbour of nilearn's import is that of every name.
ALL_NAMES = "import heatlas; [getattr(heatlas, name) for name in heatlas.__all__]"
COMMANDS = {
    "interpreter": [sys.executable, "-c", "pass"],
    "import heatlas": [sys.executable, "-c", "import heatlas"],
    "heatlas --help": [sys.executable, "-m", "heatlas", "--help"],
    "all of heatlas": [sys.executable, "-c", ALL_NAMES],
    "import nilearn": [sys.executable, "-c", "import nilearn.image, nilearn.plotting, nilearn.glm"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    """Run all in turn, several times, and compare the fastest of each."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    best = {name: min(times) for name, times in taken.items()}
    bare = best.pop("interpreter")
    print(f"interpreter     {bare:6.3f} s")
    beyond = {name: max(whole - bare, 1e-3) for name, whole in best.items()}
    for name, extra in beyond.items():
        print(f"{name:15} {extra:6.3f} s beyond the interpreter")
    ours = beyond["import heatlas"], beyond["heatlas --help"]
    met = ours[0] <= IMPORT_TARGET_S and ours[1] <= HELP_TARGET_S
    print(f"targets {IMPORT_TARGET_S} s and {HELP_TARGET_S} s: {'met' if met else 'missed'}")
    ratio = beyond["import nilearn"] / beyond["all of heatlas"]
    print(
        f"ratio: nilearn (image, plotting, glm) takes {ratio:.1f} times as long as all of heatlas"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
