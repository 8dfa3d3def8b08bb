//! Certificates that no authority of the lab makes: read where the world has them, refused by name where it is wrong.

use proptest::prelude::*;

use super::super::mint::{Mint, MintKey, bits, extension, id, named, sequence, tlv, utc};
use super::super::*;
use crate::base::Timestamp;

fn read(mint: &Mint) -> Result<Certificate, CertificateError> {
    Certificate::from_der(&mint.signed(&MintKey::p256()))
}

fn mint() -> Mint {
    Mint::new("subject", &MintKey::p256(), "issuer")
}

#[test]
fn a_key_of_any_kind_is_read_and_only_ours_are_answered() {
    let foreign = [
        MintKey::p384().spki,
        sequence(&[&sequence(&[&id(oid::ObjectIdentifier::new_unwrap("1.3.101.112"))]), &bits(&[7; 32])]),
        sequence(&[&sequence(&[&id(oid::RSA_ENCRYPTION), &[5, 0]]), &bits(b"no key at all")]),
    ];
    for spki in foreign {
        let certificate = read(&Mint { spki, ..mint() }).unwrap();
        assert_eq!(certificate.public(), Err(CertificateError::Key));
    }
    assert!(read(&mint()).unwrap().public().is_ok());
}

#[test]
fn serial_numbers_are_negative_zero_or_long() {
    for serial in [&[0x80][..], &[0xff, 0x7f], &[0], &[0x7f; 21], &[0x80; 40]] {
        let certificate = read(&Mint { serial: serial.to_vec(), ..mint() }).unwrap();
        assert_eq!(certificate.serial(), serial);
    }
    for padded in [&[][..], &[0, 1], &[0xff, 0x80]] {
        assert_eq!(read(&Mint { serial: padded.to_vec(), ..mint() }), Err(CertificateError::NotDer), "{padded:x?}");
    }
}

#[test]
fn a_certificate_that_never_ends_is_valid_to_the_end_of_the_calendar() {
    let never = tlv(0x18, b"99991231235959Z");
    let certificate = read(&Mint { times: [utc("250101000000Z"), never], ..mint() }).unwrap();
    assert_eq!(certificate.validity().unwrap().to, Timestamp::MAX);
    let no_time = Mint { times: [utc("250101000000Z"), utc("251301000000Z")], ..mint() };
    assert_eq!(read(&no_time), Err(CertificateError::Time));
}

#[test]
fn too_large_is_told_before_anything_is_read() {
    let bytes = vec![0; LARGEST_CERTIFICATE + 1];
    let expected = CertificateError::TooLarge { length: LARGEST_CERTIFICATE + 1, most: LARGEST_CERTIFICATE };
    assert_eq!(Certificate::from_der(&bytes), Err(expected));
    assert_eq!(Certificate::from_der(&bytes[1..]), Err(CertificateError::Structure));
}

#[test]
fn sixty_four_extensions_are_read_and_ten_thousand_refused() {
    let each = extension(oid::DEVICE_ID, false, &[]);
    assert!(read(&Mint { extensions: vec![each.clone(); MOST_EXTENSIONS], ..mint() }).is_ok());
    let more = read(&Mint { extensions: vec![each.clone(); MOST_EXTENSIONS + 1], ..mint() });
    assert_eq!(more, Err(CertificateError::TooManyExtensions));
    let small = sequence(&[&id(oid::COMMON_NAME), &[4, 0]]);
    let small = read(&Mint { extensions: vec![small; 4500], ..mint() });
    assert_eq!(small, Err(CertificateError::TooManyExtensions), "as many as 64 KiB hold");
    let many = Mint { extensions: vec![each; 10_000], ..mint() };
    assert!(matches!(read(&many), Err(CertificateError::TooLarge { length: 100_000.., .. })));
}

