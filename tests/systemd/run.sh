#!/bin/bash
# The files in systemd/ with a real systemd: installed as the README says, then used, broken and repaired.
#
#   run.sh BINARY
#
# One line a check, `ok - ...` or `not ok - ...` (what was seen follows behind #), then `N passed, N failed`. Exits 1 if
# any failed. Needs root, jq and what lab.sh needs; nothing on this machine is changed.
# LAB_ROOT=DIR tries another systemd: a root with systemd, dbus, jq, iproute2 and, if it shall be tried, cron.

# shellcheck disable=SC2317,SC2329 # most functions are called through check and wait_for
set -uo pipefail

here=$(dirname "$(realpath "$0")")
units=$(realpath "$here/../../systemd")
binary=$(realpath "${1:?usage: run.sh BINARY}")
work=$(mktemp -d "${TMPDIR:-/tmp}/hostwatch-systemd.XXXXXX")
export LAB_DIR=$work/lab LAB_SHARE=$work/share
# Where a sandbox could hide or change a file system: homes, /tmp, a plain one, one mounted read-only.
export LAB_MOUNTS='/data /home /tmp/disk /srv/fixed:ro'

passed=0 failed=0
store=/var/lib/hostwatch
service=hostwatch-collect.service
timer=hostwatch-collect.timer
marker=hostwatch-shutdown.service
bench=hostwatch-bench.service

cleanup() {
  "$here/lab.sh" stop
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit
}

ok() {
  passed=$((passed + 1))
  echo "ok - $1"
}

not_ok() { # TITLE [WHAT WAS SEEN]
  failed=$((failed + 1))
  echo "not ok - $1"
  [ -z "${2:-}" ] || echo "#   ${2//$'\n'/$'\n#   '}"
}

check() { # TITLE COMMAND...
  local title=$1 seen
  shift
  if seen=$("$@" 2>&1); then ok "$title"; else not_ok "$title" "$seen"; fi
}

is() { # TITLE EXPECTED SEEN
  if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected: $2"$'\n'"seen:     $3"; fi
}

lab() { "$here/lab.sh" exec "$@"; }
sh_lab() { lab bash -c "$@"; }

# Inside: a file from standard input.
put() { lab install -D -m "$1" /dev/stdin "$2"; }

lines() { sh_lab "cat ${1:-$store}/metrics_*.jsonl 2>/dev/null | wc -l"; }
last_line() { sh_lab "cat ${1:-$store}/metrics_*.jsonl | tail -n 1"; }
property() { lab systemctl show --value --property "$1" "$service"; }

wait_for() { # SECONDS COMMAND...
  local tries=$(($1 * 5))
  shift
  until "$@"; do
    ((tries-- > 0)) || return 1
    sleep 0.2
  done
}

more_lines_than() { [ "$(lines)" -gt "$1" ]; }

journal() { lab journalctl --quiet --no-pager --output cat --unit "$service" --lines 15; }

# One run by systemd, in the foreground: succeeds, and one more line is stored.
run_service() {
  local before
  before=$(lines)
  lab systemctl start "$service" || { journal; return 1; }
  more_lines_than "$before" || { echo "no new line (still $before)"; journal; return 1; }
}

drop_in() { put 644 "/run/systemd/system/$1.d/test.conf" && lab systemctl daemon-reload; }
no_drop_in() { sh_lab "rm -rf /run/systemd/system/$1.d && systemctl daemon-reload"; }

# The shape that the timer's own comment recommends, only faster.
fast_timer() { printf '[Timer]\nOnUnitActiveSec=\nOnBootSec=1s\nOnUnitActiveSec=3s\n' | drop_in "$timer"; }

# What a run can see and do, told by a script in the program's place: sets the array `probe`.
declare -A probe
run_probe() {
  local key value
  probe=()
  printf '[Service]\nExecStart=\nExecStart=/usr/local/bin/probe\n' | drop_in "$service"
  lab systemctl start "$service" || journal >&2
  no_drop_in "$service"
  while IFS='=' read -r key value; do probe[$key]=$value; done < <(lab cat /run/hostwatch/probe)
  lab rm -f /run/hostwatch/probe
}

