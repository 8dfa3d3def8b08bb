//! A TPM of software keys, its vendor and its attestation key: what only a real TPM would keep secret is in these tests' hands.

use std::sync::OnceLock;

use serde_json::Value;
use whfb::attest::{TpmIdentity, ek_certificate, extra_data};
use whfb::base::OsRng;
use whfb::crypto::cert::{Authority, Certificate, Name, Text, Validity};
use whfb::crypto::cipher::cfb_decrypt;
use whfb::crypto::digest::sha256;
use whfb::crypto::kdf::kdfa;
use whfb::crypto::{PublicKey, SigningKey, SoftwareKey};
use whfb::entra::Rules;
use whfb::wire::discovery::DrsNonceReply;
use whfb::wire::encoding::base64;
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::lab::{
    AIK_CERTIFICATE_PATH, AIK_CHALLENGE_PATH, ATTESTATION_MEMBER, AikCertificate, AikCertificateRequest, AikChallenge,
    AikChallengeRequest, LabAttestation,
};
use whfb::wire::tpm::{
    ALG_SHA256, ATTEST_CERTIFY, Attest, Attested, Attributes, ClockInfo, GENERATED, Public, PublicKind, Scheme,
    Symmetric, WINDOWS_POLICY, from_tpm2b, name_of, split_tpm2b,
};
use x509_cert::der::asn1::BitString;
use x509_cert::der::{Decode as _, Encode as _};

use crate::client::*;

macro_rules! shared_keys {
    ($($name:ident),*) => {
        $(pub(crate) fn $name() -> &'static SoftwareKey {
            static KEY: OnceLock<SoftwareKey> = OnceLock::new();
            KEY.get_or_init(|| SoftwareKey::generate_rsa(&mut OsRng).unwrap())
        })*
    };
}

shared_keys!(ek_key, aik_key);

pub(crate) fn vendor() -> &'static Authority {
    static VENDOR: OnceLock<Authority> = OnceLock::new();
    VENDOR.get_or_init(|| root("whfb lab TPM vendor"))
}

pub(crate) fn root(name: &str) -> Authority {
    let name = Name::common_name(name, Text::Utf8).unwrap();
    Authority::root(name, SigningKey::generate_p256().unwrap(), Validity::days_from(start(), 3650), &mut OsRng).unwrap()
}

pub(crate) fn area(key: &SoftwareKey, attributes: Attributes, scheme: Scheme) -> Vec<u8> {
    let PublicKey::Rsa(rsa) = public(key) else { panic!("an RSA key") };
    let kind = PublicKind::Rsa { bits: 2048, exponent: 0, modulus: rsa.modulus().to_vec() };
    let auth_policy = WINDOWS_POLICY.to_vec();
    Public { attributes, auth_policy, symmetric: Symmetric::Null, scheme, kind }.to_bytes().unwrap()
}

pub(crate) fn aik_area() -> Vec<u8> {
    area(aik_key(), Attributes::WINDOWS_AIK, Scheme::Rsassa(ALG_SHA256))
}

pub(crate) fn ek_area() -> Vec<u8> {
    area(ek_key(), Attributes::ENDORSEMENT, Scheme::Null)
}

pub(crate) fn certified_ek(vendor: &Authority, days: i64) -> String {
    let tpm = TpmIdentity { manufacturer: 0x4942_4d00, model: "swtpm".into(), version: 0x2019_1023 };
    let validity = Validity::days_from(start(), days);
    base64(ek_certificate(vendor, &public(ek_key()), &tpm, validity, &mut OsRng).unwrap().der())
}

/// The service's certificate for the attestation key, under an endorsement key of somebody's own.
pub(crate) async fn certified_under(lab: &Lab, ek: &SoftwareKey) -> Vec<String> {
    let ek_public = area(ek, Attributes::ENDORSEMENT, Scheme::Null);
    let body = AikChallengeRequest { ek_public, ek_certificate: None, aik_public: aik_area() };
    let challenge: AikChallenge = lab.send(Request::json(host::AIK, AIK_CHALLENGE_PATH, &body)).await.json().unwrap();
    let reply = lab.send(answer(&challenge.ticket, &activate_with(ek, &challenge))).await;
    assert_eq!(reply.status, 200, "{}", text(&reply));
    reply.json::<AikCertificate>().unwrap().chain
}

pub(crate) fn challenge(ek_certificate: Option<String>, aik_public: Vec<u8>) -> Request {
    let body = AikChallengeRequest { ek_public: ek_area(), ek_certificate, aik_public };
    Request::json(host::AIK, AIK_CHALLENGE_PATH, &body)
}

pub(crate) fn answer(ticket: &str, secret: &[u8]) -> Request {
    let body = AikCertificateRequest { ticket: ticket.to_owned(), secret: secret.to_vec() };
    Request::json(host::AIK, AIK_CERTIFICATE_PATH, &body)
}

