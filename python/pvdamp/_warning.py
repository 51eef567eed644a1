"""Warnings of this package."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class PvdampWarning(UserWarning):
    """What a user should know before he believes an image."""


def warn(sentences: Iterable[str]) -> None:
    """Warn once of each sentence, as if the caller of a public function did."""
    for sentence in dict.fromkeys(sentences):
        warnings.warn(sentence, PvdampWarning, stacklevel=3)
