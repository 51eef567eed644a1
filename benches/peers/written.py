"""What is left behind: one file for a result, one for all times; and the table of the times."""

from __future__ import annotations

import json
import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cases import Case, Complex


@dataclass(frozen=True)
class Timing:
    """What one program took on one case with one number of threads [seconds]; one entry a round."""

    program: str
    version: str
    threads: int
    #: From file to file, or of the solver alone.
    timed: str
    seconds: list[float]

    def record(self, case: Case) -> dict[str, Any]:
        """For times.json."""
        spread = {"median": self.median, "least": min(self.seconds), "largest": max(self.seconds)}
        return {"case": case.id, "group": case.group, **vars(self), **spread}

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def write_result(path: Path, image: Complex, attributes: dict[str, Any], points: dict[float, float] | None) -> None:
    """Writes a result beside its place and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(part, "w") as file:
            file["image"] = image.astype(np.complex64)
            file.attrs.update(attributes)
            if points:
                tried = sorted(points)
                file["sensitivity/lambda"] = np.array(tried)
                file["sensitivity/nmse_object_db"] = np.array([points[lambda_] for lambda_ in tried])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def is_result_of(path: Path, arguments: str) -> bool:
    """Whether a result is there, of the case that these words make."""
    if not path.is_file():
        return False
    with h5py.File(path, "r") as file:
        return file.attrs.get("arguments") == arguments


def write_times(path: Path, case: Case, timings: list[Timing]) -> None:
    """Puts the times of a case into the file, in place of older ones of the same programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    older = json.loads(path.read_text(encoding="utf-8"))["times"] if path.is_file() else []
    again = {timing.program for timing in timings}
    kept = [time for time in older if time["case"] != case.id or time["program"] not in again]
    times = kept + [timing.record(case) for timing in timings]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps({"cores": os.cpu_count(), "times": times}, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def show(timings: list[Timing]) -> None:
    """A table of the times."""
    print(f"  {'program':22} {'threads':>7}  {'timed':8} {'median':>9} {'least':>8} {'largest':>8}  [s]")
    for t in timings:
        spread = f"{t.median:9.3f} {min(t.seconds):8.3f} {max(t.seconds):8.3f}"
        print(f"  {t.version:22} {t.threads:7}  {t.timed:8} {spread}")
    sys.stdout.flush()
