#!/bin/sh
# Builds the container and the Home Assistant app on a bare Debian, runs both, and looks at what they do.
# Needs root, buildah, podman and crun. `make container-test`
set -eu
base=$(realpath "${1:?give the archive of a bare root}")
# crun takes no machine with both kinds of control groups: the new ones are hidden from it, in a
# mount namespace of our own.
if grep -q '^cgroup2 /sys/fs/cgroup/unified ' /proc/mounts; then
    [ -n "${ALONE:-}" ] || ALONE=1 exec unshare --mount "$0" "$@"
    umount /sys/fs/cgroup/unified
fi
place=$(mktemp -d)
store="--root $place/store --runroot $place/run --storage-driver overlay"
build() { buildah $store "$@"; }
pod() { podman $store --cgroup-manager cgroupfs "$@"; }
trap 'pod rm -fa >/dev/null 2>&1 || true; umount -l "$place/store/overlay" 2>/dev/null || true; rm -rf "$place"' EXIT
fail() { echo "$*" >&2; exit 1; }
# A container as docs/administrator.md has it. There is no systemd to call the health check: we do.
start() {
    name=$1 image=$2; shift 2
    pod run -d --name "$name" --network host --cgroups disabled --no-healthcheck \
        --ulimit nofile=1024:1024 --ulimit nproc=512:512 "$@" "localhost/$image" >/dev/null
}
check=$(sed -n 's/^ *CMD \["\/bin\/sh", "-c", "\(lfrd health.*\)"\]$/\1/p' Containerfile)
test -n "$check"
answers() {
    for _ in $(seq 120); do
        if pod exec "$1" /bin/sh -c "$check" >/dev/null 2>&1; then return; fi
        [ "$(pod inspect -f '{{.State.Running}}' "$1")" = true ] || break
        sleep 1
    done
    pod logs "$1" >&2
    fail "$1 does not answer"
}

echo '== build'
bare=$(build from scratch)
build add -q "$bare" "$base" / >/dev/null
build commit -q --format docker "$bare" localhost/bare >/dev/null
build rm "$bare" >/dev/null
build bud -q --layers --isolation chroot --format docker --build-arg BASE=localhost/bare \
    -t localhost/lfrd -f Containerfile . >/dev/null
pod image inspect localhost/lfrd -f '{{.Config.User}} {{.Config.Entrypoint}} {{.Config.Cmd}}' | grep -qx '10001 \[lfrd\] \[run\]'
pod image inspect localhost/lfrd -f '{{.HealthCheck.Test}}' | grep -q 'lfrd health'

echo '== nothing secret and nothing needless is in it'
tree=$(pod image mount localhost/lfrd)
for name in master.key audit.key keys.db lfrd.db '*.cred' '*.password' lfrd.toml '*.whl'; do
    ! find "$tree/opt" "$tree/var" "$tree/etc" "$tree/run" -name "$name" | grep . || fail "$name is in the image"
done
test ! -e "$tree/opt/lfrd/.venv/bin/pip"
taken=$(find "$tree/opt/lfrd" -type f ! -name '*.pyc' -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
echo "MB: $((taken / 1000000)), $(du -sm "$tree/opt/lfrd" | cut -f 1) with what was compiled"
test "$taken" -le 560000000
pod image umount localhost/lfrd >/dev/null
! pod history --no-trunc localhost/lfrd | grep -iE 'password=|token=|secret=|://[^ ]*:[^ ]*@' ||
    fail 'a secret is in the history'

echo '== told to stop during its first start, it ends by itself and at once'
start early lfrd --read-only --read-only-tmpfs=false
sleep 2
began=$(date +%s)
pod stop -t 20 early >/dev/null
took=$(($(date +%s) - began))
test "$took" -le 5 || fail "it took $took s"
test "$(pod inspect -f '{{.State.ExitCode}}' early)" = 0 || fail 'it did not end by itself'
pod rm -v early >/dev/null

echo '== runs read-only, as nobody special; the state is in its volume, the socket is shared'
install -d -m 0710 -o 10001 -g 10002 "$place/socket"
start one lfrd --read-only --read-only-tmpfs=false -v state:/var/lib/lfrd -v "$place/socket:/run/lfrd"
answers one
test "$(pod exec one id)" = 'uid=10001(lfrd) gid=10001(lfrd) groups=10001(lfrd),10002(lfrd-operators)'
for written in /opt/lfrd/x /etc/x /tmp/x; do
    ! pod exec one touch "$written" 2>/dev/null || fail "$written can be written"
done
.venv/bin/lfrd health --socket "$place/socket/api.sock"
test "$(stat -c '%a %u %g' "$place/socket/api.sock")" = '660 10001 10002'
.venv/bin/lfrd camera add gate rtsp://127.0.0.1:9/x --socket "$place/socket/api.sock" >/dev/null
pod stop -t 20 one >/dev/null
test "$(pod inspect -f '{{.State.ExitCode}}' one)" = 0 || fail 'it did not end by itself'
pod rm one >/dev/null
start two lfrd --read-only --read-only-tmpfs=false -v state:/var/lib/lfrd -v "$place/socket:/run/lfrd"
answers two
.venv/bin/lfrd camera list --json --socket "$place/socket/api.sock" | grep -q '"gate"' || fail 'the state is gone'
pod rm -f -t 20 two >/dev/null

echo '== the app of Home Assistant'
packaging/home_assistant.sh >/dev/null
build bud -q --layers --isolation chroot --format docker --build-arg BASE=localhost/bare --build-arg BUILD_ARCH=amd64 \
    --build-arg BUILD_VERSION=test -t localhost/lfrd-app dist/home-assistant/lfrd >/dev/null
mkdir "$place/data" "$place/share"
echo '{"node": "home", "log_level": "warning", "mqtt": true, "allow_lab": false, "threads": 1,
    "backup_recipient": "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"}' >"$place/data/options.json"
chmod 600 "$place/data/options.json"
start app lfrd-app -v "$place/data:/data" -v "$place/share:/share" -e SUPERVISOR_TOKEN=s3cret
answers app
pod logs app 2>&1 | grep -q 'Home Assistant names no MQTT broker'
test "$(stat -c %u "$place/data/state/master.key" "$place/share/lfrd" | sort -u)" = 10001
lfrd_pid=$(pod inspect -f '{{.State.Pid}}' app)
grep -q '^Uid:.10001.10001.10001' "/proc/$lfrd_pid/status"
! tr '\0' '\n' <"/proc/$lfrd_pid/environ" | grep -q s3cret || fail 'the token of the supervisor is handed on'
! pod exec -u 10001 app cat /data/options.json 2>/dev/null || fail 'the options can be read by the daemon'
pod exec app lfrd me | grep -q root
echo '== all well'
