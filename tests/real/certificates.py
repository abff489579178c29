"""A certificate authority of a test, by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.real.binaries import binary

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates; its own is `cert`, what it makes is in `directory`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self.cert, self._key = directory / "ca.crt", directory / "ca.key"
        _openssl("req", "-x509", *_KEY, "-subj", "/CN=test authority", "-keyout", self._key, "-out", self.cert)

    def issue(self, name: str, days: int = 1, subject: str = "DNS:localhost,IP:127.0.0.1") -> Certificate:
        """Sign a certificate for some days; with -1 it has expired."""
        made = Certificate(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        request = self._directory / f"{name}.csr"
        extension = f"subjectAltName={subject}"
        _openssl(
            "req", "-new", *_KEY, "-subj", f"/CN={name}", "-addext", extension, "-keyout", made.key, "-out", request
        )
        signer = ("-CA", self.cert, "-CAkey", self._key, "-CAcreateserial", "-copy_extensions", "copy")
        _openssl("x509", "-req", "-in", request, *signer, "-days", str(days), "-out", made.cert)
        return made


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run([binary("OPENSSL_BIN"), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl: {done.stderr}"
