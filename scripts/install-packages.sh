#!/bin/sh
# usage: install-packages.sh PACKAGE...: installs packages of the distribution, as root or by sudo without a password.
set -eu
command -v apt-get >/dev/null || {
    echo "These are needed and this is no Debian or Ubuntu, install them by hand: $*" >&2
    exit 1
}
install="apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $*"
if [ "$(id -u)" = 0 ]; then
    sh -c "$install" >&2
elif sudo -n true 2>/dev/null; then
    sudo -n sh -c "$install" >&2
else
    echo "The system's packages are missing. Run this once, then make again:" >&2
    echo "  sudo sh -c '$install'" >&2
    exit 1
fi
