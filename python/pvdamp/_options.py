"""Keyword arguments, as the engine takes them."""

from __future__ import annotations

from typing import Any


def seed_of(value: bool | int | None, name: str) -> int | None:
    """A seed: 0 for True, none for False and None."""
    if value is None or value is False:
        return None
    if value is True:
        return 0
    if isinstance(value, int) or hasattr(value, "__index__"):
        return int(value)
    raise ValueError(f"{name}: {value!r}; expected True, False or a seed")


def shift_of(value: bool | int | None) -> int | str | None:
    """A seed of random shifts, ``none`` for False."""
    return "none" if value is False else seed_of(value, "shift")


def map_options(
    sets: int | str, kernel: int | None, calibration: int, crop: float | None, recalibrate: int | str | bool
) -> dict[str, Any]:
    """How maps are calibrated."""
    return {
        "sets": sets,
        "kernel": kernel,
        "calibration": calibration,
        "crop": crop,
        "recalibrate": 0 if recalibrate is False or recalibrate == "off" else recalibrate,
    }
