#!/bin/sh
# A bare Debian as an archive: what packages are installed into, and containers are built on (which takes
# python3-venv), to try them.
# Needs root and mmdebstrap. packaging/bare_root.sh FILE.tar
set -eu
archive=${1:?give the archive to write}
command -v mmdebstrap >/dev/null || {
    echo 'mmdebstrap is not installed: apt-get install mmdebstrap' >&2
    exit 1
}
mkdir -p "$(dirname "$archive")"
mmdebstrap --quiet --variant=minbase --include=adduser,procps,python3,python3-venv \
    --format=tar "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$archive.part"
mv "$archive.part" "$archive"
