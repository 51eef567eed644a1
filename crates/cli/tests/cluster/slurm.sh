#!/usr/bin/env bash
# pvdamp batch on a cluster: shards by xargs, by the index of a Kubernetes job, and as an array of a real Slurm, which
# is started here and stopped again. Every way must leave what one plain run leaves, also where shards are killed.
#
# crates/cli/tests/cluster/slurm.sh [PVDAMP]    exit code 0: so it is; 1: not; 77: skipped, there is no Slurm to be had
set -uo pipefail
root=$(cd "$(dirname "$0")/../../../.." && pwd)
here=$root/crates/cli/tests/cluster
. "$here/node.sh"

program=$(realpath "${1:-$root/target/release/pvdamp}")
[ "$(basename "$program")" = pvdamp ] && [ -x "$program" ] || { echo "$program is no pvdamp" >&2; exit 1; }
PATH=$(dirname "$program"):$PATH
unset SLURM_CONF SLURM_ARRAY_TASK_ID JOB_COMPLETION_INDEX PVDAMP_SHARDS SHARD

skip() {
    echo "cluster: skipped: $1"
    exit 77
}
command -v python3 >/dev/null || skip "no python3"

folder=$(mktemp -d)
finish() {
    stop_slurm
    [ -z "$(jobs -pr)" ] || kill -KILL $(jobs -pr) 2>/dev/null
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$folder" || exit 1

fail() {
    exec >&2
    echo "FAILED: $*"
    for log in "$folder"/log/* "$folder"/*.log; do
        [ -s "$log" ] && echo "--- $(basename "$log")" && tail -n 15 "$log"
    done
    exit 1
}

# Says what was done, with the seconds it took.
step() {
    echo "$1 [$SECONDS s]"
    SECONDS=0
}

# Runs a command and holds its exit code to one of those wanted: expect "CODES" WHAT COMMAND...
expect() {
    local wanted=$1 what=$2 code=0
    shift 2
    timeout 300 "$@" >"log/$what" 2>&1 || code=$?
    [[ " $wanted " == *" $code "* ]] || fail "$what: exit code $code, not one of $wanted: $*"
}

# Merges the shards of a folder and holds the result to the plain run.
merged_as_plain() {
    expect 3 "merge $1" pvdamp batch --merge -o "$1"
    python3 "$here/compare.py" "$scans" plain "$1" || fail "$1 is not what the plain run left"
}

# A batch has written its first result below a folder.
has_result() {
    [ "$(count "$1")" -gt 0 ]
}

# Results in a folder.
count() {
    find "$1" -name '[!.]*.h5' 2>/dev/null | wc -l
}

export scans=$folder/scans
mkdir -p log scans/sub/deep
options=(--accel 4 --acs 16 --sampling poisson-disc --seed 5 --iterations 30)

seed=0
for volume in a:1 b:7 sub/c:4 sub/d:2 sub/deep/e:9 f:6; do
    seed=$((seed + 1))
    expect 0 simulate pvdamp simulate -q --size 192x176 --coils 6 --slices "${volume#*:}" --seed $seed \
        -o "scans/${volume%:*}.h5"
done
head -c 100000 scans/a.h5 >scans/broken.h5

expect 3 plain pvdamp batch "$scans" -o plain "${options[@]}"
python3 "$here/compare.py" "$scans" plain plain || fail "the plain run"
step "plain run"

shard_of_four() {
    timeout 300 pvdamp batch "$scans" -o xargs "${options[@]}" --threads 1 --shard "$1/4" >"log/xargs $1" 2>&1
    case $? in 0 | 3) ;; *) return 1 ;; esac
}
export -f shard_of_four
declare -p options >options
seq 4 | xargs -P 2 -I{} bash -c '. ./options; shard_of_four {}' || fail "xargs"
merged_as_plain xargs
step "4 shards, two at a time, by xargs"

# A shard that is killed on the spot, as by a node that dies, and started again.
pvdamp batch "$scans" -o killed "${options[@]}" --threads 1 --shard 1/2 >"log/killed 1" 2>&1 &
shard=$!
within 60 has_result killed || fail "no result of the shard to be killed"
kill -KILL "$shard"
wait "$shard" 2>/dev/null
[ $? = 137 ] || fail "the shard was done before it was killed"
before=$(count killed)
expect "0 3" "killed 2" pvdamp batch "$scans" -o killed "${options[@]}" --shard 2/2
expect 1 "killed merge" pvdamp batch --merge -o killed
grep -q "1/2" "log/killed merge" || fail "merging does not tell which shard to run again"
expect "0 3" "killed again" pvdamp batch "$scans" -o killed "${options[@]}" --shard 1/2
merged_as_plain killed
step "a shard killed after $before of its results, and started again"

# The arguments of the Kubernetes job, behind the entry point of its image, as a cluster would start it for each index.
kubernetes() {
    python3 - "$root/docs/pvdamp.job.yaml" <<'PY'
import json, re, sys
text = open(sys.argv[1]).read()
print("pvdamp", *json.loads(re.search(r"args: (\[.*\])", text)[1]), sep="\n")
shards = re.search(r'PVDAMP_SHARDS, value: "(\d+)"', text)[1]
assert shards == re.search(r"completions: (\d+)", text)[1], "completions and PVDAMP_SHARDS differ"
print(shards)
PY
}
mapfile -t words < <(kubernetes)
[ "${#words[@]}" -gt 5 ] || fail "docs/pvdamp.job.yaml was not understood"
shards=${words[-1]}
unset 'words[-1]'
words=("${words[@]/#\/scans/$scans}")
words=("${words[@]/#\/results/kubernetes}")
for ((index = shards - 1; index >= 0; index--)); do
    variables=(PVDAMP_SHARDS="$shards" JOB_COMPLETION_INDEX="$index")
    expect "0 3" "kubernetes $index" env "${variables[@]}" "${words[@]}" "${options[@]}"
done
merged_as_plain kubernetes
step "$shards indices of the Kubernetes job"

missing=$(missing_program)
[ -z "$missing" ] || skip "no Slurm, $missing is missing"
start_slurm "$folder" || {
    tail -n 5 "$folder"/*.out "$folder"/slurm*.log "$folder"/munged.log
    skip "Slurm does not start here"
}
step "$(sinfo --version), one node"

# Submits the batch file of the documentation: submit OUT OPTIONS OF SBATCH...
submit() {
    local out=$1
    shift
    timeout 30 sbatch --parsable --cpus-per-task=1 --mem=1500 --time=10 "$@" "$root/docs/pvdamp.sbatch" \
        "$scans" -o "$folder/$out" "${options[@]}" || fail "sbatch"
}

# States of the tasks of an array: ID=STATE, with the restarts.
states() {
    timeout 10 scontrol -o show job "$1" 2>/dev/null |
        sed -E 's/.*ArrayTaskId=([^ ]+).*JobState=([^ ]+).*Restarts=([^ ]+).*/\1=\2 restarts=\3/'
}

ended() {
    local current
    current=$(states "$1")
    [ -n "$current" ] && ! grep -qE "PENDING|RUNNING|COMPLETING|CONFIGURING|REQUEUED" <<<"$current"
}

# The merge as a job that waits for the array, as the documentation has it.
merge_job() {
    timeout 30 sbatch --parsable --mem=500 --dependency="afterany:$1" --output="merge-$2.log" \
        --wrap "pvdamp batch --merge -o $folder/$2" || fail "sbatch of the merge"
}

array=$(submit array --array=1-2) || exit 1
merge=$(merge_job "$array" array) || exit 1
within 300 ended "$merge" || fail "the array does not end"
states "$array" | grep -c "COMPLETED\|FAILED" | grep -qx 2 || fail "the array: $(states "$array")"
merged_as_plain array
step "an array of two tasks, merged by a job that waits for it"

array=$(submit cancelled --array=1-2) || exit 1
within 60 has_result cancelled || fail "no result of the task to be cancelled"
timeout 10 scancel "${array}_2"
before=$(count cancelled)
within 300 ended "$array" || fail "the array does not end"
states "$array" | grep -q "2=CANCELLED" || fail "task 2 was done before it was cancelled"
expect 1 "cancelled merge" pvdamp batch --merge -o cancelled
grep -q "2/2" "log/cancelled merge" || fail "merging does not tell which shard to run again"
array=$(SHARD=2/2 submit cancelled --array=2) || exit 1
within 300 ended "$array" || fail "the task that was submitted again does not end"
merged_as_plain cancelled
step "a task cancelled after $before results, and submitted again"

# What Slurm does two minutes before the end of --time. The last task has the number of the array as SLURM_JOB_ID: it
# must not put the other back too.
array=$(submit requeued --array=1-2) || exit 1
within 60 has_result requeued || fail "no result of the task that runs out of time"
before=$(count requeued)
timeout 10 scancel --batch --signal=USR1 "${array}_2"
within 60 eval "states $array | grep -q '2=.*restarts=1'" || fail "task 2 did not put itself back: $(states "$array")"
# Slurm lets a task that was put back wait two minutes; the test seconds, so that its credential is a newer one.
within 60 eval "states $array | grep -q '2=PENDING'" || fail "task 2 is not in the queue: $(states "$array")"
sleep 3
begun_again() {
    timeout 10 scontrol update jobid="${array}_2" StartTime=now 2>/dev/null
    states "$array" | grep -q "2=\(RUNNING\|COMPLETED\|FAILED\)"
}
within 60 begun_again || fail "task 2 does not begin again: $(states "$array")"
within 300 ended "$array" || fail "the array does not end"
states "$array" | grep -q "1=.*restarts=0" || fail "task 2 put task 1 back: $(states "$array")"
merged_as_plain requeued
step "a task out of time after $before results, put back into the queue by itself"

# The broken scan mended: one run without shards takes up what all of them did.
cp scans/a.h5 scans/broken.h5
expect 0 mended pvdamp batch "$scans" -o array "${options[@]}"
grep -q "6 scan(s) done already" log/mended || fail "what the shards did is done again"
step "the broken scan alone, once it was mended"

stop_slurm
echo "cluster: every way left what one plain run leaves"
