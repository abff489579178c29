#!/bin/sh
# usage: fetch-victoria-metrics.sh DIRECTORY: VictoriaMetrics as DIRECTORY/victoria-metrics.
# Debian's package is unpacked, not installed: it would start a service.
set -eu
directory=$1
[ ! -x "$directory/victoria-metrics" ] || exit 0
command -v victoria-metrics >/dev/null && exit 0
command -v apt-get >/dev/null || {
    echo "VictoriaMetrics is fetched on Debian only: name yours with VICTORIA_METRICS_BIN" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$directory"
# Without root, the package lists that are there must do.
[ "$(id -u)" != 0 ] || apt-cache show victoria-metrics >/dev/null 2>&1 || apt-get -qq update
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download victoria-metrics && dpkg -x victoria-metrics_*.deb root)
# A rename within a file system: an interrupted run leaves no half a binary.
cp "$work/root/usr/bin/victoria-metrics" "$directory/.victoria-metrics.part"
mv "$directory/.victoria-metrics.part" "$directory/victoria-metrics"
