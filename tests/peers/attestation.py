"""Called by the script beside it: registrations for fido2 and webauthn (PyPI), as they are and with one bit flipped.

    attestation.py SEED judge EXPORT OTHERS   both libraries accept EXPORT, and refuse it with one thing wrong; OTHERS are PEM roots
    attestation.py SEED damage FOLDER         copies of webauthn, raw, kast and lab into FOLDER, one bit of each flipped

Nothing of the libraries is patched. They look at everything that is damaged here. Not damaged is what one of them passes over by
design: fido2 verifies the path by signatures alone (no validity, no constraints of issuers) and reads a certificate's signature
without the count of unused bits before it; webauthn, by OpenSSL, passes over certificates in x5c that the path does not need.
"""

import base64
import json
import random
import shutil
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fido2.attestation import AttestationVerifier, TpmAttestation
from fido2.server import Fido2Server
from fido2.webauthn import AttestationObject
from webauthn import verify_registration_response
from webauthn.helpers.structs import AttestationFormat

WINDOWS_HELLO_HARDWARE = "08987058-cadc-4b81-b6e1-30de50dcbe96"
ALGORITHMS = {-257: "RS256", -7: "ES256"}
# As long as the shortest TPMS_ATTEST of a certify: no extraData.
CERTIFY_INFO = 141


class ToRoot(AttestationVerifier):
    """The path ends at the export's root."""

    def __init__(self, export):
        super().__init__([TpmAttestation()])
        self.root = x509.load_pem_x509_certificate(export["roots_pem"][0].encode())

    def ca_lookup(self, result, auth_data):
        return self.root.public_bytes(Encoding.DER)


def by_fido2(export):
    rp = {"id": export["rp_id"], "name": "a relying party"}
    server = Fido2Server(rp, "direct", lambda origin: origin == export["origin"], ToRoot(export))
    state = {"challenge": export["challenge"], "user_verification": "required"}
    return str(server.register_complete(state, export["credential"]).credential_data.aaguid)


def by_webauthn(export):
    verified = verify_registration_response(
        credential=export["credential"],
        expected_challenge=decoded(export["challenge"]),
        expected_rp_id=export["rp_id"],
        expected_origin=export["origin"],
        require_user_verification=True,
        pem_root_certs_bytes_by_fmt={AttestationFormat.TPM: [pem.encode() for pem in export["roots_pem"]]},
    )
    assert verified.fmt == AttestationFormat.TPM, verified.fmt
    return verified.aaguid


LIBRARIES = {"fido2": by_fido2, "webauthn": by_webauthn}


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def flipped(data, bit):
    data = bytearray(data)
    data[bit // 8] ^= 0x80 >> bit % 8
    return bytes(data)


def one_flipped(data, part):
    """A bit of `part`, which is somewhere in `data`."""
    assert data.count(part) == 1
    return flipped(data, 8 * data.index(part) + random.randrange(8 * len(part)))


def certificate_signature(der):
    return x509.load_der_x509_certificate(der).signature


def attestation_object(export):
    return decoded(export["credential"]["response"]["attestationObject"])


def parts(export):
    """What is signed, and what signs, by name."""
    made = AttestationObject(attestation_object(export))
    names = {name: made.att_stmt[name] for name in ("certInfo", "pubArea", "sig")}
    names["authData"] = bytes(made.auth_data)
    names["aikCert.signature"] = certificate_signature(made.att_stmt["x5c"][0])
    return names


def with_object(export, data):
    response = {**export["credential"]["response"], "attestationObject": encoded(data)}
    return {**export, "credential": {**export["credential"], "response": response}}


def wrong(export, others):
    """The export with one thing wrong, each with its name."""
    whole = attestation_object(export)
    for name, part in parts(export).items():
        yield f"a bit of {name} flipped", with_object(export, one_flipped(whole, part))
    yield "another challenge", {**export, "challenge": encoded(random.randbytes(32))}
    yield "another origin", {**export, "origin": export["origin"] + ".example"}
    yield "another relying party", {**export, "rp_id": "another.example"}
    yield "another root", {**export, "roots_pem": [others]}


def refusal(library, export):
    """The name of what the library raised. Some is no fault of its own but a slip while it reads; that accepts nothing either."""
    try:
        LIBRARIES[library](export)
    except Exception as fault:  # noqa: BLE001
        return type(fault).__name__
    return None


def judge(path, others):
    export = json.loads(path.read_text())
    name = path.name
    algorithm = ALGORITHMS[AttestationObject(attestation_object(export)).att_stmt["alg"]]
    for library, verify in LIBRARIES.items():
        aaguid = verify(export)
        assert aaguid == WINDOWS_HELLO_HARDWARE, aaguid
        print(f"{library} accepts {name}: tpm, {algorithm}, {aaguid}")
    for what, damaged in wrong(export, others.read_text()):
        names = {library: refusal(library, damaged) for library in LIBRARIES}
        if None in names.values():
            sys.exit(f"{name} with {what} was accepted: {names}\n{json.dumps(damaged)}")
        print(f"both refuse {name} with {what}:", ", ".join(map(" ".join, names.items())))
    whole, part = attestation_object(export), parts(export)["certInfo"]
    first = 8 * whole.index(part)
    for bit in range(8 * len(part)):
        for library in LIBRARIES:
            if not refusal(library, with_object(export, flipped(whole, first + bit))):
                sys.exit(f"{library} accepts {name} with bit {bit} of certInfo flipped")
    print(f"both refuse {name} with any of the {8 * len(part)} bits of certInfo flipped")


def damage(folder):
    folder.mkdir()
    export = json.loads(Path("webauthn").read_text())
    whole = attestation_object(export)
    for name, part in parts(export).items():
        damaged = with_object(export, one_flipped(whole, part))
        (folder / f"webauthn.{name}").write_text(json.dumps(damaged))

    files = ("certify.attest", "certify.sig", "key.public", "aik.public", "storage.name", "aik-chain.pem", "ek-chain.pem")
    for name in files:
        copy = shutil.copytree("raw", folder / f"raw.{name.removesuffix('.pem')}") / name
        data = copy.read_bytes()
        if name.endswith(".pem"):
            first, *issuers = [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(data)]
            damaged = [one_flipped(first, certificate_signature(first)), *issuers]
            copy.write_text("".join(pem(der) for der in damaged))
        else:
            copy.write_bytes(one_flipped(data, data))

    member = json.loads(Path("lab").read_text())
    for name in ("certifyInfo", "signature", "public"):
        data = base64.b64decode(member[name] + "==")
        damaged = base64.b64encode(one_flipped(data, data)).decode().rstrip("=")
        (folder / f"lab.{name}").write_text(json.dumps({**member, name: damaged}))

    data = Path("kast").read_bytes()
    start = data.index(b"\xffTCG\x80\x17")  # TPM2_Certify; the attestation key's word for itself has another type
    (folder / "kast.certInfo").write_bytes(one_flipped(data, data[start : start + CERTIFY_INFO]))
    shutil.copy("kast.pem", folder / "kast.certInfo.pem")


def pem(der):
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


seed, command, *arguments = sys.argv[1:]
random.seed(int(seed))
{"judge": judge, "damage": damage}[command](*map(Path, arguments))
