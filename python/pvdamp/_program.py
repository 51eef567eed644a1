"""The program ``pvdamp``."""

from __future__ import annotations

import os
import signal
import sys

from . import _pvdamp, _reader


def main() -> int:
    """Run the program with the arguments of this process, once in a process, and give its exit code."""
    # HDF5 takes drivers, plugins and more from its environment, also where it writes
    for name in [name for name in os.environ if name.startswith("HDF5_")]:
        if name != "HDF5_USE_FILE_LOCKING":
            del os.environ[name]
    reader = _reader.command()
    if reader is None:
        print("pvdamp: error: the interpreter does not find itself, which reads HDF5", file=sys.stderr)
        return 1
    # an interrupt ends the program at once, or as its commands decide
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _pvdamp.run(["pvdamp", *sys.argv[1:]], reader)
