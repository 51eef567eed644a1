"""Keyword arguments, as the engine takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")

# As large as the seeds that files can hold.
_LARGEST = 2**63 - 1


def given(kind: Callable[[Any, str], _T], value: Any, name: str) -> _T | None:
    """A value of a kind, such as `whole`, where it is given."""
    return None if value is None else kind(value, name)


def whole(value: Any, name: str, least: int = 0) -> int:
    """A whole number, if it is one."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not least <= value <= _LARGEST:
        raise ValueError(f"{name}: {value!r}; expected a whole number, {least} or more")
    return int(value)


def threads_of(value: Any) -> int | None:
    """How many threads there are to be, where it is said."""
    return None if value is None else whole(value, "threads", least=1)


def number(value: Any, name: str) -> float:
    """A number, if it is one."""
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        raise ValueError(f"{name}: {value!r}; expected a number")
    return float(value)


def word(value: Any, name: str) -> str:
    """A word, if it is one."""
    if isinstance(value, str):
        return value
    raise ValueError(f"{name}: {value!r}; expected a name")


def whole_or_word(value: Any, name: str) -> int | str:
    """A whole number, or a word such as ``auto``, which the engine judges."""
    return value if isinstance(value, str) else whole(value, name)


def seed_of(value: bool | int | None, name: str) -> int | None:
    """A seed: 0 for True, none for False and None."""
    if value is None or value is False:
        return None
    if value is True:
        return 0
    if hasattr(value, "__index__") and 0 <= value <= _LARGEST:
        return int(value)
    raise ValueError(f"{name}: {value!r}; expected True, False or a seed, 0 or more")


def shift_of(value: bool | int | None) -> int | str | None:
    """A seed of random shifts, ``none`` for False."""
    return "none" if value is False else seed_of(value, "shift")


def map_options(
    sets: int | str, kernel: int | None, calibration: int, crop: float | None, recalibrate: int | str | bool
) -> dict[str, Any]:
    """How maps are calibrated."""
    never = recalibrate is False or recalibrate == "off"
    return {
        "sets": whole_or_word(sets, "map_sets"),
        "kernel": given(whole, kernel, "kernel"),
        "calibration": whole(calibration, "calibration"),
        "crop": given(number, crop, "crop"),
        "recalibrate": 0 if never else whole_or_word(recalibrate, "recalibrate"),
    }
