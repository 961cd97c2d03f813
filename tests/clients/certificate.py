"""A certificate authority and a certificate for this machine, made by openssl for one test."""

import pathlib
import subprocess


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def make_certificate(folder, name="localhost"):
    """Writes ca.pem, cert.pem and key.pem into `folder`. @returns their paths."""
    folder = pathlib.Path(folder)
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names.cnf").write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", f"/CN={name}", "-keyout", "key.pem", "-out",
            "cert.csr")
    openssl(folder, "x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names.cnf",
            "-out", "cert.pem")
    return folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
