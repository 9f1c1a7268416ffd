#!/bin/sh
# Installs, upgrades and purges a package below a bare root of its own, which has just what the package
# depends on. Needs root. `make deb-test`
set -eu
deb=$(realpath "${1:?give the package}")
newer=$(realpath "${2:?give the package of a later version}")
bare=${3:?give the archive of a bare root}
place=$(mktemp -d)
root=$place/root
mkdir "$root"
trap 'umount "$root/proc" "$root/dev" 2>/dev/null || true; rm -rf --one-file-system "$place"' EXIT
tar -C "$root" -xf "$bare"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
cp "$deb" "$root/root/lfrd.deb"
cp "$newer" "$root/root/newer.deb"
BASE_BYTES=560000000
inside() { chroot "$root" "$@"; }
as_lfrd() { chroot --userspec=lfrd:lfrd "$root" env HOME=/var/lib/lfrd CACHE_DIRECTORY=/var/cache/lfrd "$@"; }

echo '== install'
inside dpkg -i /root/lfrd.deb
inside lfrd --version
taken=$(find "$root/opt/lfrd" -type f ! -name '*.pyc' -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
echo "MB: $((taken / 1000000)), $(du -sm "$root/opt/lfrd" | cut -f 1) with what was compiled"
test "$taken" -le "$BASE_BYTES"
inside dpkg -V lfrd
inside lfrd check-config /etc/lfrd/lfrd.toml
test "$(inside stat -c '%a %G' /etc/lfrd)" = '2770 lfrd-admin'
test "$(inside stat -c '%a %G' /etc/lfrd/lfrd.toml)" = '640 lfrd-admin'
inside install -d -o lfrd -g lfrd /var/cache/lfrd
as_lfrd timeout -s TERM 30 lfrd run || test $? = 124
test -s "$root/var/lib/lfrd/master.key"
zcat "$root/usr/share/man/man1/lfrd.1.gz" | grep -q 'lfrd backup'
test -s "$root/usr/share/man/man1/lfrd-backup.1.gz"
grep -q backup "$root/usr/share/bash-completion/completions/lfrd"

echo '== upgrade, with a configuration that was changed'
echo '# ours' >>"$root/etc/lfrd/lfrd.toml"
before=$(sha256sum <"$root/var/lib/lfrd/master.key")
inside dpkg -i --force-confold /root/newer.deb
test "$before" = "$(sha256sum <"$root/var/lib/lfrd/master.key")"
grep -q '# ours' "$root/etc/lfrd/lfrd.toml"
as_lfrd lfrd upgrade --check

echo '== remove keeps what is the site'"'"'s, purge leaves no key'
inside dpkg -r lfrd
test -s "$root/var/lib/lfrd/master.key"
inside dpkg -P lfrd
for left in /var/lib/lfrd /etc/lfrd /opt/lfrd /usr/bin/lfrd /lib/systemd/system/lfrd.service; do
    test ! -e "$root$left" || { echo "$left is left" >&2; exit 1; }
done
! inside getent passwd lfrd
! find "$root/var" "$root/etc" "$root/opt" -name 'master.key' -o -name 'keys.db' | grep .
echo '== all well'
