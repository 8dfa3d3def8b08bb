use proptest::prelude::*;

use super::*;
use crate::crypto::digest::sha256;
use crate::crypto::{PublicKey, RsaPublic, SigningKey};

fn rsassa(length: usize) -> TpmSignature {
    let algorithm = TpmSignatureAlgorithm::Rsassa;
    TpmSignature { algorithm, hash: ALG_SHA1, signature: (0..length).map(|at| at as u8).collect() }
}

fn ecdsa(length: usize) -> TpmSignature {
    TpmSignature { algorithm: TpmSignatureAlgorithm::Ecdsa, hash: ALG_SHA256, ..rsassa(length) }
}

fn good_publics() -> Vec<Public> {
    let rsa = SigningKey::generate_rsa().unwrap();
    let p256 = SigningKey::generate_p256().unwrap();
    let key = Public::windows(rsa.public(), Attributes::WINDOWS_KEY).unwrap();
    let mut aik = Public::windows(p256.public(), Attributes::WINDOWS_AIK).unwrap();
    aik.scheme = Scheme::Ecdsa(ALG_SHA256);
    let mut ek = Public::windows(rsa.public(), Attributes::ENDORSEMENT).unwrap();
    ek.symmetric = Symmetric::AesCfb { bits: 128 };
    vec![key, aik, ek]
}

fn good_attest() -> Attest {
    Attest {
        magic: GENERATED,
        kind: ATTEST_CERTIFY,
        qualified_signer: name_of(b"signer"),
        extra_data: vec![7; 32],
        clock: ClockInfo { clock: 1, reset_count: 2, restart_count: 3, safe: true },
        firmware_version: 4,
        attested: Attested::Certify { name: name_of(b"key"), qualified_name: name_of(b"parent, key") },
    }
}

#[test]
fn a_public_area_writes_back_and_gives_its_key() {
    for public in good_publics() {
        let bytes = public.to_bytes().unwrap();
        assert_eq!(Public::from_bytes(&bytes), Ok(public.clone()));
        assert_eq!(public.name().unwrap(), name_of(&bytes));
        assert!(public.to_public_key().is_ok());
    }
}

