//! Revocation lists as they are read.

use super::super::mint::{Mint, MintKey, MintList, extension, sequence, tlv, utc};
use super::super::*;

fn key() -> MintKey {
    MintKey::p256()
}

fn list() -> MintList {
    MintList::new("issuer").revoking(&[7]).revoking(&[0x80, 1])
}

fn read(list: &MintList) -> Result<RevocationList, CertificateError> {
    RevocationList::from_der(&list.signed(&key()))
}

#[test]
fn says_who_when_and_which() {
    let key = key();
    let list = list().with(oid::AUTHORITY_KEY_IDENTIFIER, false, &sequence(&[&tlv(0x80, b"key")]));
    let read = RevocationList::from_der(&list.signed(&key)).unwrap();
    assert_eq!(read.issuer().to_string(), "CN=issuer");
    assert_eq!(read.this_update().to_string(), "2026-11-01T00:00:00Z");
    assert_eq!(read.next_update().to_string(), "2026-11-30T00:00:00Z");
    assert_eq!(read.authority_key_id(), Some(&b"key"[..]));
    let since = Some("2026-11-10T00:00:00Z".parse().unwrap());
    assert_eq!((read.revoked(&[7]), read.revoked(&[0x80, 1]), read.revoked(&[8])), (since, since, None));
    assert_eq!(read.not_understood(), None);

    let issuer = Certificate::from_der(&Mint::new("issuer", &key, "issuer").signed(&key)).unwrap();
    assert_eq!(read.verify_issued_by(&issuer), Ok(()));
    let other = MintKey::p256();
    let stranger = Certificate::from_der(&Mint::new("issuer", &other, "issuer").signed(&other)).unwrap();
    assert_eq!(read.verify_issued_by(&stranger), Err(SignatureFault::Invalid));
}

#[test]
fn a_list_of_version_1_or_without_entries_is_read() {
    let old = MintList { version: Vec::new(), extensions: Vec::new(), ..list() };
    assert!(read(&old).unwrap().revoked(&[7]).is_some());
    let empty = MintList { entries: Vec::new(), ..list() };
    assert_eq!(read(&empty).unwrap().revoked(&[7]), None);
}

#[test]
fn four_mebibytes_are_read_and_no_more() {
    let bytes = vec![0; 4 * 1024 * 1024 + 1];
    let expected = CertificateError::TooLarge { length: bytes.len(), most: bytes.len() - 1 };
    assert_eq!(RevocationList::from_der(&bytes), Err(expected));
    assert_eq!(RevocationList::from_der(&bytes[1..]), Err(CertificateError::Structure));
}

#[test]
fn what_is_no_list_is_refused_by_name() {
    let refused = |list: MintList| read(&list).unwrap_err();
    assert_eq!(refused(MintList { version: vec![2, 1, 2], ..list() }), CertificateError::Structure);
    assert_eq!(
        refused(MintList { version: Vec::new(), ..list() }),
        CertificateError::Structure,
        "extensions in version 1"
    );
    assert_eq!(refused(MintList { times: utc("261101000000Z"), ..list() }), CertificateError::NoNextUpdate);
    assert_eq!(refused(MintList { times: utc("261301000000Z"), ..list() }), CertificateError::Time);
    let with = |entry: Vec<u8>| MintList { entries: vec![(vec![7], entry)], ..list() };
    assert_eq!(refused(with(vec![5, 0])), CertificateError::Structure);
    let many = tlv(0x30, &extension(oid::REASON_CODE, false, &[]).repeat(MOST_EXTENSIONS + 1));
    assert_eq!(refused(with(many)), CertificateError::TooManyExtensions);
    let old = MintList { version: Vec::new(), extensions: Vec::new(), ..with(vec![0x30, 0]) };
    assert_eq!(refused(old), CertificateError::Structure, "extensions of an entry in version 1");
    let der = list().signed(&key());
    let longer = [&der[..], &[0]].concat();
    assert_eq!(RevocationList::from_der(&longer), Err(CertificateError::TrailingBytes { count: 1 }));
    let large = vec![0; LARGEST_LIST + 1];
    let expected = CertificateError::TooLarge { length: LARGEST_LIST + 1, most: LARGEST_LIST };
    assert_eq!(RevocationList::from_der(&large), Err(expected));
    let certificate = Mint::new("issuer", &key(), "issuer").signed(&key());
    assert!(RevocationList::from_der(&certificate).is_err());
    assert!(Certificate::from_der(&der).is_err());
}

#[test]
fn extensions_that_change_what_a_list_says_are_found() {
    let of_list = |which, critical| read(&list().with(which, critical, &[])).unwrap().not_understood();
    for critical in [true, false] {
        for which in [oid::DELTA_CRL_INDICATOR, oid::ISSUING_DISTRIBUTION_POINT] {
            assert_eq!(of_list(which, critical), Some(which));
        }
    }
    assert_eq!(of_list(oid::DEVICE_ID, true), Some(oid::DEVICE_ID));
    assert_eq!(of_list(oid::DEVICE_ID, false), None);
    assert_eq!(of_list(oid::AUTHORITY_KEY_IDENTIFIER, true), None);

    let of_entry = |which, critical| {
        let extensions = sequence(&[&extension(which, critical, &[])]);
        let entries = vec![(vec![6], Vec::new()), (vec![7], extensions), (vec![8], Vec::new())];
        read(&MintList { entries, ..list() }).unwrap().not_understood()
    };
    assert_eq!(of_entry(oid::CERTIFICATE_ISSUER, true), Some(oid::CERTIFICATE_ISSUER));
    assert_eq!(of_entry(oid::CERTIFICATE_ISSUER, false), Some(oid::CERTIFICATE_ISSUER));
    assert_eq!(of_entry(oid::DEVICE_ID, true), Some(oid::DEVICE_ID));
    assert_eq!(of_entry(oid::REASON_CODE, true), None);
}

#[test]
fn no_prefix_and_no_flipped_bit_is_read_and_signed() {
    let key = key();
    let issuer = Certificate::from_der(&Mint::new("issuer", &key, "issuer").signed(&key)).unwrap();
    let mut der = list().signed(&key);
    for length in 0..der.len() {
        assert_eq!(RevocationList::from_der(&der[..length]), Err(CertificateError::Truncated), "{length}");
    }
    for bit in 0..der.len() * 8 {
        der[bit / 8] ^= 1 << (bit % 8);
        let taken = RevocationList::from_der(&der).is_ok_and(|list| list.verify_issued_by(&issuer).is_ok());
        assert!(!taken, "bit {bit}");
        der[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(RevocationList::from_der(&der).unwrap().verify_issued_by(&issuer), Ok(()));
}
