"""The certificates that the chart makes, read with another library, and those that it asks for."""

from __future__ import annotations

import base64
import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from tests.chart.rendering import (
    FULLNAME,
    NAMESPACE,
    Document,
    ci,
    environment,
    mounted,
    of_kind,
    one,
    render,
    webhook,
)

pytestmark = pytest.mark.server

DIALLED = f"{FULLNAME}.{NAMESPACE}"


def pem(secret: Document, key: str) -> bytes:
    return base64.b64decode(secret["data"][key])


def names(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return found.get_values_for_type(x509.DNSName), addresses


def state(documents: list[Document]) -> Document:
    return one(documents, "Secret", f"{FULLNAME}-hook")


def test_the_certificate_has_the_name_that_metacontroller_dials() -> None:
    documents = render(ci("tls-self-signed"))
    certificate = x509.load_pem_x509_certificate(pem(state(documents), "tls.crt"))
    service = webhook(documents)["service"]
    assert f"{service['name']}.{service['namespace']}" == DIALLED
    assert service["protocol"] == "https"
    dns, addresses = names(certificate)
    assert {DIALLED, f"{DIALLED}.svc", f"{DIALLED}.svc.cluster.local"} <= set(dns)
    assert "hook.example.com" in dns
    assert addresses == ["127.0.0.1"]
    assert environment(documents)["HOOK_TLS_CERT_FILE"] in mounted(documents)


def test_it_is_verified_with_the_bundle_that_metacontroller_gets() -> None:
    documents = render(ci("tls-self-signed"))
    certificate = x509.load_pem_x509_certificate(pem(state(documents), "tls.crt"))
    bundle = webhook(documents)["caBundle"]["inline"].encode()
    authorities = x509.load_pem_x509_certificates(bundle)
    verifier = PolicyBuilder().store(Store(authorities))
    for subject in (x509.DNSName(DIALLED), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))):
        verifier.build_server_verifier(subject).verify(certificate, [])
    with pytest.raises(VerificationError):
        verifier.build_server_verifier(x509.DNSName("another.name")).verify(certificate, [])


def test_keys_are_ecdsa_p256_and_belong_to_their_certificates() -> None:
    documents = render(ci("tls-mutual"))
    for part in ("tls", "client"):
        certificate = x509.load_pem_x509_certificate(pem(state(documents), f"{part}.crt"))
        key = load_pem_private_key(pem(state(documents), f"{part}.key"), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert isinstance(key.curve, ec.SECP256R1)
        assert key.public_key() == certificate.public_key()


def test_the_cas_keys_are_kept_nowhere() -> None:
    data = state(render(ci("tls-mutual")))["data"]
    keys = [key for key, text in data.items() if b"PRIVATE KEY" in base64.b64decode(text)]
    assert sorted(keys) == ["client.key", "tls.key"]


def test_callers_are_of_another_authority_than_the_server() -> None:
    documents = render(ci("tls-mutual"))
    secret = one(documents, "Secret", webhook(documents)["clientTLS"]["secretRef"]["name"])
    assert secret["type"] == "kubernetes.io/tls"
    caller = x509.load_pem_x509_certificate(pem(secret, "tls.crt"))
    path = environment(documents)["HOOK_TLS_CLIENT_CA_FILE"]
    source, key = mounted(documents)[path]
    trusted = x509.load_pem_x509_certificates(pem(one(documents, "Secret", source), key))
    PolicyBuilder().store(Store(trusted)).build_client_verifier().verify(caller, [])
    server = x509.load_pem_x509_certificate(pem(state(documents), "tls.crt"))
    with pytest.raises(VerificationError):
        PolicyBuilder().store(Store(trusted)).build_client_verifier().verify(server, [])
    # Metacontroller's key is not in the pod.
    assert "client.key" not in {key for _, key in mounted(documents).values()}


def test_how_long_they_last() -> None:
    values = {"hook": {"tls": {"mode": "selfSigned", "selfSigned": {"validityDays": 100}}}}
    documents = render(values=values)
    certificate = x509.load_pem_x509_certificate(pem(state(documents), "tls.crt"))
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=99) < left <= datetime.timedelta(days=100)
    noted = state(documents)["metadata"]["annotations"]["s3-resource-operator.io/tls-not-after"]
    assert certificate.not_valid_after_utc.date().isoformat() == noted


def test_cert_manager_is_asked_for_the_same() -> None:
    documents = render(ci("tls-cert-manager"))
    server = one(documents, "Certificate", f"{FULLNAME}-hook-tls")["spec"]
    assert server["dnsNames"][0] == DIALLED
    assert server["privateKey"]["algorithm"] == "ECDSA"
    assert server["privateKey"]["size"] == 256
    bundle = webhook(documents)["caBundle"]["secretRef"]
    assert bundle == {"name": server["secretName"], "namespace": NAMESPACE, "key": "ca.crt"}
    client = one(documents, "Certificate", f"{FULLNAME}-hook-client")["spec"]
    assert webhook(documents)["clientTLS"]["secretRef"]["name"] == client["secretName"]
    assert client["usages"] == ["digital signature", "client auth"]
    issuers = {item["metadata"]["name"] for item in of_kind(documents, "Issuer")}
    for certificate in of_kind(documents, "Certificate"):
        assert certificate["spec"]["issuerRef"]["name"] in issuers
    path = environment(documents)["HOOK_TLS_CLIENT_CA_FILE"]
    assert mounted(documents)[path] == (client["secretName"], "ca.crt")


def test_an_issuer_of_ones_own() -> None:
    issuer = {"name": "company", "kind": "ClusterIssuer"}
    tls = {"mode": "certManager", "certManager": {"issuerRef": issuer}}
    documents = render(values={"hook": {"tls": tls}})
    assert not of_kind(documents, "Issuer")
    (certificate,) = of_kind(documents, "Certificate")
    assert certificate["spec"]["issuerRef"] == issuer


def test_existing_secrets_are_only_referred_to() -> None:
    documents = render(ci("tls-existing"))
    hook = webhook(documents)
    assert hook["caBundle"]["configMapRef"]["name"] == "company-ca"
    assert hook["clientTLS"]["secretRef"] == {
        "name": "metacontroller-certificate",
        "namespace": NAMESPACE,
    }
    files = mounted(documents)
    assert files["/etc/s3-resource-operator/tls/tls.crt"] == ("hook-certificate", "tls.crt")
    assert files["/etc/s3-resource-operator/client-ca/ca.crt"][0] == "metacontroller-certificate"
    assert "tls.crt" not in state(documents)["data"]