# Everything in the store belongs to the service's user, whoever ran last.
not_ours() { sh_lab "find $store ! \\( -user hostwatch -group hostwatch \\) -printf '%p %u:%g\n'"; }

modes() { sh_lab "find $store -maxdepth 1 -name '$1' -printf '%m\n' | sort -u"; }

# --- start and install ---

for tool in jq unshare nsenter setpriv systemd-analyze; do
  command -v "$tool" > /dev/null || { not_ok "this machine has $tool"; finish; }
done
if [ "$(id -u)" != 0 ]; then
  not_ok 'root is needed: nothing was checked'
  finish
fi

mkdir "$work/share"
cp "$units"/* "$work/share"
cp "$binary" "$work/share/hostwatch"
if ! seen=$("$here/lab.sh" start 2>&1); then
  not_ok 'the lab boots' "$seen"
  finish
fi

# What this machine may have installed is none of the lab's business.
sh_lab "systemctl disable --now $timer; userdel hostwatch; rm -rf $store /etc/hostwatch /usr/local/bin/hostwatch \
  /etc/systemd/system/hostwatch* /usr/lib/sysusers.d/hostwatch* /etc/cron.d/*" > /dev/null 2>&1

install_all() {
  lab install -m 755 /run/share/hostwatch /usr/local/bin/hostwatch &&
    lab install -m 644 -D /run/share/hostwatch.sysusers /usr/lib/sysusers.d/hostwatch.conf &&
    lab systemd-sysusers &&
    lab install -m 644 "/run/share/$service" "/run/share/$timer" "/run/share/$marker" "/run/share/$bench" \
      "/run/share/${bench%.service}.timer" /etc/systemd/system/ &&
    lab systemctl daemon-reload
}
check 'binary, user and units are installed' install_all
is 'the user has no shell' "$store:/usr/sbin/nologin" "$(lab getent passwd hostwatch | cut -d: -f6-)"

verify() {
  local seen
  seen=$(lab systemd-analyze verify --man=no /etc/systemd/system/{"$service","$timer","$marker","$bench","${bench%.service}.timer"} 2>&1) &&
    [ -z "$seen" ] && return
  echo "${seen:-failed without a word}"
  return 1
}
check 'the units have no fault' verify

# By this machine's own systemd: 247 cannot judge a file.
security() { systemd-analyze security --offline=true --no-pager --threshold=20 "$units/$1"; }
check 'the exposure is at most 2.0' security "$service"
check 'and so is that of the mark' security "$marker"
check 'and that of the bench' security "$bench"

# --- cron, which needs up to a minute: started here, looked at last ---

if lab test -x /usr/sbin/cron; then
  cron_store=/var/lib/hostwatch-cron
  lab install -d -o hostwatch -g hostwatch -m 755 "$cron_store"
  lab install -m 644 /run/share/hostwatch.cron /etc/cron.d/hostwatch
  sed -e 's|^\*/5 |* |' -e "s|^STATE_DIRECTORY=.*|STATE_DIRECTORY=$cron_store|" "$units/hostwatch.cron" |
    put 644 /etc/cron.d/hostwatch-each-minute
  sh_lab 'cron -f -L 15 > /run/cron.log 2>&1 &'
fi

# --- the timer ---

fast_timer
lab systemctl enable --now "$timer" 2> /dev/null
check 'a host already up is sampled as soon as the timer is enabled' wait_for 8 more_lines_than 0
check 'the timer fires again and again' wait_for 12 more_lines_than 2
lab systemctl stop "$timer"
no_drop_in "$timer"
is 'the timer is enabled for the next boot' enabled "$(lab systemctl is-enabled "$timer")"
wait_for 10 sh_lab "[ \$(systemctl show --value -p ActiveState $service) = inactive ]"

# --- one run ---

check 'a run by systemd stores a line, without a configuration or a password file' run_service
is 'and ends well' 'success 0' "$(property Result) $(property ExecMainStatus)"
is 'its line is a sample' 'number string' "$(last_line | jq -r '"\(.epoch|type) \(.timestamp|type)"' 2>&1)"
is 'its store belongs to its user' '' "$(not_ours)"
is 'the directory is open to readers' 755 "$(lab stat -c %a "$store")"
is 'so are the day files' 644 "$(modes '*_*.jsonl')"
check 'anybody can read the status' \
  lab setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/nonexistent hostwatch status

