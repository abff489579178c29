#!/bin/sh
# usage: system-packages.sh COMMAND:PACKAGE...: installs the packages whose command is not on PATH.
# Debian names two of them with a prefix (prometheus-alertmanager), which counts as well.
set -eu
missing=
for pair in "$@"; do
    command=${pair%%:*} package=${pair#*:}
    command -v "$command" >/dev/null || command -v "prometheus-$(echo "$command" | tr _ -)" >/dev/null || missing="$missing $package"
done
# shellcheck disable=SC2086  # one word a package
[ -z "$missing" ] || "$(dirname "$0")/install-packages.sh" $missing
