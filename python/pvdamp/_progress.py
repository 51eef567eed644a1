"""How far a reconstruction is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

#: Called with the slice, the stage and the iterations of it that are done.
Progress = Callable[[int, str, int], object]


class Line:
    """One line on stderr, which is written over."""

    def __init__(self, slices: int) -> None:
        self.slices = slices
        self.shown = 0.0
        self.width = 0

    def __call__(self, slice_: int, stage: str, iteration: int) -> None:
        now = time.monotonic()
        if now - self.shown < 0.1:
            return
        self.shown = now
        of = f"slice {slice_}, " if self.slices > 1 else ""
        text = f"{of}{stage}" + (f", iteration {iteration}" if iteration else "")
        print(f"\r{text:{self.width}}", end="", file=sys.stderr, flush=True)
        self.width = max(self.width, len(text))

    def end(self) -> None:
        """Take the line away."""
        if self.width:
            print(f"\r{'':{self.width}}\r", end="", file=sys.stderr, flush=True)
