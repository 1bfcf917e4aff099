#!/usr/bin/env bash
# Packs, into build/, what a machine without the checkout and a cluster without a registry need:
#
#     environment.tar.gz          the packages of requirements/spark.txt, which workers unpack (--archives)
#     semantic-ids-VERSION.tar    all of it: spark-submit.sh, jobs, conf, library, jars, environment, and a Spark for the driver
#
#     conf/spark/package.sh PYTHON [PREFIX]
#
# PYTHON   a checkout's, with venv-pack; the environment takes its version, and finds its interpreter at the same place
# PREFIX   where the interpreter is on the workers, if that is elsewhere: /usr for /usr/bin/python3.11
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=$1 prefix=${2:-}
build=$root/build lock=$root/requirements/spark.txt
environment=$build/packing/environment

if [ ! -f "$build/environment.tar.gz" ] || [ "$lock" -nt "$build/environment.tar.gz" ] || [ -n "$prefix" ]; then
    rm -rf "$environment"
    mkdir -p "$build/packing"
    "$python" -m venv "$environment"
    if uv=$(command -v uv || command -v "$(dirname "$python")/uv"); then
        "$uv" pip install --quiet --python "$environment/bin/python" --require-hashes -r "$lock"
    else
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    fi
    # Spark itself is the cluster's, or goes beside the environment
    "$(dirname "$python")/venv-pack" --quiet --force --prefix "$environment" --output "$build/environment.partial.tar.gz" \
        --compress-level 1 ${prefix:+--python-prefix "$prefix"} \
        --exclude '*/site-packages/pyspark/*' --exclude '*/site-packages/pip/*' \
        --exclude '*/__pycache__/*' --exclude '*/pandas/tests/*' --exclude '*/numba/tests/*'
    chmod 644 "$build/environment.partial.tar.gz"
    mv "$build/environment.partial.tar.gz" "$build/environment.tar.gz"
fi

"$python" "$root/conf/spark/zip_library.py" "$root/lib" "$build" >"$build/packing/library"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/pyproject.toml")
name=semantic-ids-$version
spark=$("$python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
partial=$build/$name.tar.partial
tar -cf "$partial" --exclude=__pycache__ --owner=0 --group=0 --transform "s,^,$name/," -C "$root" \
    spark-submit.sh README.md LICENSE CHANGELOG.md docs dags jobs conf lib/semantic_ids build/jars build/environment.tar.gz \
    "build/$(basename "$(cat "$build/packing/library")")"
tar -rf "$partial" --exclude=__pycache__ --owner=0 --group=0 --transform "s,^,$name/spark/," -C "$spark" bin jars python/lib
mv "$partial" "$build/$name.tar"
echo "$build/$name.tar"