#[test]
fn the_windows_sample_has_its_known_head() {
    let rsa = SigningKey::generate_rsa().unwrap();
    let public = Public::windows(rsa.public(), Attributes::WINDOWS_KEY).unwrap();
    let bytes = public.to_bytes().unwrap();
    // protocol.md 6.3: type, name algorithm, attributes, policy; then symmetric, scheme, bits, exponent 0, modulus.
    assert_eq!(bytes[..10], [0, 1, 0, 0x0b, 0, 6, 4, 0x72, 0, 32]);
    assert_eq!(bytes[42..54], [0, 0x10, 0, 0x10, 8, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(public.to_public_key().unwrap(), *rsa.public(), "exponent 0 means 65537");
}

#[test]
fn refuses_each_field_by_its_name() {
    let good = good_publics()[0].to_bytes().unwrap();
    let ecc = good_publics()[1].to_bytes().unwrap();
    let changed = |bytes: &[u8], at: usize, to: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = to;
        Public::from_bytes(&bytes).err()
    };
    assert_eq!(changed(&good, 1, 8), Some(TpmFormat::UnknownAlgorithm(8)));
    assert_eq!(changed(&good, 3, 0x0c), Some(TpmFormat::NotSha256(0x0c)));
    assert_eq!(changed(&good, 4, 1), Some(TpmFormat::ReservedBits(0x0100_0000)));
    assert_eq!(changed(&good, 9, 65), Some(TpmFormat::LengthTooBig { length: 65, limit: 64 }));
    assert_eq!(changed(&good, 43, 0x13), Some(TpmFormat::UnknownSymmetric(0x13)));
    assert_eq!(changed(&good, 45, 0x18), Some(TpmFormat::UnknownScheme(0x18)), "ECDSA under an RSA key");
    assert_eq!(changed(&good, 52, 0xff), Some(TpmFormat::LengthTooBig { length: 0xff00, limit: 512 }));
    assert_eq!(changed(&ecc, 49, 4), Some(TpmFormat::UnknownCurve(4)));
    assert_eq!(changed(&ecc, 51, 0x20), Some(TpmFormat::UnknownKdf(0x20)));
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(Public::from_bytes(&longer), Err(TpmFormat::TrailingBytes { count: 1 }));
    for length in 0..good.len() {
        assert_eq!(Public::from_bytes(&good[..length]), Err(TpmFormat::Truncated), "{length}");
    }
}

#[test]
fn a_value_that_is_no_key_is_named() {
    let mut public = good_publics().remove(0);
    let PublicKind::Rsa { bits, .. } = &mut public.kind else { panic!("RSA first") };
    *bits = 1024;
    assert_eq!(public.to_public_key(), Err(TpmFormat::NotAKey));
    public.kind = PublicKind::Rsa { bits: 2048, exponent: 0, modulus: Vec::new() };
    assert_eq!(public.to_public_key(), Err(TpmFormat::NotAKey), "a template");
    public.kind = PublicKind::P256 { x: vec![1; 32], y: vec![1; 32] };
    assert_eq!(public.to_public_key(), Err(TpmFormat::NotAKey), "off the curve");
    public.kind = PublicKind::P256 { x: vec![1; 33], y: vec![1; 32] };
    assert_eq!(public.to_public_key(), Err(TpmFormat::NotAKey));
    assert_eq!(public.to_bytes(), Err(TpmFormat::LengthTooBig { length: 33, limit: 32 }));
}

#[test]
fn exponents_that_the_field_cannot_hold_are_refused() {
    let rsa = SigningKey::generate_rsa().unwrap();
    let with = |exponent: &[u8]| {
        let key = RsaPublic::new(rsa.public().rsa().unwrap().modulus(), exponent).unwrap();
        Public::windows(&PublicKey::Rsa(key.clone()), Attributes::WINDOWS_KEY)
            .map(|public| assert_eq!(public.to_public_key(), Ok(PublicKey::Rsa(key))))
    };
    assert_eq!(with(&[3]), Ok(()));
    assert_eq!(with(&[0xff; 4]), Ok(()));
    assert_eq!(with(&[1, 0, 0, 0, 1]), Err(TpmFormat::NotAKey));
}

#[test]
fn an_attestation_writes_back() {
    let mut attest = good_attest();
    assert_eq!(Attest::from_bytes(&attest.to_bytes().unwrap()), Ok(attest.clone()));
    attest.kind = ATTEST_CREATION;
    attest.attested = Attested::Creation { object_name: name_of(b"key"), creation_hash: vec![1; 32] };
    assert_eq!(Attest::from_bytes(&attest.to_bytes().unwrap()), Ok(attest.clone()));
    attest.kind = 0x8018;
    attest.attested = Attested::Other(vec![1, 2, 3]);
    assert_eq!(Attest::from_bytes(&attest.to_bytes().unwrap()), Ok(attest));
}

#[test]
fn refuses_an_attestation_that_is_cut_or_longer() {
    let good = good_attest().to_bytes().unwrap();
    for length in 0..good.len() {
        assert_eq!(Attest::from_bytes(&good[..length]), Err(TpmFormat::Truncated), "{length}");
    }
    let mut longer = good.clone();
    longer.extend([0, 0]);
    assert_eq!(Attest::from_bytes(&longer), Err(TpmFormat::TrailingBytes { count: 2 }));
    // magic 4, type 2, signer 2+34, extra data 2+32, clock 8+4+4: then the flag.
    let mut flag = good.clone();
    flag[92] = 2;
    assert_eq!(Attest::from_bytes(&flag), Err(TpmFormat::NotAFlag(2)));
    let mut length = good;
    length[7] = 67;
    assert_eq!(Attest::from_bytes(&length), Err(TpmFormat::LengthTooBig { length: 67, limit: 66 }));
}

#[test]
fn a_tpm2b_is_exactly_as_long_as_it_says() {
    assert_eq!(to_tpm2b(b"abc").unwrap(), [0, 3, b'a', b'b', b'c']);
    assert_eq!(from_tpm2b(&[0, 1, 9]), Ok(&[9][..]));
    assert_eq!(from_tpm2b(&[0, 2, 9]), Err(TpmFormat::Truncated));
    assert_eq!(from_tpm2b(&[0, 0, 9]), Err(TpmFormat::TrailingBytes { count: 1 }));
    assert_eq!(split_tpm2b(&[0, 1, 9, 8]), Ok((&[9][..], &[8][..])));
    assert!(to_tpm2b(&[0; 65_535]).is_ok());
    assert!(to_tpm2b(&[0; 65_536]).is_err(), "a length that does not fit is refused, not cut");
}

#[test]
fn a_qualified_name_begins_with_the_handle_of_the_hierarchy() {
    let name = name_of(b"a primary key");
    let primary = owner_qualified_name(&name);
    assert_eq!(primary[..2], [0x00, 0x0b]);
    assert_eq!(primary[2..], sha256(&[&[0x40, 0, 0, 1], name.as_slice()].concat()));
    let child = name_of(b"its child");
    let expected = sha256(&[primary.as_slice(), child.as_slice()].concat());
    assert_eq!(qualified_name(&primary, &child)[2..], expected);
}

#[test]
fn attributes_are_named_as_the_specification_names_them() {
    assert_eq!(
        Attributes::WINDOWS_KEY.to_string(),
        "0x00060472 fixedTPM|fixedParent|sensitiveDataOrigin|userWithAuth|noDA|decrypt|sign"
    );
    assert_eq!(format!("{:?}", Attributes::RESTRICTED), "Attributes(0x00010000 restricted)");
    assert!(Attributes::WINDOWS_AIK.contains(Attributes::RESTRICTED));
    assert!(!Attributes::WINDOWS_KEY.contains(Attributes::RESTRICTED));
}

#[test]
fn a_flipped_bit_is_refused_or_read_as_it_stands() {
    let mut samples: Vec<Vec<u8>> = good_publics().iter().map(|each| each.to_bytes().unwrap()).collect();
    samples.push(good_attest().to_bytes().unwrap());
    for sample in samples {
        for bit in 0..sample.len() * 8 {
            let mut flipped = sample.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(public) = Public::from_bytes(&flipped) {
                assert_eq!(public.to_bytes().unwrap(), flipped);
                let _ = public.to_public_key();
            }
            if let Ok(attest) = Attest::from_bytes(&flipped) {
                assert_eq!(attest.to_bytes().unwrap(), flipped);
            }
        }
    }
}

#[test]
fn a_signature_writes_back() {
    for (signature, head) in [
        (rsassa(256), &[0x00, 0x14, 0x00, 0x04, 0x01, 0x00, 0x00, 0x01][..]),
        (rsassa(512), &[0x00, 0x14, 0x00, 0x04, 0x02, 0x00, 0x00, 0x01]),
        (ecdsa(64), &[0x00, 0x18, 0x00, 0x0b, 0x00, 0x20, 0x00, 0x01]),
    ] {
        let bytes = signature.to_bytes().unwrap();
        assert!(bytes.starts_with(head), "{bytes:02x?}");
        assert_eq!(TpmSignature::from_bytes(&bytes), Ok(signature));
    }
    for hash in [ALG_SHA1, ALG_SHA256, ALG_SHA384, ALG_SHA512] {
        let signature = TpmSignature { hash, ..rsassa(256) };
        assert_eq!(TpmSignature::from_bytes(&signature.to_bytes().unwrap()), Ok(signature));
    }
}

#[test]
fn refuses_each_field_of_a_signature_by_its_name() {
    let good = ecdsa(64).to_bytes().unwrap();
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        TpmSignature::from_bytes(&bytes).unwrap_err()
    };
    assert_eq!(changed(1, 0x16), TpmFormat::UnknownSignature(0x16));
    assert_eq!(changed(3, 0x10), TpmFormat::UnknownHash(0x10));
    assert_eq!(changed(5, 33), TpmFormat::LengthTooBig { length: 33, limit: 32 });
    assert_eq!(changed(39, 33), TpmFormat::LengthTooBig { length: 33, limit: 32 });
    let trailing = [&good[..], &[0]].concat();
    assert_eq!(TpmSignature::from_bytes(&trailing), Err(TpmFormat::TrailingBytes { count: 1 }));
    for end in 0..good.len() {
        assert_eq!(TpmSignature::from_bytes(&good[..end]), Err(TpmFormat::Truncated));
    }
    assert_eq!(rsassa(513).to_bytes(), Err(TpmFormat::LengthTooBig { length: 513, limit: 512 }));
    assert_eq!(ecdsa(63).to_bytes(), Err(TpmFormat::SignatureLength(63)));
    assert_eq!(TpmSignature { hash: 0x12, ..ecdsa(64) }.to_bytes(), Err(TpmFormat::UnknownHash(0x12)));
}

