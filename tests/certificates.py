"""Certificates of a day, made by the openssl program: an authority and whom it signs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "1")


@dataclass(frozen=True)
class Signed:
    """A certificate and its key (PEM), also in one file as Kafka wants them."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Signs certificates for 127.0.0.1."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(self.certificate, self._key, name)

    def sign(self, name: str) -> Signed:
        """Return a certificate for a name."""
        certificate, key, both = (self._folder / f"{name}.{end}" for end in ("pem", "key", "both"))
        _openssl(
            certificate,
            key,
            name,
            *("-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"),
        )
        both.write_text(key.read_text() + certificate.read_text())
        return Signed(certificate, key, both)


def _openssl(certificate: Path, key: Path, name: str, *signer: str) -> None:
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(
        ["openssl", "req", "-x509", *KEY, *files, "-subj", f"/CN={name}", *signer],
        check=True,
        capture_output=True,
    )
