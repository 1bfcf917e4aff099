#!/usr/bin/env bash
# Puts Delta's jars into a folder, with the Ivy that Spark ships; a folder that stands is left alone.
# For a cluster without a registry, fill the folder elsewhere and copy it.
#
#     conf/spark/fetch_jars.sh PYTHON FOLDER
set -euo pipefail

python=$1 folder=$2
[ -d "$folder" ] && exit
spark_jars=$("$python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent / "jars")')
delta=$("$python" -c 'import importlib.metadata as m; print(m.version("delta-spark"))')
partial=$folder.partial.$$
trap 'rm -rf "$partial"' EXIT
echo "fetching the jars of Delta $delta (once)" >&2
"${JAVA_HOME:+$JAVA_HOME/bin/}java" -cp "$(echo "$spark_jars"/ivy-*.jar)" org.apache.ivy.Main \
    -dependency io.delta delta-spark_4.2_2.13 "$delta" -confs compile,runtime,master \
    -types jar bundle -retrieve "$partial/[artifact]-[revision].[ext]" >"$folder.log" 2>&1 ||
    { echo "the jars of Delta could not be fetched: $(grep -m 1 -E 'UNRESOLVED|rror' "$folder.log" || tail -n 1 "$folder.log")" >&2; exit 1; }
for jar in "$partial"/*.jar; do # Spark's own versions come first anyway
    name=$(basename "$jar" | sed 's/-[0-9][0-9.]*.*//')
    if compgen -G "$spark_jars/$name-[0-9]*.jar" >/dev/null; then rm "$jar"; fi
done
mv -T "$partial" "$folder" 2>/dev/null || [ -d "$folder" ] # another start may have been first
