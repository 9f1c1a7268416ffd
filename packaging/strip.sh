#!/bin/sh
# Takes away what packages bring to be tested, type-checked and compiled against, and nothing imports.
# packaging/strip.sh FOLDER_OF_PACKAGES
set -eu
cd "${1:?give the folder of the packages}"
find . -type d \( -name tests -o -name test -o -path ./numpy/_core/include \) -prune -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.a' -o -name '*.h' -o -name '*.hpp' \
    -o -name '*.c' -o -name '*.cc' -o -name '*.cpp' -o -name '*.proto' \) -delete
