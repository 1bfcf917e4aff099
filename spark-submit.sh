#!/usr/bin/env bash
# Runs one job with spark-submit.
#
#     ./spark-submit.sh JOB --config conf/JOB.yaml [key=value ...]
#     ./spark-submit.sh JOB --help          its configuration keys
#     ./spark-submit.sh --list              the jobs
#
# SPARK_PROFILE     a name in conf/spark, or a file; default: local
# SPARK_HOME        another Spark than the one beside the Python
# PYSPARK_PYTHON    default: .venv/bin/python, else python3
# DELTA_JARS        the folder with Delta's jars; default: build/jars
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() { echo "spark-submit.sh: error: $1" >&2 && exit 2; }
jobs() { find "$root/jobs" -name '[a-z]*.py' -exec basename {} .py \; | sort; }

case "${1:-}" in
"" | -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit ;;
--list) jobs && exit ;;
esac
job=$1
shift
[ -f "$root/jobs/$job.py" ] || fail "there is no job '$job'; it must be one of: $(jobs | paste -sd ' ')"

default_python=python3
[ -x "$root/.venv/bin/python" ] && default_python=$root/.venv/bin/python
python=$(command -v "${PYSPARK_PYTHON:-$default_python}") ||
    fail "PYSPARK_PYTHON: there is no '${PYSPARK_PYTHON:-$default_python}'"
export PYSPARK_PYTHON=$python PYSPARK_DRIVER_PYTHON=$python
export PYTHONPATH=$root/lib${PYTHONPATH:+:$PYTHONPATH}

# What needs no Spark is answered, and a bad configuration refused, before a JVM starts.
for argument in "$@"; do
    case "$argument" in
    -h | --help | --print-config | --check) exec "$python" "$root/jobs/$job.py" "$@" ;;
    esac
done
"$python" "$root/jobs/$job.py" --check "$@"

profile=${SPARK_PROFILE:-local}
[ -f "$profile" ] || profile=$root/conf/spark/$profile.conf
[ -f "$profile" ] || fail "SPARK_PROFILE: there is no profile '$SPARK_PROFILE' in conf/spark"

JAVA_HOME=$("$root/conf/spark/java_home.sh")
export JAVA_HOME
mkdir -p "$root/build"
jars=${DELTA_JARS:-$root/build/jars}
"$root/conf/spark/fetch_jars.sh" "$python" "$jars"
library=$("$python" "$root/conf/spark/zip_library.py" "$root/lib" "$root/build")

submit=${SPARK_HOME:+$SPARK_HOME/bin/spark-submit}
progress=false level=fatal
[ -t 2 ] && progress=true
case " $* " in *" --verbose "*) level=warn ;; esac

exec "${submit:-$(dirname "$python")/spark-submit}" \
    --properties-file "$profile" \
    --name "semantic-ids $job" \
    --jars "$(find "$jars" -name '*.jar' | sort | paste -sd ,)" \
    --py-files "$library" \
    --driver-java-options "-Dlog4j2.configurationFile=file:$root/conf/spark/log4j2.properties -Dsemantic_ids.log=$level" \
    --conf "spark.ui.showConsoleProgress=$progress" \
    --conf "spark.pyspark.python=$python" \
    "$root/jobs/$job.py" "$@"