# A rule that fires at once makes the program keep a state.
put 644 /etc/hostwatch/config.json <<< '{"monitoring": {"alert_thresholds": {"memory_percent": {"warning": 0.01, "clear": 0}}}}'
check 'a run with a rule that fires stores a line' run_service
if lab test -e "$store/state.json"; then
  is 'the state is not open to readers' 640 "$(modes state.json)"
else
  not_ok 'a firing rule leaves a state.json'
fi

# --- the mark of a clean shutdown ---

mark=$store/shutdown
boot=$(lab cat /proc/sys/kernel/random/boot_id)
check 'the mark is enabled and waits for the shutdown' lab systemctl enable --now --quiet "$marker"
is 'while the host runs there is none' 'active no' \
  "$(lab systemctl is-active "$marker") $(sh_lab "[ -e $mark ] && echo yes || echo no")"
has() { # PROPERTY WORD
  local words
  words=" $(lab systemctl show --value --property "$1" "$marker") "
  [[ $words == *" $2 "* ]] || { echo "$1:$words"; return 1; }
}
check 'a shutdown ends it' has Conflicts shutdown.target
check 'before it goes on' has Before shutdown.target
check 'after the last sample' has Before "$service"
check 'and before the file system of the store is unmounted' has RequiresMountsFor "$store"
check 'it is stopped' lab systemctl stop "$marker"
is 'and leaves the boot that ends' "$boot" "$(lab cat "$mark" 2>&1)"
is 'in a file of the service that others can read' 'hostwatch:hostwatch 644' "$(lab stat -c '%U:%G %a' "$mark" 2>&1)"
is 'the unit has not failed' success "$(lab systemctl show --value -p Result "$marker")"
sh_lab "echo of an older boot > $mark"
check 'it is started and stopped once more' sh_lab "systemctl start $marker && systemctl stop $marker"
is 'over the older mark' "success $boot" "$(lab systemctl show --value -p Result "$marker") $(lab cat "$mark" 2>&1)"
check 'a run beside it stores a line' run_service

# --- the speed ---

is 'nothing measures the host unless somebody enables it' disabled "$(lab systemctl is-enabled "${bench%.service}.timer" 2>&1)"
# This machine may be busy with other tests.
printf '[Service]\nExecStart=\nExecStart=/usr/local/bin/hostwatch bench --force\n' | drop_in "$bench"
check 'its speed is measured by systemd' lab systemctl start "$bench"
no_drop_in "$bench"
is 'and stored with a sample, the disk included' 'number number' \
  "$(last_line | jq -r '"\(.bench_cpu_all_rate|type) \(.bench_fsync_milliseconds.p50|type)"' 2>&1)"
is 'nothing is left of what was written' no "$(sh_lab "[ -e $store/bench.tmp ] && echo yes || echo no")"

# --- root beside the service ---

put 644 /etc/hostwatch/config.json <<< '{"monitoring": {"default_rules": false}}'
cache=/run/hostwatch/var-lib-hostwatch/processes.cache
sh_lab "rm -f $store/metrics_* $store/events_* $cache"
check 'root can run it by hand' lab hostwatch collect
is 'what root made belongs to the service' '' "$(not_ours)"
is 'and so does what is left to the next run, where the service leaves it' 'hostwatch:hostwatch' \
  "$(lab stat -c %U:%G "$cache" 2>&1)"
is 'nowhere else' '' "$(sh_lab "ls -d $store/processes.cache /run/user/0/hostwatch 2>/dev/null")"
check 'the next run by systemd works' run_service
is 'nothing is left that the service could not write' '' "$(not_ours)"

lab rm -rf "$store"
check 'root can run it first, before the service ever did' lab hostwatch collect
check 'the first run by systemd works after that' run_service
is 'and owns all of it' '' "$(not_ours)"
lab rm -f /etc/hostwatch/config.json

