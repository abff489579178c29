#!/bin/sh
# usage: fetch-compose.sh DIRECTORY: Docker Compose as DIRECTORY/docker-compose, which checks a file without any Docker.
# Debian has it from release 13 on; the package is unpacked, not installed, so that an older release serves as well.
set -eu
directory=$1
[ ! -x "$directory/docker-compose" ] || exit 0
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Label: Debian' 2>/dev/null | head -n 1)
[ -n "$mirror" ] && [ -r "$keyring" ] || {
    echo "Docker Compose is fetched on Debian only: name yours with DOCKER_COMPOSE_BIN" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$directory" "$work/lists/partial"
echo "deb [signed-by=$keyring] $mirror trixie main" > "$work/sources.list"
apt() {
    apt-get -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root "$@"
}
(cd "$work" && apt update && apt download docker-compose && dpkg -x docker-compose_*.deb root)
# A rename within a file system: an interrupted run leaves no half a binary.
cp "$work/root/usr/libexec/docker/cli-plugins/docker-compose" "$directory/.docker-compose.part"
mv "$directory/.docker-compose.part" "$directory/docker-compose"