#[test]
fn what_is_not_der_or_no_certificate_is_refused_by_name() {
    let spelt_out = sequence(&[&id(oid::DEVICE_ID), &[1, 1, 0], &[4, 0]]);
    assert_eq!(read(&Mint { extensions: vec![spelt_out], ..mint() }), Err(CertificateError::NotDer));
    let stray = sequence(&[&id(oid::DEVICE_ID), &[4, 0], &[5, 0]]);
    assert_eq!(read(&Mint { extensions: vec![stray], ..mint() }), Err(CertificateError::Structure));
    let no_set = sequence(&[&sequence(&[])]);
    assert_eq!(read(&Mint { subject: no_set, ..mint() }), Err(CertificateError::Structure));
    let no_bits = sequence(&[&sequence(&[&id(oid::EC_PUBLIC_KEY)]), &[3, 1, 8]]);
    assert_eq!(read(&Mint { spki: no_bits, ..mint() }), Err(CertificateError::NotDer));
    let extra = Mint { spki: [mint().spki, tlv(0x82, &[0, 1]), vec![5, 0]].concat(), ..mint() };
    assert_eq!(read(&extra), Err(CertificateError::Structure));
    assert!(read(&Mint { spki: [mint().spki, tlv(0x82, &[0, 1])].concat(), ..mint() }).is_ok(), "a unique id");
    let with_unique_id = |bits: &[u8]| read(&Mint { spki: [mint().spki, tlv(0x81, bits)].concat(), ..mint() });
    assert!(with_unique_id(&[0]).is_ok() && with_unique_id(&[7, 0x80]).is_ok());
    for wrong in [&[][..], &[1], &[8, 0]] {
        assert_eq!(with_unique_id(wrong), Err(CertificateError::NotDer), "{wrong:x?}");
    }
}

#[test]
fn identifiers_and_what_follows_them_are_looked_at_wherever_they_stand() {
    let endless = [6, 2, 0x55, 0x84];
    let extensions = vec![sequence(&[&endless, &[4, 0]]), extension(oid::BASIC_CONSTRAINTS, true, &[0x30, 0])];
    assert_eq!(read(&Mint { extensions, ..mint() }), Err(CertificateError::NotDer));
    for (attribute, expected) in [
        (sequence(&[&endless, &tlv(0x0c, b"a")]), CertificateError::NotDer),
        (sequence(&[&id(oid::COMMON_NAME)]), CertificateError::Truncated),
        (sequence(&[&id(oid::COMMON_NAME), &tlv(0x0c, b"a"), &[5, 0]]), CertificateError::Structure),
    ] {
        let subject = sequence(&[&tlv(0x31, &attribute)]);
        assert_eq!(read(&Mint { subject, ..mint() }), Err(expected), "{attribute:x?}");
    }
    for (kind, expected) in [
        (sequence(&[&endless]), CertificateError::NotDer),
        (sequence(&[&id(oid::EC_PUBLIC_KEY), &[5, 0], &[5, 0]]), CertificateError::Structure),
    ] {
        let spki = sequence(&[&kind, &bits(&[7])]);
        assert_eq!(read(&Mint { spki, ..mint() }), Err(expected), "{kind:x?}");
    }
}

#[test]
fn versions_2_and_3_are_written_and_version_1_is_not() {
    let mut der = mint().signed(&MintKey::p256());
    let at = der.windows(5).position(|each| each == [0xa0, 3, 2, 1, 2]).unwrap();
    let mut version = |number: u8| {
        der[at + 4] = number;
        Certificate::from_der(&der).map(|read| read.is_v3())
    };
    let expected = [Err(CertificateError::NotDer), Ok(false), Ok(true), Err(CertificateError::Structure)];
    assert_eq!([0, 1, 2, 3].map(&mut version), expected);
}

#[test]
fn a_critical_extension_is_found_by_its_identifier() {
    let extensions = vec![
        extension(oid::KEY_USAGE, false, &[3, 2, 7, 0x80]),
        extension(oid::BASIC_CONSTRAINTS, true, &[0x30, 0]),
        extension(oid::DEVICE_ID, true, &[]),
    ];
    let read = read(&Mint { extensions, ..mint() }).unwrap();
    let wanted = [oid::KEY_USAGE, oid::BASIC_CONSTRAINTS, oid::SUBJECT_ALT_NAME];
    assert_eq!(wanted.map(|id| read.criticality(id)), [Some(false), Some(true), None]);
    assert_eq!(read.unknown_critical(&[]), Some(oid::BASIC_CONSTRAINTS));
    assert_eq!(read.unknown_critical(&wanted), Some(oid::DEVICE_ID));
    assert_eq!(read.unknown_critical(&[oid::DEVICE_ID, oid::BASIC_CONSTRAINTS]), None);
}

#[test]
fn a_thumbprint_is_the_sha_1_of_the_whole_certificate() {
    let read = read(&mint()).unwrap();
    let digits = read.thumbprint();
    let bytes: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert_eq!((bytes.as_slice(), digits.len()), (sha1(read.der()).as_slice(), 40));
    assert_eq!(digits, digits.to_uppercase());
}

