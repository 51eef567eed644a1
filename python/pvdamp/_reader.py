"""The process that reads HDF5 files for this one."""

from __future__ import annotations

import sys

# Loads the module alone, which takes a third of the time that the package would.
_LOAD = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("_pvdamp", sys.argv[1])
module = module_from_spec(spec)
spec.loader.exec_module(module)
module.read_for_parent()
"""


def command() -> list[str] | None:
    """The command line of a process that reads HDF5, ``None`` where this interpreter cannot be started again."""
    from . import _pvdamp

    # a program that holds its interpreter within would start itself again
    if not sys.executable or getattr(sys, "frozen", False):
        return None
    return [sys.executable, "-I", "-S", "-c", _LOAD, str(_pvdamp.__file__)]
