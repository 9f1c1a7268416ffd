#!/bin/sh
# Boots a bare Debian with systemd as process 1, installs the package in it, and does there what
# docs/administrator.md says. Needs root, mmdebstrap and systemd-nspawn. `make boot-test`
set -eu
here=$(dirname "$(realpath "$0")")
deb=$(realpath "${1:?give the package}")
root=${BOOT_ROOT:-$(mktemp -d)}
if [ ! -x "$root/bin/systemctl" ]; then
    mmdebstrap --quiet --variant=minbase bookworm "$root" \
        --include=systemd,systemd-sysv,dbus,python3,adduser,procps,sudo
fi
cp "$deb" "$root/root/lfrd.deb"
cp "$here/administrator.py" "$here/../docs/administrator.md" "$root/root/"
rm -f "$root/root/said" "$root/root/code"
cat >"$root/etc/systemd/system/try.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cd /root && dpkg -i lfrd.deb >/dev/null && python3 -u administrator.py administrator.md; echo $? >/root/code'
StandardOutput=file:/root/said
StandardError=inherit
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
UNIT
ln -sf ../try.service "$root/etc/systemd/system/multi-user.target.wants/try.service"
# systemd wants the unified hierarchy, which a container may not have: one without controllers does.
unshare -m sh -c '
    mount --make-rprivate /
    [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || {
        umount -R /sys/fs/cgroup 2>/dev/null || true
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
    }
    exec timeout 900 systemd-nspawn --quiet -D "$0" --boot --register=no --keep-unit --console=read-only' \
    "$root" >"$root/root/console" 2>&1 </dev/null || true
cat "$root/root/said"
code=$(cat "$root/root/code" 2>/dev/null || echo "it was not reached; see $root/root/console")
[ -n "${BOOT_ROOT:-}" ] || [ "$code" != 0 ] || rm -rf "$root"
[ "$code" = 0 ] || { echo "ended with code $code" >&2; exit 1; }
