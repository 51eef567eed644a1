"""Holds the results of one batch to those of another: compare.py SCANS PLAIN OTHER.

All but times must be the same: the files by their bytes, the manifests, the lines of the slices. The outputs must be
what the manifest says by checksum, and the broken scan must be reported, with a reason. Prints what was compared.
"""

import hashlib
import json
import sys
from pathlib import Path

TIMES = {"seconds", "preparation_seconds", "slice_seconds", "modified"}


def without_times(value):
    """A JSON value without what tells how long it took and when."""
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    if isinstance(value, list):
        return [without_times(inner) for inner in value]
    return value


def checksum(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def results(folder):
    """What a batch left in a folder: its manifest, its lines, and the checksum of every result below it."""
    manifest = json.loads((folder / "batch.json").read_text())
    lines = [json.loads(line) for line in (folder / "batch.jsonl").read_text().splitlines()]
    found = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    own = ("batch", ".pvdamp/")
    return manifest, lines, {name: checksum(file) for name, file in found.items() if not name.startswith(own)}


def differences(one, other, where="manifest"):
    """Where two JSON values differ, as sentences."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), f"{where}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other)):
            yield from differences(*pair, f"{where}[{index}]")
    elif one != other:
        yield f"{where}: {one!r} in the plain run, {other!r} in the other"


def main():
    scans, plain, other = map(Path, sys.argv[1:])
    (wanted, wanted_lines, wanted_files), (manifest, lines, files) = results(plain), results(other)
    wrong = []
    for key in sorted((wanted.keys() | manifest.keys()) - {"machine", "written_at"}):
        wrong += differences(without_times(wanted.get(key)), without_times(manifest.get(key)), key)
    wrong += differences(without_times(wanted_lines), without_times(lines), "lines")
    wrong += differences(wanted_files, files, "files")

    done = [volume for volume in manifest["volumes"] if volume["status"] == "done"]
    failed = [volume for volume in manifest["volumes"] if volume["status"] != "done"]
    for volume in done:
        if files.get(volume["name"]) != volume["written"]["sha256"]:
            wrong.append(f"{volume['name']}: its checksum is not that of the manifest")
    if len(done) != len(files) or len(done) + len(failed) != len(list(scans.rglob("*.h5"))):
        wrong.append(f"{len(done)} volumes done, {len(failed)} failed, {len(files)} files")
    if len(lines) != sum(volume["slices"] for volume in done):
        wrong.append(f"{len(lines)} lines of slices")
    if [volume["name"] for volume in failed] != ["broken.h5"] or not failed[0]["error"]:
        wrong.append(f"failed, where broken.h5 should have, with a reason: {failed}")

    for sentence in wrong[:20]:
        print(f"  {sentence}")
    if wrong:
        sys.exit(1)
    print(f"  {len(files)} results the same bytes, {len(lines)} lines of slices the same; broken: {failed[0]['error']}")


if __name__ == "__main__":
    main()
