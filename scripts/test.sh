#!/bin/sh
# usage: test.sh BIN [PYTEST ARGUMENT]...: every test, with coverage, by the programs in the directory BIN.
#
# The tests with real programs, which mostly wait for them, run beside the others, which mostly compute, and those of the
# image: two cores are in use, and nothing is shared. What needs the machine for itself comes last.
set -u
bin=$1
shift
failed=0

said=$(mktemp)
"$bin/coverage" run -m pytest -m 'not real or image' "$@" > "$said" 2>&1 &
other=$!
trap 'kill "$other" 2> /dev/null; rm -f "$said"' EXIT
trap 'exit 130' INT TERM

"$bin/coverage" run -m pytest -m 'real and not (alone or image)' "$@" || failed=1
wait "$other" || failed=1
cat "$said"
"$bin/coverage" run -m pytest -m alone "$@" || failed=1
exit "$failed"
