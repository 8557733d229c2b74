#!/usr/bin/env bash
# Mounts that do not answer: a real FUSE server that hangs, and `collect` beside it. Usage: run.sh BINARY, as root.
# A dead mount may cost seconds once; it is told, not asked again while somebody waits for it, and measured again after.
set -euo pipefail

fail() {
  printf '\nFAILED: %s\n' "$*" >&2
  exit 1
}

if [ "${1:-}" != inside ]; then
  binary=$(readlink -f "${1:?the binary}")
  [ "$(id -u)" = 0 ] || fail "CANNOT RUN: mounting needs root"
  [ -e /dev/fuse ] || fail "CANNOT RUN: this machine has no /dev/fuse"
  if ! /usr/bin/python3 -c 'import fusepy' 2>/dev/null && ! /usr/bin/python3 -c 'from fuse import Operations' 2>/dev/null; then
    fail "CANNOT RUN: apt-get install fuse3 python3-fusepy"
  fi
  # Processes that hang, and their mounts, end with these namespaces.
  exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" inside "$binary"
fi

binary=$2
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
export RUNTIME_DIRECTORY=$work/run
nas=$work/nas
server=

finish() {
  echo ok >"$work/control"
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  umount -l "$nas" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap finish EXIT

serve() {
  echo ok >"$work/control"
  /usr/bin/python3 "$here/server.py" "$work/backing" "$nas" "$work/control" >"$work/server.log" 2>&1 &
  server=$!
  for _ in $(seq 100); do
    mountpoint -q "$nas" && return
    sleep 0.1
  done
  fail "the server did not mount: $(cat "$work/server.log")"
}

# Runs collect; leaves its seconds, its words and the stored line.
collect() {
  local begin code=0
  begin=$(date +%s%N)
  timeout 30 "$binary" --config "$work/config.json" --data-dir "$work/data" collect >"$work/out" 2>&1 || code=$?
  milliseconds=$((($(date +%s%N) - begin) / 1000000))
  [ "$code" = 0 ] || fail "collect ended with $code: $(cat "$work/out")"
  line=$(cat "$work"/data/metrics_*.jsonl | tail -n 1)
  # The local file systems are always there.
  jq -e '.disk_percent' >/dev/null <<<"$line" || fail "no root in $line"
}

percent() { jq -r --arg mount "$1" '.filesystem_percent[$mount] // "none"' <<<"$line"; }
said() { jq -r '.errors.filesystem // "nothing"' <<<"$line"; }
# One that was killed has no arguments any more.
asking() { pgrep -c '^hostwatch$' || true; }

is_measured() {
  [ "$(percent "$nas")" != none ] || fail "$1: the mount is not measured: $line"
  [ "$milliseconds" -lt 3000 ] || fail "$1: it took $milliseconds ms"
  [ "$(said)" = nothing ] || fail "$1: $(said)"
}

is_silent() {
  [ "$(percent "$nas")" = none ] || fail "$1: the mount is measured: $line"
  [[ $(said) == *"could not measure $nas: no answer for 5 s (fuse from server:/export)"* ]] || fail "$1: $(said)"
  if [ "$milliseconds" -lt "$2" ] || [ "$milliseconds" -ge "$3" ]; then
    fail "$1: it took $milliseconds ms"
  fi
  [ "$(asking)" = "$4" ] || fail "$1: $(asking) processes wait, not $4"
  printf '%-58s %5d ms, %d wait\n' "$1" "$milliseconds" "$4"
}

# Those who wait notice within a moment.
until_nobody_waits() {
  for _ in $(seq 100); do
    [ "$(asking)" = 0 ] && return
    sleep 0.1
  done
  fail "$1: $(asking) processes still wait"
}

mkdir -p "$work/run" "$work/backing/below" "$nas"
printf '{"monitoring": {"filesystems": {"include": ["%s*"]}, "startup_grace": 0}}\n' "$nas" >"$work/config.json"
serve

collect
is_measured "a server that answers"
printf '%-58s %5d ms\n' "a server that answers" "$milliseconds"

echo hang >"$work/control"
collect
is_silent "the first run beside a server that hangs" 4500 9000 1
collect
is_silent "the next run, at once" 0 3000 1
collect
is_silent "and one that is too soon to be measured from" 0 3000 1
sleep 2.5
collect
is_silent "the run after" 0 3000 1
# A signal does not end one whose question the server has taken.
waiting=$(pgrep '^hostwatch$')
kill -9 "$waiting"
sleep 0.5
state=$(cut -d' ' -f3 "/proc/$waiting/stat") || fail "who waited could be killed"
collect
is_silent "beside one that was killed and lives ($state)" 0 3000 1

echo ok >"$work/control"
until_nobody_waits "the server answers"
collect
is_measured "the server answers again"

mount -t tmpfs -o size=1m none "$nas/below"
collect
is_measured "a mount below it"
[ "$(percent "$nas/below")" != none ] || fail "what is mounted below it is not measured: $line"
echo hang >"$work/control"
collect
is_silent "it hangs, and so does what is mounted below it" 4500 9000 2
[[ $(said) == *"could not measure $nas/below: no answer"* ]] || fail "below it: $(said)"
kill -9 "$server"
wait "$server" 2>/dev/null || true
until_nobody_waits "the server is dead"
collect
[ "$milliseconds" -lt 3000 ] || fail "a dead server: $milliseconds ms"
[[ $(said) == *"could not measure $nas:"*"not connected"* ]] || fail "a dead server: $(said)"
umount -l "$nas"

serve
collect
is_measured "a new server"
events=$(jq -r 'select(.event | startswith("collector")) | .event' "$work"/data/events_*.jsonl | paste -sd' ')
expected="collector_failed collector_back collector_failed collector_back"
[ "$events" = "$expected" ] || fail "events: $events"

# All that may hang, at once: a mount, files on it, and commands. Together they may take ten seconds and a moment.
printf '{"monitoring": {"filesystems": {"include": ["%s*"]}, "startup_grace": 0,
  "files": [{"name": "backup", "path": "%s/*.tar"}, {"name": "here", "path": "%s/control"}],
  "custom": [{"name": "slow", "command": ["/bin/sleep", "60"]}, {"name": "quick", "command": ["/bin/echo", "7"]}]}}\n' \
  "$nas" "$nas" "$work" >"$work/config.json"
