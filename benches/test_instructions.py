"""How counts are compared: python3 -m unittest benches/test_instructions.py"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import instructions  # noqa: E402

TOOLS = {"rustc": "rustc 1.95.0", "vectors": "avx2"}
BASELINE = {
    "made_with": TOOLS,
    "tolerance": 0.03,
    "tolerance_with_other_tools": 0.15,
    "instructions": {"a": 1000, "b": 1000},
}


class Comparison(unittest.TestCase):
    def verdicts(self, found: dict[str, int], tools: dict[str, str] = TOOLS) -> list[str]:
        return [change.verdict for change in instructions.compare(found, tools, BASELINE)[1]]

    def test_more_and_fewer(self) -> None:
        self.assertEqual(self.verdicts({"a": 1029, "b": 971, "c": 1}), ["as before", "as before", "new"])
        self.assertEqual(self.verdicts({"a": 1031, "b": 969}), ["MORE", "fewer"])

    def test_other_tools_are_told_and_need_more(self) -> None:
        other = {**TOOLS, "rustc": "rustc 1.96.0"}
        others, changes = instructions.compare({"a": 1149, "b": 1151}, other, BASELINE)
        self.assertEqual(others, ["rustc: rustc 1.96.0, not rustc 1.95.0"])
        self.assertEqual([change.verdict for change in changes], ["as before", "MORE"])


if __name__ == "__main__":
    unittest.main()