#[test]
fn names_are_read_as_they_are_and_shown_in_hexadecimal_where_nothing_else_helps() {
    let attribute = sequence(&[&id(oid::COMMON_NAME), &tlv(0x1c, &[0, 0, 0, b'a'])]);
    let universal = sequence(&[&tlv(0x31, &attribute)]);
    let certificate = read(&Mint { subject: universal.clone(), ..mint() }).unwrap();
    assert_eq!(certificate.subject_der(), universal);
    assert_eq!(certificate.subject().text(oid::COMMON_NAME), None);
    assert!(certificate.subject().to_string().starts_with("300f310d"), "{}", certificate.subject());
    assert_eq!(read(&mint()).unwrap().subject().to_string(), "CN=subject");
    assert_eq!(read(&Mint { subject: vec![0x30, 0], ..mint() }).unwrap().subject().to_string(), "(empty)");
}

#[test]
fn key_identifiers_are_found_and_unreadable_ones_are_none() {
    let certificate = read(&mint().key_ids(b"own", b"issuer")).unwrap();
    assert_eq!(certificate.subject_key_id(), Some(&b"own"[..]));
    assert_eq!(certificate.authority_key_id(), Some(&b"issuer"[..]));
    let garbage = [oid::SUBJECT_KEY_IDENTIFIER, oid::AUTHORITY_KEY_IDENTIFIER].map(|id| extension(id, false, &[0xff]));
    let certificate = read(&Mint { extensions: garbage.to_vec(), ..mint() }).unwrap();
    assert_eq!((certificate.subject_key_id(), certificate.authority_key_id()), (None, None));
}

#[test]
fn an_alternative_name_that_is_none_is_an_error() {
    let with = |value: &[u8]| {
        let extensions = vec![extension(oid::SUBJECT_ALT_NAME, false, value)];
        read(&Mint { extensions, ..mint() }).unwrap().san_directory_name()
    };
    let directory = tlv(0xa4, &named("TPM"));
    assert_eq!(with(&sequence(&[&tlv(0x82, b"host"), &directory])).unwrap().unwrap().to_string(), "CN=TPM");
    assert_eq!(with(&sequence(&[&tlv(0x82, b"host")])), Ok(None));
    for wrong in [&[][..], &[0x30, 2, 5, 0], &sequence(&[&tlv(0xa4, &[5, 0])]), &[0x30, 0, 0]] {
        assert!(with(wrong).is_err(), "{wrong:x?}");
    }
}

/// Every bit of a certificate, one at a time: what is read at all is not signed by the key that signed the whole one.
fn refuses_every_flipped_bit(key: &MintKey) -> usize {
    let own = Mint::new("root", key, "root").authority(6).key_ids(b"root", b"root");
    let issuer = Certificate::from_der(&own.signed(key)).unwrap();
    let mut der = issuer.der().to_vec();
    let mut read = 0;
    for bit in 0..der.len() * 8 {
        der[bit / 8] ^= 1 << (bit % 8);
        if let Ok(changed) = Certificate::from_der(&der) {
            assert!(changed.verify_issued_by(&issuer).is_err(), "bit {bit}");
            read += 1;
        }
        der[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(Certificate::from_der(&der).unwrap().verify_issued_by(&issuer), Ok(()));
    read
}

#[test]
fn no_flipped_bit_of_a_certificate_is_read_and_signed() {
    assert!(refuses_every_flipped_bit(&MintKey::p256()) > 1000, "signatures were looked at");
    assert!(refuses_every_flipped_bit(&super::signatures::rsa()) > 2000);
}

#[test]
fn no_prefix_is_read() {
    let der = mint().authority(6).key_ids(b"own", b"issuer").signed(&MintKey::p384());
    for length in 0..der.len() {
        assert_eq!(Certificate::from_der(&der[..length]), Err(CertificateError::Truncated), "{length}");
        assert!(Certificate::from_nv(&der[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = (Certificate::from_der(&bytes), Certificate::from_nv(&bytes), RevocationList::from_der(&bytes));
        let _ = read_bundle(&bytes);
    }

    #[test]
    fn a_certificate_with_other_bytes_somewhere_never_panics(
        at in 0..500usize,
        bytes in proptest::collection::vec(any::<u8>(), 1..8),
    ) {
        static GOOD: std::sync::LazyLock<Vec<u8>> =
            std::sync::LazyLock::new(|| mint().authority(6).key_ids(b"own", b"issuer").signed(&MintKey::p256()));
        let mut der = GOOD.clone();
        let at = at % der.len();
        der.splice(at..(at + bytes.len()).min(der.len()), bytes);
        if let Ok(read) = Certificate::from_der(&der) {
            let _ = (read.subject().to_string(), read.is_authority(), read.key_uses(), read.policies());
            let _ = (read.san_directory_name(), read.extended_key_usage(), read.verify_issued_by(&read));
            prop_assert_eq!(read.der(), der.as_slice());
        }
    }
}