# --- who waits for an answer about a dead mount ---

put 755 /usr/local/bin/leaves-one << 'END'
#!/bin/sh
trap '' TERM
sleep 7654 > /dev/null 2>&1 &
END
printf '[Service]\nExecStart=\nExecStart=/usr/local/bin/leaves-one\n' | drop_in "$service"
check 'a run that leaves one behind succeeds at once' timeout 4 "$here/lab.sh" exec systemctl start "$service"
no_drop_in "$service"
check 'who was left behind still waits' lab pkill -KILL -f '^sleep 7654$'

# --- seeing truly ---

outside=/run/outside
lab install -d -o hostwatch -g hostwatch "$outside"
check 'a run outside the sandbox works' \
  lab setpriv --reuid=hostwatch --regid=hostwatch --init-groups env HOME=/ HOSTWATCH_DATA_DIR="$outside" hostwatch collect
run_service > /dev/null
# Only one of them is the first run of the day and of its store.
alike='del(.facts)'
free=$(last_line "$outside" | jq -c "$alike") sandboxed=$(last_line | jq -c "$alike")

mounts=$(jq -r '.filesystem_percent | keys | join(" ")' <<< "$free" 2>&1)
is 'outside, the file systems of the lab are there' '/data /home /srv/fixed /tmp/disk' \
  "$(tr ' ' '\n' <<< "$mounts" | grep -xE '/data|/home|/srv/fixed|/tmp/disk' | xargs)"
is 'the sandbox shows the same file systems' "$mounts" \
  "$(jq -r '.filesystem_percent | keys | join(" ")' <<< "$sandboxed" 2>&1)"
fullness='.filesystem_percent | map_values(round)'
is 'as full as they are' "$(jq -cS "$fullness" <<< "$free")" "$(jq -cS "$fullness" <<< "$sandboxed")"
# Rates need a line before, and waits something that was waited for; ticks and top differ from run to run.
labels='with_entries(select((.value | type) == "object" and (.key | test("_(rate|ms)$") | not))) | map_values(keys)'
is 'every labelled metric has the same labels' "$(jq -cS "$labels" <<< "$free")" "$(jq -cS "$labels" <<< "$sandboxed")"
flags='with_entries(select(.key | test("read_?only|^errors$")))'
is 'read-only flags and errors are the same' "$(jq -cS "$flags" <<< "$free")" "$(jq -cS "$flags" <<< "$sandboxed")"
# Only one of them knows what a run before it cost.
health() { lab env HOSTWATCH_DATA_DIR="$1" hostwatch status --json | jq -cS '.sample.collector_failed | del(.own)'; }
healthy=$(health "$outside")
is 'all collectors work' 'true' "$(jq 'length > 8 and all(. == 0)' <<< "$healthy")"
is 'and in the sandbox the same ones do' "$healthy" "$(health /var/lib/hostwatch)"

# --- the sandbox itself ---

put 755 /usr/local/bin/probe <<'PROBE'
#!/bin/bash
writable() { if (: > "$1/probe") 2>/dev/null; then rm -f "$1/probe"; echo yes; else echo no; fi; }
{
  echo "user=$(id -un)"
  echo "credential=$(cat "$CREDENTIALS_DIRECTORY/smtp.password" 2>&1)"
  echo "setgid=$(/usr/local/bin/setgid-id -gn 2>&1)"
  echo "resolves=$(getent ahosts mail.test | grep -c STREAM)"
  echo "data=$(writable /data)"
  echo "tmp=$(writable /var/tmp)"
  echo "spool=$(writable /var/spool/postfix/maildrop)"
} > "$RUNTIME_DIRECTORY/probe"
PROBE
sh_lab 'install -m 2755 -g mail /usr/bin/id /usr/local/bin/setgid-id
  mkdir -p /var/spool/postfix/maildrop; chmod 1777 /data /var/spool/postfix/maildrop
  echo 127.0.0.1 mail.test >> /etc/hosts'

