#!/usr/bin/env bash
# Unpacks an environment of `make package` into a folder, once, and tries its Python.
#
#     conf/spark/unpack.sh ARCHIVE FOLDER
set -euo pipefail

archive=$1 folder=$2
if [ ! -d "$folder" ]; then
    partial=$folder.partial.$$
    trap 'rm -rf "$partial"' EXIT
    mkdir "$partial" 2>/dev/null ||
        { echo "spark-submit.sh: error: $archive cannot be unpacked: no permission for $(dirname "$folder")" >&2; exit 2; }
    echo "unpacking $archive (once)" >&2
    tar -xzf "$archive" -C "$partial"
    mv -T "$partial" "$folder" 2>/dev/null || [ -d "$folder" ] # another start may have been first
fi
"$folder/bin/python" -c '' 2>/dev/null || {
    echo "spark-submit.sh: error: PYSPARK_PYTHON: the packed environment needs the Python it was made with," \
        "$(readlink "$folder/bin/python3"), and it is not on this machine; run \`make package\` with one that is" >&2
    exit 2
}
