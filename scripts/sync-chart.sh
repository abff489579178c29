#!/bin/sh
# Copies what the chart brings along into its `files`: a chart cannot read outside its own directory, and links would be
# lost where charts are installed straight from a Git repository.
set -eu
cd "$(dirname "$0")/.."
files=helm/prometheus-anomaly-sidecar/files
rm -rf "$files"
mkdir -p "$files/rules" "$files/dashboards"
cp config.yaml "$files/"
cp rules/*.rules.yaml "$files/rules/"
cp dashboards/*.json "$files/dashboards/"
