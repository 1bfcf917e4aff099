#!/usr/bin/env bash
# Prints the home of a Java 17 or 21: JAVA_HOME, then PATH, then the usual folders.
# With --install, and where apt-get can, installs one that is missing.
set -euo pipefail

version_of() { # the major version of a Java home, or nothing
    [ -x "$1/bin/java" ] && "$1/bin/java" -version 2>&1 |
        sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1
}

find_java() {
    local candidates=("${JAVA_HOME:-}") found home
    if found=$(command -v java); then
        home=$(readlink -f "$found")
        candidates+=("${home%/bin/java}")
    fi
    candidates+=(/usr/lib/jvm/*)
    for home in "${candidates[@]}"; do
        case "$(version_of "$home" || true)" in
        17 | 21) echo "$home" && return ;;
        esac
    done
    return 1
}

find_java && exit
if [ "${1:-}" = "--install" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq >&2 && apt-get install -y -qq openjdk-17-jre-headless >&2
    find_java && exit
fi
echo "Java: version 17 or 21 is required and was not found; install one (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME" >&2
exit 2
