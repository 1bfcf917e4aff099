#!/usr/bin/env bash
# Runs one job with spark-submit.
#
#     ./spark-submit.sh [OPTION ...] JOB --config conf/JOB.yaml [key=value ...]
#     ./spark-submit.sh JOB --help          its configuration keys
#     ./spark-submit.sh --list              the jobs
#
# Options, before the job's name or after it:
#
# --profile NAME    a name in conf/spark, or a file; default: SPARK_PROFILE, else local
# --conf KEY=VALUE  a setting of Spark over the profile's
# --offline         asks no registry: Delta's jars must be in DELTA_JARS already
# --print-command   prints the command that would run, secrets masked, and runs nothing
#
# SPARK_HOME        another Spark than the one packed here or beside the Python
# PYSPARK_PYTHON    the driver's; default: .venv/bin/python, else the packed environment's, else python3
# DELTA_JARS        the folder with Delta's jars, and others that a store needs; default: build/jars
# SPARK_ENVIRONMENT the environment that a cluster's workers unpack; default: build/environment.tar.gz;
#                   none: they have PYSPARK_PYTHON at the same path
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() { echo "spark-submit.sh: error: $1" >&2 && exit 2; }
jobs() { find "$root/jobs" -name '[a-z]*.py' -exec basename {} .py \; | sort; }

profile=${SPARK_PROFILE:-local} job="" offline="" print="" settings=() arguments=()
while [ $# -gt 0 ]; do
    case "$1" in
    --profile=* | --conf=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
    --profile | --conf)
        [ $# -gt 1 ] || fail "$1: a value is required, got none"
        case "$1 $2" in
        "--profile "*) profile=$2 ;;
        "--conf "?*=*) settings+=("$2") ;;
        *) fail "--conf: must be KEY=VALUE, got '$2'" ;;
        esac
        shift
        ;;
    --offline) offline=yes ;;
    --print-command) print=yes ;;
    --list) jobs && exit ;;
    *) if [ -n "$job" ]; then arguments+=("$1"); else job=$1; fi ;;
    esac
    shift
done
case "$job" in "" | -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit ;; esac
[ -f "$root/jobs/$job.py" ] || fail "there is no job '$job'; it must be one of: $(jobs | paste -sd ' ')"
set -- ${arguments[@]+"${arguments[@]}"}

packed=$root/build/environment
if [ -n "${PYSPARK_PYTHON:-}" ]; then
    wanted=$PYSPARK_PYTHON
elif [ -x "$root/.venv/bin/python" ]; then
    wanted=$root/.venv/bin/python
elif [ -f "$packed.tar.gz" ]; then # a package of `make package`: the driver uses what workers unpack
    "$root/conf/spark/unpack.sh" "$packed.tar.gz" "$packed"
    wanted=$packed/bin/python
else
    wanted=python3
fi
python=$(command -v "$wanted") || fail "PYSPARK_PYTHON: there is no '$wanted'"
[ -n "${SPARK_HOME:-}" ] || [ ! -d "$root/spark" ] || SPARK_HOME=$root/spark
export PYSPARK_PYTHON=$python PYSPARK_DRIVER_PYTHON=$python
export PYTHONPATH=$root/lib${PYTHONPATH:+:$PYTHONPATH}
if [ -n "${SPARK_HOME:-}" ]; then
    submit=$SPARK_HOME/bin/spark-submit
    PYTHONPATH=$PYTHONPATH$(printf ':%s' "$SPARK_HOME"/python/lib/*.zip)
    export SPARK_HOME
else
    submit=$(dirname "$python")/spark-submit
fi
[ -x "$submit" ] || fail "SPARK_HOME: there is no '$submit'; run \`make setup\` first, or set it to a Spark 4.2"

# What needs no Spark is answered, and a bad configuration refused, before a JVM starts.
for argument in "$@"; do
    case "$argument" in
    -h | --help | --print-config | --check) exec "$python" "$root/jobs/$job.py" "$@" ;;
    esac
done
"$python" "$root/jobs/$job.py" --check "$@"

file=$profile
[ -f "$file" ] || file=$root/conf/spark/$profile.conf
[ -f "$file" ] || fail "--profile: there is no file '$profile', nor a profile of that name in conf/spark"

jars=${DELTA_JARS:-$root/build/jars}
if [ ! -d "$jars" ]; then
    [ -z "$offline" ] || fail "--offline: DELTA_JARS must be a folder with Delta's jars, there is no '$jars'"
    if [ -z "$print" ]; then
        mkdir -p "$root/build"
        JAVA_HOME=$("$root/conf/spark/java_home.sh") "$root/conf/spark/fetch_jars.sh" "$python" "$jars"
    fi
fi
library=$("$python" "$root/conf/spark/zip_library.py" "$root/lib" "$root/build")

progress=false level=fatal
[ -t 2 ] && progress=true
case " $* " in *" --verbose "*) level=warn ;; esac

command=("$submit" --properties-file "$file"
    --name "semantic-ids $job"
    --jars "$(find "$jars" -name '*.jar' 2>/dev/null | sort | paste -sd ,)"
    --py-files "$library"
    --conf "spark.driver.defaultJavaOptions=-Dlog4j2.configurationFile=file:$root/conf/spark/log4j2.properties -Dsemantic_ids.log=$level"
    --conf "spark.ui.showConsoleProgress=$progress")

master=$(sed -n 's/^spark\.master[ =:]*//p' "$file" | tail -n 1)
for setting in ${settings[@]+"${settings[@]}"}; do
    case "$setting" in spark.master=*) master=${setting#*=} ;; esac
done
environment=${SPARK_ENVIRONMENT:-$packed.tar.gz}
case "$master" in local | local\[* | local-cluster*) environment=none ;; esac
if [ "$environment" = none ]; then
    command+=(--conf "spark.pyspark.python=$python")
else
    [ -f "$environment" ] || [ -n "$print" ] ||
        fail "SPARK_ENVIRONMENT: there is no '$environment'; run \`make package\`, or set it to none where workers have $python"
    command+=(--archives "$environment#environment"
        --conf "spark.pyspark.python=./environment/bin/python"
        --conf "spark.pyspark.driver.python=$python")
fi
for setting in ${settings[@]+"${settings[@]}"}; do command+=(--conf "$setting"); done
command+=("$root/jobs/$job.py" "$@")

if [ -n "$print" ]; then
    secret='(secret|pass|pwd|token|credential|authorization|(access|account|private|encryption|api)[._-]?key|[._-]sas[._-])'
    for word in "${command[@]}"; do printf '%q\n' "$word"; done |
        sed -E "s/^([^ =]*${secret}[^ =]*)=.*/\1=*****/I; s/([^ =]*${secret}[^ =]*)=(\\\\.|[^ \\\\])*/\1=*****/Ig; s,(//[^/: ]*:)[^ ]*@,\1*****@,g" | paste -sd ' '
    exit
fi
JAVA_HOME=$("$root/conf/spark/java_home.sh")
export JAVA_HOME
exec "${command[@]}" # in place of this shell: signals reach it, and its exit code is the job's
