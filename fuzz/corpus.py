#!/usr/bin/env python3
"""Writes the corpus of the fuzz targets: `fuzz/corpus.py target/release/pvdamp`. Small sound files of every kind; the
program makes the journals and manifests itself, of a scan that it simulates."""

import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

CORPUS = pathlib.Path(__file__).parent / "corpus"
WORDS = [
    "slice,coil,kx,ky",
    "coil, KX,ky,kz",
    "x,ky,kz,coil",
    "2/8",
    "masks.h5:r5/mask",
    "C:/a.h5:b:c",
    "lines-random",
    "pvdamp-unbiased",
    "sym4",
]


def npy(kind, shape, fortran=False, version=1):
    width = int(kind[2:])
    count = 1
    for length in shape:
        count *= length
    values = bytes(range(1, 251)) * (count * width // 250 + 1)
    if kind[1] in "fc":
        # no byte of these is the exponent of NaN
        values = struct.pack(">f" if kind[0] == ">" else "<f", 1.5) * (count * width // 4)
    lengths = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    header = f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({lengths}), }}"
    prefix = 8 + (2 if version == 1 else 4)
    header += " " * (-(prefix + len(header) + 1) % 64) + "\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + values[: count * width]


def npz(members, compression):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, value in members.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), value, compress_type=compression)
    return file.getvalue()


def npz_of_numpy(members):
    """As NumPy writes members: with sizes of 64 bits."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in members.items():
            with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as member:
                member.write(value)
    return file.getvalue()


def cfl(lengths, comment=""):
    count = 1
    for length in lengths:
        count *= length
    header = "# Dimensions\n" + " ".join(map(str, lengths)) + "\n" + comment
    return header.encode() + b"\0" + struct.pack("<f", 1.5) * (2 * count)


def header(extra="", encodings=1):
    space = "<matrixSize><x>8</x><y>4</y><z>1</z></matrixSize><fieldOfView_mm><x>2</x><y>1</y><z>5.5</z></fieldOfView_mm>"
    limits = "<minimum>0</minimum><maximum>3</maximum><center>2</center>"
    encoding = (
        f"<encoding><encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace><encodingLimits>"
        f"<kspace_encoding_step_1>{limits}</kspace_encoding_step_1></encodingLimits><trajectory>cartesian</trajectory>"
        "<parallelImaging><calibrationMode>embedded</calibrationMode></parallelImaging></encoding>"
    )
    return (
        "<?xml version='1.0'?><ismrmrdHeader xmlns='http://www.ismrm.org/ISMRMRD'>"
        "<subjectInformation><patientName>A^B</patientName><patientID>1</patientID></subjectInformation>"
        "<studyInformation><studyDate>2020-02-29</studyDate><accessionNumber>2</accessionNumber></studyInformation>"
        "<acquisitionSystemInformation><receiverChannels>2</receiverChannels></acquisitionSystemInformation>"
        f"{encoding * encodings}<sequenceParameters><TR>4.5</TR><TE>2</TE></sequenceParameters>{extra}</ismrmrdHeader>"
    ).encode()


def of_program(program):
    """Journals and manifest of a batch and a bench, of small scans."""
    with tempfile.TemporaryDirectory() as folder:

        def run(*words):
            subprocess.run([program, *words, "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)

        os.mkdir(os.path.join(folder, "in"))
        run("simulate", "--size", "24", "--coils", "2", "--slices", "2", "-o", "in/full.h5")
        run("batch", "in", "--accel", "2", "--acs", "12", "--iterations", "2", "-o", "out")
        run("bench", "in/full.h5", "--accel", "2", "--acs", "12", "--methods", "zero-filled,pvdamp:bars", "-o", "bench")

        def read(name):
            return pathlib.Path(folder, name).read_bytes()

        first, *bench = read("bench/journal.jsonl").splitlines()
        assert b"Start" in first
        return {
            "batch-journal": {"batch": read("out/.pvdamp/journal.jsonl")},
            "bench-journal": {"bench": b"".join(short(line) + b"\n" for line in bench)},
            "manifest": {"batch": machineless(read("out/batch.json")) + b"\0" + read("out/batch.jsonl")},
        }


def short(line):
    """A line with no more of each list than the parser tells apart."""

    def cut(value):
        if isinstance(value, list):
            return [cut(part) for part in value[:3]]
        return {name: cut(part) for name, part in value.items()} if isinstance(value, dict) else value

    return json.dumps(cut(json.loads(line))).encode()


def machineless(manifest):
    manifest = json.loads(manifest)
    manifest["machine"]["processor"] = "any"
    return json.dumps(manifest).encode()


def corpus(program):
    arrays = {"images": npy("<c8", (2, 4, 3)), "mask": npy("|b1", (4, 3)), "list": npy("<f8", (3,))}
    scan = {"kspace": npy("<c8", (2, 2, 4, 3))}
    return {
        "npy": {
            "kspace": npy("<c8", (2, 2, 4, 3)),
            "volume": npy("<c16", (2, 4, 3, 2), fortran=True),
            "images": npy(">f4", (2, 4, 3)),
            "maps": npy("<c8", (2, 4, 3), version=2),
            "mask": npy("|b1", (4, 3)),
            "lines": npy("<i2", (3,)),
            "covariance": npy("<f8", (2, 2)),
        },
        "npz": {
            "stored": npz(arrays, zipfile.ZIP_STORED),
            "deflated": npz(scan, zipfile.ZIP_DEFLATED),
            "numpy": npz_of_numpy(scan),
        },
        "cfl": {
            "kspace": cfl([4, 3, 1, 2]),
            "volume": cfl([2, 4, 3, 2] + [1] * 12, "# Command\nphantom\n"),
            "maps": cfl([1, 4, 3, 2, 1, 1]),
        },
        "header": {
            "one": header(),
            "two": header("<userParameters><a b='&lt;1'>&amp;</a><![CDATA[<]]></userParameters><!-- -->", 2),
        },
        "words": {str(number): text.encode() for number, text in enumerate(WORDS)},
        **of_program(program),
    }


def main():
    for target, inputs in corpus(os.path.abspath(sys.argv[1])).items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in inputs.items():
            (folder / name).write_bytes(value)


if __name__ == "__main__":
    main()
