#!/bin/sh
# usage: grafana-schema.sh DIRECTORY: Grafana's types of dashboards, and the compiler that checks against them.
set -eu
directory=$1
schema=@grafana/schema@11.6.16 compiler=typescript@5.9.3
done=$directory/$(echo "$schema-$compiler" | tr / _).ready
[ -e "$done" ] && exit 0
command -v npm >/dev/null || {
    echo "npm is needed to check the dashboards against Grafana's types: install Node.js" >&2
    exit 1
}
mkdir -p "$directory"
npm install --prefix "$directory" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
    "$schema" "$compiler" >/dev/null
touch "$done"
