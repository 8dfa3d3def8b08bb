//! What the lab issues; below it, what others do.

mod bundles;
mod lists;
mod reading;
mod signatures;

use super::*;
use crate::base::{OsRng, Timestamp};
use crate::crypto::SigningKey;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn root(key: SigningKey) -> Authority {
    let name = Name::common_name("Lab root", Text::Utf8).unwrap();
    Authority::root(name, key, Validity::days_from(now(), 3650), &mut OsRng).unwrap()
}

#[test]
fn an_issued_certificate_verifies_under_its_issuer_alone() {
    for key in [SigningKey::generate_rsa().unwrap(), SigningKey::generate_p256().unwrap()] {
        let (ours, other) = (root(key), root(SigningKey::generate_p256().unwrap()));
        let subject = SigningKey::generate_p256().unwrap();
        let leaf = Leaf {
            subject: Name::common_name("9d53c6fa-b38e-4509-8fb1-51dedb421aac", Text::Printable).unwrap(),
            public: subject.public(),
            validity: Validity::days_from(now(), 30),
            extensions: vec![
                Extension::basic_constraints(false).unwrap(),
                Extension::extended_key_usage(true, &[oid::CLIENT_AUTH]).unwrap(),
                Extension::entra(oid::DEVICE_JOIN_TYPE, b"1").unwrap(),
            ],
        };
        let certificate = ours.issue(&leaf, &mut OsRng).unwrap();
        assert_eq!(certificate.verify_issued_by(ours.certificate()), Ok(()));
        assert!(certificate.verify_issued_by(other.certificate()).is_err());
        assert_eq!(certificate.issuer(), ours.certificate().subject());
        assert_eq!(certificate.is_authority(), Ok(Some(false)));
        assert_eq!(certificate.extended_key_usage(), Ok(vec![oid::CLIENT_AUTH]));
        assert_eq!(certificate.extension(oid::DEVICE_JOIN_TYPE), Some(&[0x04, 0x81, 0x01, 0x31][..]));
        assert!(certificate.validity().unwrap().contains(now()));
    }
}

#[test]
fn a_validity_holds_from_its_first_instant_to_its_last() {
    let validity = Validity::days_from(now(), 1);
    let after = |seconds: i64| Timestamp::from_second(now().as_second() + seconds).unwrap();
    assert_eq!((validity.from, validity.to), (after(-300), after(86_400)));
    for (at, expected) in [(-301, false), (-300, true), (0, true), (86_400, true), (86_401, false)] {
        assert_eq!(validity.contains(after(at)), expected, "{at}");
    }
}

fn below(authority: &Authority, extensions: Vec<Extension>) -> Authority {
    let key = SigningKey::generate_p256().unwrap();
    let subject = Name::common_name("below", Text::Utf8).unwrap();
    let leaf = Leaf { subject, public: key.public(), validity: Validity::days_from(now(), 1), extensions };
    Authority::from_parts(authority.issue(&leaf, &mut OsRng).unwrap().der(), key).unwrap()
}

#[test]
fn an_authority_comes_back_with_its_own_key_alone() {
    let lab = root(SigningKey::generate_p256().unwrap());
    let der = lab.certificate().der();
    assert_eq!(Authority::from_parts(der, lab.key().clone()).unwrap().certificate(), lab.certificate());
    let other = Authority::from_parts(der, SigningKey::generate_p256().unwrap());
    assert_eq!(other.map(|_| ()), Err(CertificateError::Key));
}

#[test]
fn serial_numbers_are_positive_and_16_bytes_long() {
    let lab = root(SigningKey::generate_p256().unwrap());
    let mut first = std::collections::BTreeSet::new();
    for _ in 0..64 {
        let issued = below(&lab, vec![]);
        assert_eq!(issued.certificate().serial().len(), 16);
        first.insert(issued.certificate().serial()[0]);
    }
    assert!(first.iter().all(|byte| (0x40..=0x7f).contains(byte)) && first.len() > 8, "{first:x?}");
}

#[test]
fn an_issued_certificate_can_name_the_key_of_its_issuer() {
    let named_by = |authority: &Authority| {
        let issued = below(authority, vec![authority.key_identifier().unwrap()]);
        issued.certificate().authority_key_id().unwrap().to_vec()
    };
    let lab = root(SigningKey::generate_rsa().unwrap());
    let own = lab.certificate().subject_key_id().unwrap();
    assert_eq!((named_by(&lab).as_slice(), own.len()), (own, 20));
    assert_ne!(named_by(&root(SigningKey::generate_rsa().unwrap())), own);
    // An authority whose certificate has an identifier of another making, and one that has none.
    let other = below(&lab, vec![Extension::opaque(oid::SUBJECT_KEY_IDENTIFIER, &[4, 2, 7, 8])]);
    assert_eq!(named_by(&other), [7, 8]);
    let bare = below(&lab, vec![]);
    let id = [&[4, 20], named_by(&bare).as_slice()].concat();
    let wanted = Extension::subject_key_identifier(bare.key().public()).unwrap();
    assert_eq!(Extension::opaque(oid::SUBJECT_KEY_IDENTIFIER, &id), wanted);
}

