import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HADOLINT = Path(sys.executable).parent / "hadolint"


def findings(dockerfile: str) -> set[str]:
    done = subprocess.run(
        [HADOLINT, "--format", "json", "-"], input=dockerfile, capture_output=True, text=True, check=False
    )
    return {finding["code"] for finding in json.loads(done.stdout)}


def test_the_dockerfile_is_clean_to_hadolint() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert findings(dockerfile) == set()
    assert "DL3025" in findings(dockerfile.replace('ENTRYPOINT ["sidecar"]', "ENTRYPOINT sidecar"))


def test_the_dependencies_are_locked_with_hashes_and_the_process_is_nobody() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    installs = [line for line in dockerfile.splitlines() if " install " in line]
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert "\nUSER 65532:65532\n" in dockerfile


def test_the_context_holds_what_is_copied_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copies = [line.split()[1:-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY")]
    copied = {source.partition("/")[0] for sources in copies for source in sources if "--from=build" not in sources}
    assert ignored[0] == "*"
    assert copied == allowed
    assert all((ROOT / name).exists() for name in allowed)
