"""Conventions, files, the search for λ, and the whole on a tiny scan: python -m unittest discover benches/peers"""

from __future__ import annotations

import argparse
import io
import json
import math
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import cases  # noqa: E402
import growth  # noqa: E402
import measured  # noqa: E402
import programs  # noqa: E402
import run  # noqa: E402
import whole  # noqa: E402
import written  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PVDAMP = ROOT / "target/release/pvdamp"
SCAN = ROOT / "data/tiny.h5"


def record(**other: object) -> dict:
    """A case of data/tiny.h5, as `results.json` has it."""
    arguments = ["--accel", "2", "--acs", "16", "--seed", "3"]
    common = {"id": "tiny", "group": "tiny", "scan": str(SCAN), "slice": 1, "reference": True, "arguments": arguments}
    return {**common, **other}


def noise(seed: int, *shape: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (draw.normal(size=shape) + 1j * draw.normal(size=shape)).astype(np.complex64)


class Conventions(unittest.TestCase):
    def test_the_transform_is_that_of_the_documentation(self) -> None:
        rows, cols = 5, 8
        image = noise(1, rows, cols)
        p, r = np.arange(rows)[:, None] - rows // 2, np.arange(rows)[None, :] - rows // 2
        q, c = np.arange(cols)[:, None] - cols // 2, np.arange(cols)[None, :] - cols // 2
        along_rows, along_cols = np.exp(-2j * np.pi * p * r / rows), np.exp(-2j * np.pi * q * c / cols)
        kspace = along_rows @ image @ along_cols.T / math.sqrt(rows * cols)
        np.testing.assert_allclose(cases.to_image(kspace), image, atol=1e-5)

    @unittest.skipUnless(PVDAMP.is_file(), "cargo build --release first")
    def test_the_reference_is_the_image_of_this_program(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "full.h5"
            words = [str(PVDAMP), "recon", str(SCAN), "--method", "zero-filled", "-q", "-o", str(output)]
            subprocess.run([*words, "--save-maps"], check=True)
            with h5py.File(output) as file:
                image, maps = file["image"][1], file["maps"][1, 0]
        reference = cases.combine(cases.read_kspace(SCAN, "kspace", 1), maps)
        np.testing.assert_allclose(reference, image, atol=1e-5 * np.abs(image).max())

    @unittest.skipUnless(PVDAMP.is_file(), "cargo build --release first")
    def test_a_case_is_made_again(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            case = cases.prepare(record(), str(PVDAMP), Path(folder))
            again = programs.Pvdamp(str(PVDAMP)).solve(case, 1, Path(folder))
        self.assertAlmostEqual(case.mask.mean(), 0.5, delta=0.1)
        self.assertTrue(np.all(case.kspace[:, ~case.mask] == 0) and np.all(case.kspace[:, case.mask] != 0))
        self.assertEqual(case.maps.shape, case.kspace.shape)
        self.assertLess(cases.nmse_object(again.image, case.reference), -15)

    def test_nmse_is_of_the_object_and_blind_to_one_phase(self) -> None:
        truth = np.full((4, 4), 0.01 + 0j)
        truth[0] = 1
        image = truth * np.exp(0.7j)
        image[1] += 100
        self.assertLess(cases.nmse_object(image, truth), -100)
        image[0] *= 1.1
        self.assertAlmostEqual(cases.nmse_object(image, truth), -20, places=5)


class Intensity(unittest.TestCase):
    def test_the_block_is_the_largest_sampled_one(self) -> None:
        sampled = np.zeros((64, 48), bool)
        sampled[32 - 9 : 32 + 9, 24 - 5 : 24 + 5] = True
        self.assertEqual(cases.calibration_block(sampled), (18, 10))
        self.assertEqual(cases.calibration_block(np.ones((64, 20), bool)), (32, 20))

    def test_a_uniform_image_has_its_own_value(self) -> None:
        kspace = np.zeros((2, 64, 48), np.complex64)
        kspace[:, 32, 24] = 3 * math.sqrt(64 * 48), 4 * math.sqrt(64 * 48)
        kspace[:, kspace[0] == 0] = 1e-9
        self.assertAlmostEqual(cases.intensity(kspace), 5, places=3)

    @unittest.skipIf(programs.Bart().missing(), "no BART")
    def test_it_is_that_of_bart(self) -> None:
        """All coefficients are above the threshold and the step is a half: λ/2 of each is taken off."""
        kspace, lambda_ = 7 * noise(2, 1, 64, 64), 0.01
        with tempfile.TemporaryDirectory() as folder:
            at = [str(Path(folder) / name) for name in ("kspace", "maps", "image")]
            programs.write_cfl(Path(at[0]), kspace.transpose(1, 2, 0)[:, :, None, :])
            programs.write_cfl(Path(at[1]), np.ones((64, 64, 1, 1), np.complex64))
            options = ["-l1", "-r", str(lambda_), "-i", "60", "-s", "0.5", "-n", "-S", "-d0"]
            cases.run(["bart", "pics", *options, *at])
            image = programs.read_cfl(Path(at[2])).reshape(64, 64)
        shrunk = math.sqrt(np.mean(np.abs(image - cases.to_image(kspace)[0]) ** 2))
        self.assertAlmostEqual(shrunk / (0.5 * lambda_ * cases.intensity(kspace)), 1, delta=0.02)


class Peers(unittest.TestCase):
    """With all of k-space and hardly any λ, every program returns the true image, whatever the size."""

    def holds(self, program: programs.Program) -> None:
        for rows, cols in ((48, 40), (49, 40), (48, 41), (49, 41)):
            truth, maps = noise(5, rows, cols) + 3, noise(6, 2, rows, cols)
            maps /= np.sqrt(np.sum(np.abs(maps) ** 2, axis=0))
            forward = np.fft.fft2(np.fft.ifftshift(maps * truth, axes=(-2, -1)), norm="ortho")
            kspace = np.fft.fftshift(forward, axes=(-2, -1)).astype(np.complex64)
            everywhere = np.ones((rows, cols))
            case = cases.Case("full", "full", kspace, maps, everywhere > 0, everywhere, truth, None)
            with tempfile.TemporaryDirectory() as folder:
                image = program.solve(case, [1e-6], 40, 1, Path(folder))[0].image
            self.assertLess(cases.nmse_object(image, truth), -70, msg=f"{rows}x{cols}")
            ratio = np.linalg.norm(image) / np.linalg.norm(truth)
            self.assertAlmostEqual(float(ratio), 1, delta=1e-4)

    @unittest.skipIf(programs.Bart().missing(), "no BART")
    def test_bart(self) -> None:
        self.holds(programs.Bart())

    @unittest.skipIf(programs.SigPy().missing(), "no SigPy")
    def test_sigpy(self) -> None:
        self.holds(programs.SigPy())


class Files(unittest.TestCase):
    def test_cfl_round_trip(self) -> None:
        array = noise(3, 5, 4, 1, 3)
        with tempfile.TemporaryDirectory() as folder:
            programs.write_cfl(Path(folder) / "a", array)
            back = programs.read_cfl(Path(folder) / "a")
        self.assertEqual(back.shape, (5, 4, 1, 3, *[1] * 12))
        np.testing.assert_array_equal(back.reshape(array.shape), array)

    def test_kspace_of_any_layout(self) -> None:
        array = noise(4, 2, 3, 4, 5)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scan.h5"
            with h5py.File(path, "w") as file:
                file["four"], file["three"], file["two"] = array, array[:, 0], array[0, 0]
                named = np.zeros(array.shape, [("real", "f4"), ("imag", "f4")])
                named["real"], named["imag"] = array.real, array.imag
                file["named"] = named
            for dataset, expected in (("four", array[1]), ("named", array[1]), ("three", array[1, :1])):
                np.testing.assert_array_equal(cases.read_kspace(path, dataset, 1), expected)
            np.testing.assert_array_equal(cases.read_kspace(path, "two", 0), array[0, :1])
            with self.assertRaisesRegex(cases.Failure, "no dataset 'five'"):
                cases.read_kspace(path, "five", 0)

    def test_an_option_is_found(self) -> None:
        words = ["--maps", "m.h5", "--kspace=k"]
        self.assertEqual([cases.option(words, name) for name in ("--maps", "--kspace", "--x")], ["m.h5", "k", None])

    def test_times_of_a_case_are_replaced(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "peers/times.json"
            case = mock.Mock(id="a", group="a")
            other = mock.Mock(id="b", group="b")
            timing = lambda seconds: written.Timing("bart", "BART", 1, "process", seconds)
            written.write_times(path, case, [timing([1.0])])
            written.write_times(path, other, [timing([2.0])])
            written.write_times(path, case, [timing([3.0, 5.0, 4.0])])
            times = json.loads(path.read_text())["times"]
        self.assertEqual([(t["case"], t["median"]) for t in times], [("b", 2.0), ("a", 4.0)])


class Search(unittest.TestCase):
    def search(self, best: float, grid: tuple[float, ...] = run.GRID) -> dict[float, float]:
        return run.search(lambda tried: [math.log(lambda_ / best) ** 2 for lambda_ in tried], list(grid))

    def test_the_optimum_is_found_to_a_tenth(self) -> None:
        for best in (0.00123, 0.0017, 0.05, 0.0001, 0.4, 0.00002):
            points = self.search(best)
            found = min(points, key=points.__getitem__)
            self.assertLess(abs(math.log(found / best)), math.log(run.CLOSE), msg=str(best))
            self.assertLess(len(points), 25)

    def test_it_ends(self) -> None:
        points = self.search(1e6)
        self.assertEqual(max(points), min(points, key=points.__getitem__))
        self.assertEqual(len(self.search(0.01, (0.5,))), 1)


class Whole(unittest.TestCase):
    def test_without_results_one_sentence(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, run.__file__, folder], check=False, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (1, "", 1))
        self.assertIn("results.json: there is no such file", done.stderr)

    def run_on(self, folder: str, case: dict) -> str:
        (Path(folder) / "results.json").write_text(json.dumps({"cases": [case]}))
        words = ["run.py", folder, "--pvdamp", str(PVDAMP), "--repeats", "1", "--grid", "0.005,0.01,0.02"]
        said = io.StringIO()
        with mock.patch.object(sys, "argv", words), redirect_stdout(said):
            self.assertEqual(run.main(), 0)
        return said.getvalue()

    def test_without_a_reference_it_says_so(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("no case has a reference", self.run_on(folder, record(reference=False)))

    @unittest.skipUnless(PVDAMP.is_file(), "cargo build --release first")
    def test_without_peers_it_says_what_to_install(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            no_bart = mock.patch("shutil.which", lambda name: None if name == "bart" else name)
            with no_bart, mock.patch("importlib.util.find_spec", lambda name: None):
                said = self.run_on(folder, record())
        self.assertIn("apt-get install bart", said)
        self.assertIn("pip install sigpy", said)

    @unittest.skipUnless(PVDAMP.is_file() and not programs.SigPy().missing(), "no SigPy, or nothing built")
    def test_results_are_written_once(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.object(run, "PROGRAMS", (programs.SigPy(),)):
                self.run_on(folder, record())
                self.assertIn("tiny: done already", self.run_on(folder, record()))
            peers = Path(folder) / "peers"
            self.assertEqual(sorted(p.name for p in peers.iterdir()), ["sigpy:0.009", "sigpy:optimal", "times.json"])
            with h5py.File(peers / "sigpy:optimal/tiny.h5") as file:
                curve = file["sensitivity/nmse_object_db"][...]
                self.assertEqual((file["image"].shape, file["image"].dtype), ((48, 40), np.complex64))
                self.assertEqual(file.attrs["lambda"], file["sensitivity/lambda"][curve.argmin()])
                self.assertEqual(file.attrs["label"], "SigPy L1WaveletRecon, optimal λ")
                self.assertEqual(file.attrs["oracle"], run.ORACLE)
                self.assertLess(curve.min(), -15)
                self.assertGreater(file.attrs["seconds"], 0)
            with h5py.File(peers / "sigpy:0.009/tiny.h5") as file:
                self.assertEqual((file.attrs["lambda"], file.attrs["oracle"]), (0.009, ""))
                self.assertNotIn("sensitivity", file)


class Processes(unittest.TestCase):
    def test_memory_is_that_of_the_program_alone(self) -> None:
        held = np.ones(20_000_000)
        program = "import time; held = bytearray({}); time.sleep({})"
        small, large = (
            measured.measure([sys.executable, "-I", "-S", "-c", program.format(size, 0.1)]) for size in (0, 64 << 20)
        )
        self.assertLess(small.peak, held.nbytes / 4)
        self.assertAlmostEqual((large.peak - small.peak) / (64 << 20), 1, delta=0.05)
        self.assertGreater(small.seconds, 0.1)
        self.assertEqual(small.then(large), measured.Taken(small.seconds + large.seconds, large.peak))

    def test_a_failure_is_a_sentence(self) -> None:
        with self.assertRaisesRegex(cases.Failure, "no such thing"):
            measured.measure([sys.executable, "-c", "import sys; sys.exit('no such thing')"])

    def test_exponents(self) -> None:
        sizes = [1.0, 2.0, 5.0, 9.0]
        self.assertAlmostEqual(growth.exponent(sizes, [3 * size**1.3 for size in sizes]), 1.3)

    @unittest.skipUnless(PVDAMP.is_file(), "cargo build --release first")
    def test_every_table_is_printed(self) -> None:
        words = ["whole.py", "--pvdamp", str(PVDAMP), "--cases", "64x48x3", "--rounds", "1"]
        words += ["--programs", "bart"]
        said = io.StringIO()
        with mock.patch.object(sys, "argv", words), redirect_stdout(said):
            whole.main()
        rows = [line for line in said.getvalue().splitlines() if line.startswith("| `pvdamp ")]
        self.assertEqual(len(rows), 5)
        for row in rows[:4]:
            self.assertLess(float(row.split("|")[-2]), -5, msg=row)


class Words(unittest.TestCase):
    def test_arguments_are_checked(self) -> None:
        self.assertEqual(run.counts("2,1,2"), [1, 2])
        self.assertEqual(run.names("sigpy"), ["sigpy"])
        for parse, text in ((run.positive, "0"), (run.weights, "0.1,-1"), (run.names, "gadgetron")):
            with self.assertRaises(argparse.ArgumentTypeError):
                parse(text)


if __name__ == "__main__":
    unittest.main()