echo hang >"$work/control"
collect
errors=$(jq -c .errors <<<"$line")
if [ "$milliseconds" -lt 8000 ] || [ "$milliseconds" -ge 13000 ]; then
  fail "all that hangs took $milliseconds ms: $errors"
fi
[[ $errors == *"custom:slow"*"no end within"* && $errors == *"backup: no answer within"* ]] || fail "all that hangs: $errors"
values=$(jq -c '[.custom_quick, .file_count.here, .file_count.backup]' <<<"$line")
[ "$values" = '[7,1,null]' ] || fail "beside all that hangs: $values"
printf '%-58s %5d ms\n' "a mount, files and commands that hang together" "$milliseconds"

# Who waits is not joined by others.
printf '{"monitoring": {"filesystems": {"include": ["%s*"]}, "startup_grace": 0,
  "files": [{"name": "backup", "path": "%s/*.tar"}],
  "custom": [{"name": "quick", "command": ["/bin/echo", "7"]}, {"name": "text", "textfile": "%s/*.prom"}]}}\n' "$nas" "$nas" "$nas" >"$work/config.json"
collect
is_silent "a text file on it besides" 4500 9000 3
collect
is_silent "the next run, at once" 0 3000 3
echo ok >"$work/control"
until_nobody_waits "the server answers once more"
collect
is_measured "the server answers once more, files and all"
[ "$(jq -c '[.file_missing.backup, .errors."custom:text"]' <<<"$line")" = "[1,\"no file $nas/*.prom\"]" ] || fail "files: $line"
echo "mounts that do not answer: all as expected"