run_probe
is 'a run is its own user' hostwatch "${probe[user]:-}"
is 'without a password file the credential is blank' '' "${probe[credential]:-}"
is 'nothing else can be written' 'no no no' "${probe[data]:-} ${probe[tmp]:-} ${probe[spool]:-}"
is 'no rights can be gained' hostwatch "${probe[setgid]:-}"
check 'names can be resolved' test "${probe[resolves]:-0}" -gt 0

put 600 /etc/hostwatch/smtp.password <<< 'correct horse'
run_probe
is 'the password of a file that only root can read arrives' 'correct horse' "${probe[credential]:-}"
check 'a run with a password file stores a line' run_service
lab rm -f /etc/hostwatch/smtp.password

put 644 "/etc/systemd/system/$service.d/sendmail.conf" < "$units/hostwatch-sendmail.conf"
lab systemctl daemon-reload
check 'the drop-in for sendmail has no fault' verify
run_probe
is 'with it a setgid program gets its group' mail "${probe[setgid]:-}"
is 'and the spool, but nothing else, can be written' 'yes no no' "${probe[spool]:-} ${probe[data]:-} ${probe[tmp]:-}"
check 'a run with the drop-in stores a line' run_service
sh_lab "rm -r /etc/systemd/system/$service.d; systemctl daemon-reload"

# --- units that fail, and one that is started again and again ---

printf '[Service]\nExecStart=/bin/false\n' | put 644 /run/systemd/system/broken.service
printf '[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=300ms\n[Unit]\nStartLimitIntervalSec=0\n' |
  put 644 /run/systemd/system/loop.service
printf '[Service]\nExecStart=/bin/sleep 1000\n' | put 644 /run/systemd/system/web.service
put 644 /etc/hostwatch/config.json <<< '{"monitoring": {"watch": [{"name": "web", "unit": "web"}]}}'
lab systemctl daemon-reload
unit() { last_line | jq -c "$1" 2>&1; }
check 'a run on a host whose units are well works' run_service
is 'the sandbox lets it ask systemd' '"number" null' "$(unit '.units_failed | type') $(unit .errors.unit)"
is 'a unit that never failed is not listed' 'null' "$(unit '.unit_failed."broken.service"')"
is 'a watched unit that does not run is missing' '1 0' "$(unit .watch_missing.web) $(unit .watch_processes.web)"
before=$(unit .units_failed)
sh_lab 'systemctl start web; systemctl start broken; systemctl start --no-block loop; true'
wait_for 5 sh_lab 'systemctl is-failed --quiet broken.service'
check 'a run beside a failed unit works' run_service
is 'the failed unit is listed' "1 $((before + 1))" "$(unit '.unit_failed."broken.service"') $(unit .units_failed)"
is 'the watched unit runs' '0 1' "$(unit .watch_missing.web) $(unit .watch_processes.web)"
is 'and its restarts are counted' '0' "$(unit '.unit_restarts."web.service"')"
lab systemctl reset-failed broken.service
# Now and then it is running just when it is looked at: from the first time on it is known.
loops() { lab systemctl start "$service" && [ "$(unit '.unit_restarts."loop.service" // 0')" -gt 0 ]; }
check 'a unit that is started again and again is seen' wait_for 5 loops
is 'a unit that is well again is 0, and counts no more' "0 $before" \
  "$(unit '.unit_failed."broken.service"') $(unit .units_failed)"
first=$(unit '.unit_restarts."loop.service"')
sleep 1
check 'a later run works' run_service
check 'its restarts grow' test "$(unit '.unit_restarts."loop.service"')" -gt "$first"
sh_lab 'systemctl stop loop web; rm /run/systemd/system/{broken,loop,web}.service; systemctl daemon-reload'
lab rm -f /etc/hostwatch/config.json

# --- the clock, of which only the kernel knows ---

said=$(lab timedatectl show --value --property NTPSynchronized)
lab systemctl stop systemd-timedated
lab rm -rf /run/systemd/timesync /run/hostwatch
check 'a run where no systemd-timesyncd keeps the clock works' run_service
is 'timedated is asked from within the sandbox and says what timedatectl says' "$said" \
  "$(unit 'if .clock_unsynchronized == 0 then "yes" elif .clock_unsynchronized == 1 then "no" else . end' | tr -d '"')"
