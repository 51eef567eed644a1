#!/usr/bin/env bash
# Every fuzz target for some seconds, on all processors, by the stable compiler: fuzz/smoke.sh [SECONDS [SEED]]. An input
# that panics, takes long or needs much memory is shown and kept in target/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
seed=${2:-1}
# Much more than any of these small inputs needs, in kilobytes.
memory=1500000

cargo build --release --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir target --bin smoke
export smoke=target/release/smoke seconds seed memory

one() {
    local work code=0
    # in memory, where that is: every input is a file
    work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
    (
        ulimit -c 0 -v "$memory"
        TMPDIR=$work timeout -s KILL $((seconds + 60)) "$smoke" fuzz/corpus "$seconds" "$seed" "$1"
    ) || code=$?
    if [ "$code" != 0 ]; then
        mkdir -p target/fuzz
        local kept=target/fuzz/$1
        cat "$work/pvdamp-fuzz-$1-"* >"$kept" || true
        echo "$1: exit code $code; the input is in $kept: $(wc -c <"$kept") bytes, of which the first are"
        head -c 3000 "$kept" | base64
    fi >&2
    rm -rf "$work"
    return "$code"
}
export -f one

# Each has a folder there.
ls fuzz/corpus | xargs -P "$(nproc)" -I TARGET bash -c 'one TARGET'
