#!/bin/sh
# usage: image-test.sh DIRECTORY: builds the Dockerfile as it is, as the image localhost/anomaly-sidecar:test.
#
# Where no registry can be reached, the image that the Dockerfile begins from is stood in for: the same Debian with the
# same paths, made by debootstrap, with Debian's own Python. It is kept in DIRECTORY, as are the images. Needs root,
# debootstrap, buildah, podman and runc. IMAGE_TEST_BUILD_ARGS adds arguments to the build.
set -eu
directory=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || {
    echo "Building an image needs root here: run it by sudo" >&2
    exit 1
}
python=3.11
base=docker.io/library/python:$python-slim-bookworm
rootfs=$directory/rootfs

if [ ! -e "$directory/rootfs.ready" ]; then
    mirror=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Label: Debian' | head -n 1)
    rm -rf "$rootfs"
    debootstrap --variant=minbase --include=ca-certificates,netbase,tzdata,python3,python3-pip bookworm "$rootfs" "$mirror" \
        > "$directory/debootstrap.log" 2>&1 || {
        tail "$directory/debootstrap.log" >&2
        exit 1
    }
    ln -s ../../bin/python3 "$rootfs/usr/local/bin/python"
    # The official image has no such guard, and is stripped of these.
    rm -f "$rootfs"/usr/lib/python3*/EXTERNALLY-MANAGED
    rm -rf "$rootfs"/usr/share/doc/* "$rootfs"/usr/share/man/* "$rootfs"/usr/share/locale/* "$rootfs"/var/cache/apt/* "$rootfs"/var/lib/apt/lists/*
    touch "$directory/rootfs.ready"
fi

podman() {
    command podman --root "$directory/storage" --runroot "$directory/run" --runtime runc --cgroup-manager cgroupfs "$@"
}

podman image exists "$base" || tar -C "$rootfs" -cf - . | podman import --quiet \
    --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' - "$base" > /dev/null

# What this machine needs to reach a package index: its certificates and its pip configuration.
mounts=
for file in /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
    [ ! -r "$file" ] || mounts="$mounts --volume $file:$file:ro"
done
# Docker's format, because the other one has no health check.
# shellcheck disable=SC2086  # one word a mount, one an argument
buildah --root "$directory/storage" --runroot "$directory/run" build-using-dockerfile --quiet --layers --format docker \
    --isolation chroot --network host --pull-never --build-arg PYTHON_VERSION=$python \
    $mounts ${IMAGE_TEST_BUILD_ARGS:-} --tag localhost/anomaly-sidecar:test . > "$directory/build.log" 2>&1 || {
    tail -n 40 "$directory/build.log" >&2
    exit 1
}
podman image prune --force --filter until=24h > /dev/null