check 'it was started to answer' lab systemctl is-active --quiet systemd-timedated
lab systemctl stop systemd-timedated
sleep 2
check 'a run soon after works' run_service
is 'what it said holds, and it is not started again' "inactive $said" \
  "$(lab systemctl is-active systemd-timedated) $(unit 'if .clock_unsynchronized == 0 then "yes" else "no" end' | tr -d '"')"

# --- faults ---

put 644 /etc/hostwatch/config.json <<< '{"monitoring": {"no_such_key": 1}}'
check 'a fault in the configuration does not blind the monitor' run_service
is 'it is told by the exit code, and the unit has not failed' 'success 5 inactive' \
  "$(property Result) $(property ExecMainStatus) $(property ActiveState)"

put 644 /etc/hostwatch/config.json <<< 'not JSON'
fast_timer
lab systemctl start "$timer"
check 'a configuration that cannot be read fails the unit' \
  wait_for 8 sh_lab "systemctl is-failed --quiet $service"
is 'with the exit code for it' 'exit-code 3' "$(property Result) $(property ExecMainStatus)"
before=$(lines)
lab rm -f /etc/hostwatch/config.json
check 'the timer goes on after a failed run' wait_for 10 more_lines_than "$before"
lab systemctl stop "$timer"
no_drop_in "$timer"

# --- cron again ---

if lab test -x /usr/sbin/cron; then
  ran() { [ "$(lines "$cron_store")" -gt 0 ]; }
  complaint() { sh_lab 'cat /run/cron.log; journalctl --quiet --no-pager --output cat -t cron -t CRON'; }
  check 'cron runs the line' wait_for 65 ran
  is 'as the same user' hostwatch "$(sh_lab "stat -c %U $cron_store/metrics_*.jsonl | sort -u" 2>&1)"
  is 'and has nothing against the file' '' "$(complaint | grep -iE 'error|bad |ignored|insecure|wrong')"
else
  echo '# LEFT OUT: cron is not installed on this machine, so systemd/hostwatch.cron was NOT tried (apt-get install cron)'
fi

# --- removed, installed and upgraded by the lines of the README ---

# The commands of the first block below a heading, in a tree like that of the sources, as root.
as_the_readme_says() { # HEADING
  local block
  block=$(awk -v heading="$1" '/^#/ { here = $0 == heading } here && /^```/ { if (inside++) exit; next } here && inside' \
    "$here/../../README.md")
  [ -n "$block" ] || { echo "README.md has no block below $1"; return 1; }
  sh_lab "set -e; cd /run/share; sudo() { \"\$@\"; }; git() { :; }; cargo() { :; }; $block"
}
mkdir -p "$work/share/target/release" "$work/share/systemd"
cp "$units"/* "$work/share/systemd"
ln "$work/share/hostwatch" "$work/share/target/release/hostwatch"
# A user whose job is running cannot be removed.
sh_lab 'pkill -x cron; rm -rf /etc/cron.d/hostwatch-each-minute /var/lib/hostwatch-cron'
check 'it is removed' as_the_readme_says '### Uninstall'
is 'and leaves nothing' '' \
  "$(sh_lab 'getent passwd hostwatch; getent group hostwatch
    find /etc /usr/lib/sysusers.d /usr/local/bin /var/lib /run -name "*hostwatch*" -not -path "/run/share/*"' 2>&1)"
check 'it is installed' as_the_readme_says '## Install as a service'
check 'and samples' run_service
check 'it is upgraded' as_the_readme_says '### Upgrade'
check 'and goes on' run_service
is 'its timer and its mark too' 'active active' "$(lab systemctl is-active "$timer" "$marker" | xargs)"

# --- the lab is powered off: seen through a directory that is held open ---

lab systemctl start "$marker"
sh_lab "echo of an older boot > $mark"
exec 9< "/proc/$(< "$LAB_DIR/pid")/root$store"
"$here/lab.sh" stop
is 'a shutdown leaves the boot that ended, even over a mark that root made' "$boot" "$(cat /proc/self/fd/9/shutdown 2>&1)"
exec 9<&-

finish