/// What TPM2_ActivateCredential does (TPM 2.0 Part 1, section 24).
pub(crate) fn activate(challenge: &AikChallenge) -> Vec<u8> {
    activate_with(ek_key(), challenge)
}

fn activate_with(ek: &SoftwareKey, challenge: &AikChallenge) -> Vec<u8> {
    let seed = ek.decrypt_oaep_sha256(&challenge.encrypted_secret, "IDENTITY", &mut OsRng).unwrap();
    let seed = whfb::base::ExposeSecret::expose_secret(&seed);
    let (_, identity) = split_tpm2b(&challenge.credential_blob).unwrap();
    let key = kdfa(seed, "STORAGE", &name_of(&aik_area()), &[], 128).try_into().unwrap();
    let mut plain = identity.to_vec();
    cfb_decrypt(&key, &[0; 16], &mut plain);
    from_tpm2b(&plain).unwrap().to_vec()
}

pub(crate) async fn certified_aik(lab: &Lab, ek_certificate: Option<String>) -> Vec<String> {
    let challenge: AikChallenge = lab.send(challenge(ek_certificate, aik_area())).await.json().unwrap();
    let reply = lab.send(answer(&challenge.ticket, &activate(&challenge))).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    reply.json::<AikCertificate>().unwrap().chain
}

pub(crate) async fn drs_nonce(lab: &Lab) -> String {
    let target = "/EnrollmentServer/nonce/contoso.example/?api-version=1.0";
    lab.send(Request::new(Method::Get, host::REGISTRATION, target)).await.json::<DrsNonceReply>().unwrap().value
}

/// Everything that goes into a statement about the user key, before it is signed. Break a field, then [`Recipe::make`] signs it.
pub(crate) struct Recipe {
    pub(crate) public: Public,
    pub(crate) attest: Attest,
    /// Whether the Name in the attestation follows the public area, as a TPM makes it.
    pub(crate) honest_name: bool,
    /// Bytes behind the attestation, signed along.
    pub(crate) trailing: Vec<u8>,
}

impl Recipe {
    pub(crate) fn good(nonce: &str) -> Self {
        let attest = Attest {
            magic: GENERATED,
            kind: ATTEST_CERTIFY,
            qualified_signer: name_of(b"attestation key"),
            extra_data: extra_data(nonce.as_bytes(), &rsa1(user_key())).to_vec(),
            clock: ClockInfo { clock: 1000, reset_count: 1, restart_count: 0, safe: true },
            firmware_version: 0x2019_1023_0016_3636,
            attested: Attested::Certify { name: Vec::new(), qualified_name: name_of(b"below the SRK") },
        };
        let public = Public::windows(&public(user_key()), Attributes::WINDOWS_KEY).unwrap();
        Self { public, attest, honest_name: true, trailing: Vec::new() }
    }

    pub(crate) fn make(&self, nonce: &str, aik_chain: &[String]) -> LabAttestation {
        let public = self.public.to_bytes().unwrap();
        let mut attest = self.attest.clone();
        if let (true, Attested::Certify { name, .. }) = (self.honest_name, &mut attest.attested) {
            *name = name_of(&public);
        }
        let mut certify_info = attest.to_bytes().unwrap();
        certify_info.extend_from_slice(&self.trailing);
        let signature = aik_key().sign(&sha256(&certify_info), &mut OsRng).unwrap();
        LabAttestation {
            nonce: nonce.to_owned(),
            public,
            certify_info,
            signature,
            aik_chain: aik_chain.to_vec(),
            aik_public: None,
            storage_name: None,
        }
    }
}

/// A statement about the user key, as the TPM with this attestation key makes it.
pub(crate) fn statement(nonce: &str, aik_chain: &[String]) -> LabAttestation {
    Recipe::good(nonce).make(nonce, aik_chain)
}

pub(crate) fn attested(key: &SoftwareKey, statement: &LabAttestation) -> Value {
    let mut body = kngc(key);
    body[ATTESTATION_MEMBER] = serde_json::to_value(statement).unwrap();
    body
}

pub(crate) async fn lab_of(rules: Rules) -> (Lab, String) {
    let lab = Lab::with_roots(rules, vec![vendor().certificate().der().to_vec()]).await;
    let device = lab.join(ALICE).await;
    let token = lab.ngcmfa(&lab.session(&device, ALICE).await).await;
    (lab, token)
}

/// The certificate as version 1, signed again.
pub(crate) fn as_version_1(authority: &Authority, certificate: &Certificate) -> Vec<u8> {
    let mut old = x509_cert::Certificate::from_der(certificate.der()).unwrap();
    old.tbs_certificate.version = x509_cert::Version::V1;
    let signature = authority.key().sign(&old.tbs_certificate.to_der().unwrap()).unwrap();
    old.signature = BitString::from_bytes(&signature).unwrap();
    old.to_der().unwrap()
}
