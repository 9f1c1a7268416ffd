#!/bin/sh
# Builds dist/lfrd_VERSION_ARCH.deb, for the Python of this machine, of the wheels in dist/ and dist/wheelhouse (`make deb`).
set -eu
python=${1:?give the Python of the virtual environment}
version=$("$python" -c 'import lfrd; print(lfrd.__version__)')${DEB_SUFFIX:-}
arch=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
venv=$root/opt/lfrd/.venv
release=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
packages=$venv/lib/python$release/site-packages
install -d "$root/DEBIAN" "$venv/bin" "$packages" "$root/lib/systemd/system" "$root/usr/bin" \
    "$root/usr/lib/tmpfiles.d" "$root/etc/lfrd" "$root/usr/share/man/man1" \
    "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d" "$root/usr/share/doc/lfrd/examples"
sed "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@PYTHON@/python$release/" packaging/debian/control >"$root/DEBIAN/control"
cp packaging/debian/conffiles packaging/debian/postinst packaging/debian/prerm \
    packaging/debian/postrm "$root/DEBIAN/"
# The virtual environment as it will lie there, on the system's Python.
into() { "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-compile --target "$packages" "$@"; }
into --find-links dist/wheelhouse --require-hashes -r dist/requirements.txt
rm -r "$packages/bin"
into dist/lfrd-*.whl
rm -r "$packages/bin" "$packages"/lfrd-*.dist-info/direct_url.json
packaging/strip.sh "$packages"
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$release" >"$venv/pyvenv.cfg"
ln -s "/usr/bin/python$release" "$venv/bin/python"
ln -s python "$venv/bin/python3"
cat >"$venv/bin/lfrd" <<'PROGRAM'
#!/opt/lfrd/.venv/bin/python
import sys
from lfrd.__main__ import main
sys.exit(main())
PROGRAM
chmod 755 "$venv/bin/lfrd"
cp systemd/*.service systemd/*.socket systemd/*.timer "$root/lib/systemd/system/"
cp systemd/lfrd.tmpfiles "$root/usr/lib/tmpfiles.d/lfrd.conf"
cp systemd/lfrd.service.d/*.example dist/sbom.cdx.json "$root/usr/share/doc/lfrd/examples/"
cp LICENSE "$root/usr/share/doc/lfrd/copyright"
"$python" -c 'from lfrd.cli.service import FIRST_CONFIG; print(FIRST_CONFIG, end="")' \
    >"$root/etc/lfrd/lfrd.toml"
chmod 640 "$root/etc/lfrd/lfrd.toml"
ln -s /opt/lfrd/.venv/bin/lfrd "$root/usr/bin/lfrd"
"$python" -m lfrd man --all "$root/usr/share/man/man1" && gzip -9n "$root/usr/share/man/man1"/*
"$python" -m lfrd completion bash >"$root/usr/share/bash-completion/completions/lfrd"
"$python" -m lfrd completion zsh >"$root/usr/share/zsh/vendor-completions/_lfrd"
"$python" -m lfrd completion fish >"$root/usr/share/fish/vendor_completions.d/lfrd.fish"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$root" "dist/lfrd_${version}_$arch.deb" >/dev/null
ls -l "dist/lfrd_${version}_$arch.deb"
