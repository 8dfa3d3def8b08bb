//! Keys that are none, and certificates of strangers.

use serde_json::json;
use whfb::base::{Clock as _, OsRng, Timestamp};
use whfb::crypto::cert::{Authority, Leaf, Name, Text, UnsignedRequest, Validity, oid};
use whfb::crypto::digest::sha256;
use whfb::crypto::{PublicKey, RsaPublic, SoftwareKey};
use whfb::entra::Rules;
use whfb::wire::blob;
use whfb::wire::encoding::base64;
use whfb::wire::host;
use whfb::wire::http::Request;
use whfb::wire::join::REQUEST_SUBJECT;
use whfb::wire::jws::{CertificateChain, Header, Unsigned};
use whfb::wire::lab::{AIK_CHALLENGE_PATH, AikChallengeRequest};
use whfb::wire::token::DRS_AUDIENCE;
use whfb::wire::tpm::{Attributes, Public};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::request::CertReq;

use crate::client::*;
use crate::hostile::refuses;
use crate::software_tpm::{aik_area, challenge};
use crate::theft;

const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// The blob of a key, unchecked: whoever would write it as a key is refused at once.
fn blob_of(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let good = blob::write(&RsaPublic::new(modulus, &[1, 0, 1]).unwrap());
    let length = u32::try_from(exponent.len()).unwrap().to_le_bytes();
    [&good[..8], &length, &good[12..24], exponent, modulus].concat()
}

#[test]
fn refuses_keys_that_protect_nothing() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let fresh = lab.ngcmfa(&lab.session(&device, ALICE).await).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let modulus = public(user_key()).rsa().unwrap().modulus().to_vec();
        let short: Vec<u8> = modulus[128..].iter().map(|byte| byte | 0x80).collect();
        let huge = vec![1; 500_000];
        for (modulus, exponent, name) in [
            (&modulus, &[1, 0, 0][..], "KngcNumbers"),
            (&modulus, &[2], "KngcNumbers"),
            (&modulus, &[1], "KngcNumbers"),
            (&modulus, &huge, "KngcNumbers"),
            (&short, &[1, 0, 1], "KngcKeySize"),
        ] {
            let blob = base64(&blob_of(modulus, exponent));
            refuses(&lab, register(&fresh, &json!({ "kngc": blob })), 400, name).await;
            let mut body = join_body();
            body.transport_key = blob;
            refuses(&lab, join(&token, &body), 400, "JoinTransportKeyInvalid").await;
        }
    });
}

#[test]
fn refuses_keys_on_a_curve_where_rsa_is_wanted_and_on_other_curves_everywhere() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let ec = SoftwareKey::generate_p256(&mut OsRng);
        let mut request = request_for(&ec);
        let ask = |request: &CertReq| {
            let mut body = join_body();
            body.certificate_request.data = base64(&request.to_der().unwrap());
            join(&token, &body)
        };
        refuses(&lab, ask(&request), 400, "JoinRequestKey").await;
        request.info.public_key.algorithm.parameters = Some(SECP384R1.into());
        refuses(&lab, ask(&request), 400, "JoinRequestKey").await;

        let p384 = with_curve(&public(&ec), 4);
        refuses(&lab, challenge(None, p384.clone()), 400, "AikPublicMalformed").await;
        let body = AikChallengeRequest { ek_public: p384, ek_certificate: None, aik_public: aik_area() };
        refuses(&lab, Request::json(host::AIK, AIK_CHALLENGE_PATH, &body), 400, "AikEkPublicMalformed").await;
    });
}

/// A good certification request for a key on P-256.
fn request_for(key: &SoftwareKey) -> CertReq {
    let subject = Name::common_name(REQUEST_SUBJECT, Text::Printable).unwrap();
    let unsigned = UnsignedRequest::new(&subject, &public(key)).unwrap();
    let fixed = key.sign(&sha256(unsigned.to_sign()), &mut OsRng).unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&fixed).unwrap().to_der();
    let mut request = CertReq::from_der(&unsigned.signed(signature.as_bytes()).unwrap()).unwrap();
    // The devices of this crate ask for RSA keys alone.
    request.algorithm.oid = oid::ECDSA_WITH_SHA256;
    request.algorithm.parameters = None;
    request
}

/// The public area of a key on P-256 that names another curve.
fn with_curve(key: &PublicKey, curve: u8) -> Vec<u8> {
    let mut area = Public::windows(key, Attributes::WINDOWS_AIK).unwrap().to_bytes().unwrap();
    // TPM_ECC_NIST_P256, then the key derivation scheme TPM_ALG_NULL and the size of x.
    let at = area.windows(6).position(|six| six == [0, 3, 0, 0x10, 0, 0x20]).unwrap();
    area[at + 1] = curve;
    area
}

/// A PRT request that shows these certificates, signed by the device key.
async fn showing(lab: &Lab, x5c: CertificateChain) -> Request {
    let claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
    let header = Header { alg: "RS256".into(), x5c: Some(x5c), ..Header::default() };
    signed_form(&sign(Unsigned::new(&header, &claims).unwrap(), device_key()))
}

fn device_certificate(authority: &Authority, key: &SoftwareKey, validity: Validity) -> String {
    let subject = Name::common_name("6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11", Text::Printable).unwrap();
    let leaf = Leaf { subject, public: &public(key), validity, extensions: Vec::new() };
    base64(authority.issue(&leaf, &mut OsRng).unwrap().der())
}

#[test]
fn refuses_certificates_of_strangers_other_tenants_other_times_and_by_the_thousand() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let tenant = theft::authority(&lab, "device-ca").await;
        let now = lab.clock.now();
        let month = |from: i64| Validity { from: day(now, from), to: day(now, from + 30) };
        let elsewhere = Lab::stranger().await.join(ALICE).await.certificate;
        let root = base64(tenant.certificate().der());
        let curve = SoftwareKey::generate_p256(&mut OsRng);
        let list = CertificateChain::List;
        let one = CertificateChain::Single;
        for (x5c, name) in [
            (one(elsewhere.clone()), "CertificateForeign"),
            (list(vec![elsewhere, device.certificate.clone(), root.clone()]), "CertificateForeign"),
            (list(vec![root.clone(), device.certificate.clone()]), "SignedRequestSignature"),
            (one(device_certificate(&tenant, device_key(), month(-31))), "CertificateExpired"),
            (one(device_certificate(&tenant, device_key(), month(1))), "CertificateExpired"),
            (one(device_certificate(&tenant, stranger_key(), month(0))), "SignedRequestSignature"),
            (one(device_certificate(&tenant, &curve, month(0))), "SignedRequestSignature"),
            (one(device_certificate(&tenant, device_key(), month(0))), "DeviceUnknown"),
            (one("A".repeat(500_000)), "CertificateMalformed"),
            (list(vec!["AAAA".into(); 10_000]), "CertificateMalformed"),
            (list([vec![device.certificate.clone()], vec!["AAAA".into(); 9_999]].concat()), "CertificateMalformed"),
        ] {
            refuses(&lab, showing(&lab, x5c).await, 400, name).await;
        }
        let whole = showing(&lab, list(vec![device.certificate.clone(), root])).await;
        assert_eq!(lab.send(whole).await.status, 200, "a device may show its issuer too");
    });
}

fn day(now: Timestamp, days: i64) -> Timestamp {
    Validity::days_from(now, days).to
}
