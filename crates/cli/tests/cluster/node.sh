# A Slurm of one node on the loopback, in a folder of its own: nothing of the system's configuration is read or
# changed, and no service has to run. Sourced; start_slurm FOLDER sets SLURM_CONF, stop_slurm ends all it started.

# The first of the programs wanted that is missing.
missing_program() {
    for program in munged slurmctld slurmd sbatch scontrol squeue sinfo scancel; do
        command -v "$program" >/dev/null || { echo "$program"; return; }
    done
}

# Waits until a command succeeds: within SECONDS COMMAND...
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

start_slurm() {
    local folder=$1 host user ports
    host=$(hostname -s)
    user=$(id -un)
    ports=$(python3 - <<'PY'
import socket
open_ones = [socket.socket() for _ in range(2)]
for s in open_ones:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in open_ones))
PY
    )
    mkdir -p "$folder/state" "$folder/spool"
    chmod 755 "$folder"
    head -c 64 /dev/urandom >"$folder/munge.key"
    chmod 600 "$folder/munge.key"
    # proctrack/linuxproc and task/none: in a container there may be no cgroups to write to. config_overrides: two
    # tasks run side by side also on one core.
    cat >"$folder/slurm.conf" <<CONF
ClusterName=pvdamp
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=${ports% *}
SlurmdPort=${ports#* }
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge.socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
KillWait=20
NodeName=node NodeHostname=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF=$folder/slurm.conf
    daemons=()
    munged --foreground --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
        --pid-file="$folder/munged.pid" --seed-file="$folder/munged.seed" --log-file="$folder/munged.log" \
        >"$folder/munged.out" 2>&1 &
    daemons+=($!)
    within 20 test -S "$folder/munge.socket" || return 1
    slurmctld -D >"$folder/slurmctld.out" 2>&1 &
    daemons+=($!)
    slurmd -D -N node >"$folder/slurmd.out" 2>&1 &
    daemons+=($!)
    within 60 is_idle_or_dead && is_idle
}

is_idle() {
    [ "$(timeout 10 sinfo -h -o %T 2>/dev/null)" = idle ]
}

is_idle_or_dead() {
    local daemon
    for daemon in "${daemons[@]}"; do
        kill -0 "$daemon" 2>/dev/null || return 0
    done
    is_idle
}

no_jobs() {
    [ -z "$(timeout 10 squeue -h 2>/dev/null)" ]
}

# Ids of processes that Slurm started for jobs of this cluster, and of its daemons.
processes() {
    local environ id
    for environ in /proc/[0-9]*/environ; do
        id=${environ//[^0-9]/}
        [ "$id" = "$$" ] && continue
        case $(cat "/proc/$id/comm" 2>/dev/null) in
        slurm* | munged | pvdamp | sleep) grep -qzxF "SLURM_CONF=$SLURM_CONF" "$environ" 2>/dev/null && echo "$id" ;;
        esac
    done
}

stop_slurm() {
    [ -n "${SLURM_CONF:-}" ] || return 0
    if timeout 10 sinfo >/dev/null 2>&1; then
        timeout 10 scancel --user="$(id -un)" >/dev/null 2>&1
        within 30 no_jobs
    fi
    local daemon left
    for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
        daemon=${daemons[i]}
        kill "$daemon" 2>/dev/null
        within 20 eval "! kill -0 $daemon 2>/dev/null" || kill -KILL "$daemon" 2>/dev/null
        wait "$daemon" 2>/dev/null
    done
    left=$(processes)
    if [ -n "$left" ]; then
        echo "left by Slurm, killed now: $(ps -o comm= -p ${left//$'\n'/,} | tr '\n' ' ')" >&2
        kill -KILL $left 2>/dev/null
    fi
    unset SLURM_CONF
}
