#!/bin/sh
# The folder of the Home Assistant app, with everything that it is built of: dist/home-assistant/lfrd
# (`make home-assistant`). Copied to /addons of a machine it is a local app there.
set -eu
app=dist/home-assistant/lfrd
rm -rf "$app" && mkdir -p "$app/dist" "$app/packaging"
cp -r packaging/home-assistant/. "$app/"
cat Containerfile packaging/home-assistant/Dockerfile >"$app/Dockerfile"
cp .dockerignore "$app/"
echo '!run.py' >>"$app/.dockerignore"
cp -r dist/requirements.txt dist/lfrd-*.whl dist/wheelhouse "$app/dist/"
cp packaging/strip.sh "$app/packaging/"
cp CHANGELOG.md LICENSE "$app/"
echo "$app"
