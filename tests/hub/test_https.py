"""Certificates: a server on loopback whose authority only the environment knows."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hub_server import HubServer, running, status

from rubriek.errors import DownloadError
from rubriek.hub.download import download


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a company's own authority")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "own.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(made.public_bytes(pem) + secret)
    return file


@pytest.fixture
def secure(own_cache: Path, certificate: Path) -> Iterator[HubServer]:
    own_cache.mkdir()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running(HubServer(files={"/news.zip": b"content"}), context=context) as hub:
        yield hub


def test_the_certificates_of_the_environment_count(secure, own_cache, certificate, monkeypatch):
    monkeypatch.setenv("RUBRIEK_RETRIES", "0")
    with pytest.raises(DownloadError, match="SSL_CERT_FILE"):
        download(f"{secure.address}/news.zip", own_cache / "news.zip")
    assert not (own_cache / "news.zip").exists()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    download(f"{secure.address}/news.zip", own_cache / "news.zip")
    assert (own_cache / "news.zip").read_bytes() == b"content"


def test_what_leads_away_from_https_is_not_followed(secure, own_cache, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with running(HubServer(files={"/news.zip": b"other"})) as plain:
        secure.always = status(302, Location=f"{plain.address}/news.zip")
        with pytest.raises(DownloadError, match="not encrypted"):
            download(f"{secure.address}/news.zip", own_cache / "news.zip")
    assert not (own_cache / "news.zip").exists()
