"""The whole demo study, from 72 files to the report: wall time and memory of all its processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = Path(__file__).resolve().parents[1] / "demo" / "study.yaml"
TARGET_S, TARGET_MB = 90.0, 1500.0
PAUSE_S = 0.1


def memory_mb(session: int) -> float:
    """Return the memory of all processes of a session, shared pages counted once."""
    total_kb = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[3]) != session:
                continue
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:  # it ended meanwhile
            continue
        total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb / 1024


def run_demo(out: Path) -> tuple[float, float]:
    """Return wall seconds and peak memory in MB of one run into an empty folder."""
    command = [sys.executable, "-m", "heatlas", "run", str(STUDY), "-o", str(out), "--quiet"]
    started = time.perf_counter()
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    peak_mb = 0.0
    while process.poll() is None:
        peak_mb = max(peak_mb, memory_mb(process.pid))
        time.sleep(PAUSE_S)
    taken = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(process.returncode)
    return taken, peak_mb


def main() -> int:
    """Run the demo once and compare it with its targets; no peer does this whole job."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results"
        taken, peak_mb = run_demo(out)
        size_mb = (out / "report.html").stat().st_size / 1e6
    print(f"heatlas run demo/study.yaml: {taken:.1f} s, peak {peak_mb:.0f} MB in all processes")
    print(f"report: {size_mb:.1f} MB")
    met = taken <= TARGET_S and peak_mb <= TARGET_MB
    print(f"targets {TARGET_S:.0f} s and {TARGET_MB:.0f} MB: {'met' if met else 'missed'}")
    print(f"ratio: {taken / TARGET_S:.2f} of the time allowed; no peer does this whole job")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