#[test]
fn short_numbers_of_an_ecdsa_signature_are_right_aligned() {
    let short = [&[0, 0x18, 0, 0x0b, 0, 1, 7][..], &[0, 2, 1, 2]].concat();
    let signature = TpmSignature::from_bytes(&short).unwrap().signature;
    assert_eq!((signature[31], &signature[62..]), (7, &[1, 2][..]));
    assert_eq!(signature.iter().filter(|byte| **byte != 0).count(), 3);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_write_back(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(public) = Public::from_bytes(&bytes) {
            let _ = public.to_public_key();
            prop_assert_eq!(public.to_bytes().unwrap(), bytes.clone());
        }
        if let Ok(attest) = Attest::from_bytes(&bytes) {
            prop_assert_eq!(attest.to_bytes().unwrap(), bytes.clone());
        }
        let _ = from_tpm2b(&bytes);
    }

    #[test]
    fn bytes_behind_a_good_head_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..400), ecc: bool) {
        let mut bytes = vec![0, if ecc { 0x23 } else { 1 }, 0, 0x0b, 0, 6, 4, 0x72];
        bytes.extend(tail);
        if let Ok(public) = Public::from_bytes(&bytes) {
            let _ = public.to_public_key();
            prop_assert_eq!(public.to_bytes().unwrap(), bytes);
        }
    }
}
