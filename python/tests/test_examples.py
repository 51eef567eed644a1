"""The notebooks of the documentation run, on the data they simulate."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def run(script, folder, *arguments):
    return subprocess.run(
        [sys.executable, script, *arguments], cwd=folder, env=os.environ, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_notebook_runs(script, tmp_path):
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_notebook_is_in_percent_format(script):
    text = script.read_text()
    assert text.startswith("# %% [markdown]\n# # ")
    # no code before a cell, and a text cell has comments alone
    for cell in text.split("# %% [markdown]\n")[1:]:
        comments = cell.split("\n# %%\n")[0].strip().splitlines()
        assert all(line.startswith("#") for line in comments), comments


def test_all_three_notebooks_are_there():
    assert [script.stem for script in SCRIPTS] == ["compare", "error_bars", "first_image"]


def test_the_comparison_takes_a_scan_of_ones_own(tmp_path):
    import pvdamp

    np = pytest.importorskip("numpy")
    np.save(tmp_path / "scan.npy", pvdamp.simulate((96, 80), coils=4, slices=2, noise=0.01, seed=4).kspace)
    done = run(EXAMPLES / "compare.py", tmp_path, "scan.npy")
    assert done.returncode == 0, done.stderr
    assert "against the full scan" in done.stdout and "(4, 96, 80)" in done.stdout
    assert "pvdamp, method howl" in done.stdout