#[test]
fn an_ek_certificate_carries_the_tpm_in_its_alternative_name() {
    let authority = root(SigningKey::generate_rsa().unwrap());
    let name = Name::from_rdns(&[
        &[(oid::TPM_MANUFACTURER, Text::Utf8, "id:49424D00")],
        &[(oid::TPM_MODEL, Text::Utf8, "swtpm")],
    ]);
    let leaf = Leaf {
        subject: Name::empty(),
        public: authority.certificate().public().unwrap(),
        validity: Validity::days_from(now(), 30),
        extensions: vec![
            Extension::directory_name(&name.unwrap()).unwrap(),
            Extension::tpm_specification(0, 164).unwrap(),
            Extension::policy(oid::POLICY_EK_CERTIFICATE).unwrap(),
        ],
    };
    let certificate = authority.issue(&leaf, &mut OsRng).unwrap();
    assert!(certificate.subject().is_empty());
    let san = certificate.san_directory_name().unwrap().unwrap();
    assert_eq!(san.text(oid::TPM_MANUFACTURER).as_deref(), Some("id:49424D00"));
    assert_eq!(certificate.criticality(oid::SUBJECT_ALT_NAME), Some(true));
    assert_eq!(certificate.policies(), Ok(vec![oid::POLICY_EK_CERTIFICATE]));
}

#[test]
fn refuses_every_prefix_and_trailing_bytes() {
    let der = root(SigningKey::generate_p256().unwrap()).certificate().der().to_vec();
    for length in 0..der.len() {
        assert!(Certificate::from_der(&der[..length]).is_err(), "{length} bytes were read");
    }
    let mut longer = der;
    longer.push(0);
    assert_eq!(Certificate::from_der(&longer).err(), Some(CertificateError::TrailingBytes { count: 1 }));
}

#[test]
fn a_set_out_of_order_is_refused_in_a_request_and_read_in_a_certificate() {
    let names = [(oid::COMMON_NAME, Text::Utf8, "a"), (oid::ORGANIZATION, Text::Utf8, "b")];
    let name = Name::from_rdns(&[&names]).unwrap();
    let swapped = |der: &[u8]| {
        let sorted = [[0x30, 8, 6, 3, 0x55, 4, 3, 0x0c, 1, b'a'], [0x30, 8, 6, 3, 0x55, 4, 10, 0x0c, 1, b'b']].concat();
        let at = der.windows(20).position(|each| each == sorted).unwrap();
        [&der[..at], &sorted[10..], &sorted[..10], &der[at + 20..]].concat()
    };
    let key = SigningKey::generate_rsa().unwrap();
    let unsigned = UnsignedRequest::new(&name, key.public()).unwrap();
    let signature = key.sign(unsigned.to_sign()).unwrap();
    let request = unsigned.signed(&signature).unwrap();
    assert!(SignedRequest::from_der(&request).is_ok());
    assert_eq!(SignedRequest::from_der(&swapped(&request)).err(), Some(CertificateError::NotDer));

    let key = mint::MintKey::p256();
    let mut mint = mint::Mint::new("subject", &key, "issuer");
    mint.subject = swapped(&name.to_der().unwrap());
    let certificate = Certificate::from_der(&mint.signed(&key)).unwrap();
    assert_eq!(certificate.verify_issued_by(&certificate), Ok(()), "over the bytes as they were received");
    let subject = certificate.subject();
    assert_ne!(subject, name);
    assert_eq!(subject.text(oid::ORGANIZATION).as_deref(), Some("b"));
    assert_eq!(subject.to_string(), name.to_string());
    assert_eq!(subject.to_x509(), Err(CertificateError::Field), "it would be written as other bytes");
}

#[test]
fn a_request_proves_possession() {
    let key = SigningKey::generate_rsa().unwrap();
    let subject = Name::common_name("7E980AD9-B86D-4306-9425-9AC066FB014A", Text::Utf8).unwrap();
    let unsigned = UnsignedRequest::new(&subject, key.public()).unwrap();
    let signature = key.sign(unsigned.to_sign()).unwrap();
    let mut der = unsigned.signed(&signature).unwrap();
    assert_eq!(SignedRequest::from_der(&der).unwrap(), SignedRequest { subject, public: key.public().clone() });
    let last = der.len() - 1;
    der[last] ^= 1;
    assert_eq!(SignedRequest::from_der(&der).err(), Some(CertificateError::Signature));
}

#[test]
fn pem_has_64_columns() {
    let text = pem(&[0; 100]);
    assert!(text.lines().all(|line| line.len() <= 64));
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n") && text.ends_with("-----END CERTIFICATE-----\n"));
}

#[test]
fn a_request_by_a_p256_key_is_read() {
    let key = mint::MintKey::p256();
    let name = mint::named("device");
    let request = key.envelope(&mint::sequence(&[&[2, 1, 0], &name, &key.spki, &[0xa0, 0]]));
    let read = SignedRequest::from_der(&request).unwrap();
    assert_eq!((read.subject.to_string(), read.public.to_spki()), ("CN=device".into(), key.spki.clone()));
    let other = mint::MintKey::p256().envelope(&mint::sequence(&[&[2, 1, 0], &name, &key.spki, &[0xa0, 0]]));
    assert_eq!(SignedRequest::from_der(&other), Err(CertificateError::Signature));
}
