//! EK certificates with exactly one thing wrong, and keys that the AIK service cannot use.

use whfb::attest::TpmIdentity;
use whfb::base::OsRng;
use whfb::crypto::cert::{Certificate, Extension, Leaf, Name, Text, Validity, oid};
use whfb::crypto::{PublicKey, RsaPublic};
use whfb::entra::Rules;
use whfb::wire::encoding::base64;
use whfb::wire::host;
use whfb::wire::http::Request;
use whfb::wire::lab::{AIK_CHALLENGE_PATH, AikChallengeRequest};
use whfb::wire::tpm::{ALG_SHA256, Attributes, Public, Scheme};

use crate::client::*;
use crate::software_tpm::*;

/// SAN, basicConstraints, keyUsage, extKeyUsage.
fn extensions() -> Vec<Extension> {
    let tpm = TpmIdentity { manufacturer: 0x4942_4d00, model: "swtpm".into(), version: 0x2019_1023 };
    vec![
        Extension::directory_name(&tpm.to_name().unwrap()).unwrap(),
        Extension::basic_constraints(false).unwrap(),
        Extension::key_usage_encipherment().unwrap(),
        Extension::extended_key_usage(false, &[oid::EK_CERTIFICATE]).unwrap(),
    ]
}

fn issued(extensions: Vec<Extension>) -> Certificate {
    let validity = Validity::days_from(start(), 30);
    let leaf = Leaf { subject: Name::empty(), public: &public(ek_key()), validity, extensions };
    vendor().issue(&leaf, &mut OsRng).unwrap()
}

#[test]
fn refuses_ek_certificates_with_one_thing_wrong_by_name() {
    type Break = fn(&mut Vec<Extension>);
    let cases: [(&str, Break); 7] = [
        ("EkCertificateAlternativeName", |each| drop(each.remove(0))),
        ("EkCertificateIdentity", |each| {
            each[0] = Extension::directory_name(&Name::common_name("swtpm", Text::Utf8).unwrap()).unwrap();
        }),
        ("EkCertificateAuthority", |each| each[1] = Extension::basic_constraints(true).unwrap()),
        ("EkCertificateAuthority", |each| drop(each.remove(1))),
        ("EkCertificateKeyUsage", |each| each[2] = Extension::key_usage_agreement().unwrap()),
        ("EkCertificateKeyUsage", |each| drop(each.remove(2))),
        ("EkCertificateExtendedKeyUsage", |each| {
            each[3] = Extension::extended_key_usage(false, &[oid::AIK_CERTIFICATE]).unwrap();
        }),
    ];
    run(async {
        let (lab, _) = lab_of(Rules::strict()).await;
        for (name, change) in cases {
            let mut changed = extensions();
            change(&mut changed);
            lab.refuses(challenge(Some(base64(issued(changed).der())), aik_area()), 400, name).await;
        }
        let good = issued(extensions());
        let old = base64(&as_version_1(vendor(), &good));
        lab.refuses(challenge(Some(old), aik_area()), 400, "EkCertificateVersion").await;
        assert_eq!(lab.send(challenge(Some(base64(good.der())), aik_area())).await.status, 200);
    });
}

fn area_of(key: RsaPublic, attributes: Attributes, scheme: Scheme) -> Vec<u8> {
    let public = Public::windows(&PublicKey::Rsa(key), attributes).unwrap();
    Public { scheme, ..public }.to_bytes().unwrap()
}

#[test]
fn refuses_attestation_and_endorsement_keys_of_another_size_or_exponent() {
    run(async {
        let (lab, _) = lab_of(Rules::strict()).await;
        let modulus = public(aik_key()).rsa().unwrap().modulus().to_vec();
        let short: Vec<u8> = modulus[128..].iter().map(|byte| byte | 0x80).collect();
        let rsassa = Scheme::Rsassa(ALG_SHA256);
        for weak in [RsaPublic::new(&modulus, &[3]), RsaPublic::new(&short, &[1, 0, 1])] {
            let area = area_of(weak.unwrap(), Attributes::WINDOWS_AIK, rsassa);
            lab.refuses(challenge(None, area), 400, "AikStrength").await;
        }
        let ek_public = area_of(RsaPublic::new(&short, &[1, 0, 1]).unwrap(), Attributes::ENDORSEMENT, Scheme::Null);
        let body = AikChallengeRequest { ek_public, ek_certificate: None, aik_public: aik_area() };
        lab.refuses(Request::json(host::AIK, AIK_CHALLENGE_PATH, &body), 400, "AikEkUnsuitable").await;
    });
}
