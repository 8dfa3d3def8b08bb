use proptest::prelude::*;

use super::*;
use crate::crypto::digest::sha256_of;
use crate::crypto::{PublicKey, RsaPublic};
use crate::wire::tpm::{
    ALG_SHA256, Attributes, Public, TpmFormat, TpmSignature, TpmSignatureAlgorithm, WINDOWS_POLICY,
};

fn public() -> Vec<u8> {
    let mut modulus = vec![0x5a; 256];
    (modulus[0], modulus[255]) = (0xc3, 1);
    let key = PublicKey::Rsa(RsaPublic::new(&modulus, &[1, 0, 1]).unwrap());
    Public::windows(&key, Attributes::WINDOWS_KEY).unwrap().to_bytes().unwrap()
}

fn statement() -> KeyAttestationStatement {
    let public = public();
    KeyAttestationStatement::of_user_key(&UserKeyParts {
        public: &public,
        private: &[9; 40],
        policy_digests: &WINDOWS_POLICY_DIGESTS,
        attest: &[7; 150],
        signature: &[8; 256],
    })
    .unwrap()
}

fn blob() -> PcpKeyBlob {
    statement().read_key_attestation().unwrap().unwrap().read_key_blob().unwrap()
}

fn binding(algorithm: TpmSignatureAlgorithm) -> IdBinding {
    let signature = match algorithm {
        TpmSignatureAlgorithm::Rsassa => vec![4; 256],
        TpmSignatureAlgorithm::Ecdsa => vec![5; 64],
    };
    IdBinding {
        public: public(),
        creation_data: vec![1; 60],
        attest: vec![2; 120],
        signature: TpmSignature { algorithm, hash: ALG_SHA256, signature },
    }
}

/// The little-endian number at a place changed.
fn with(bytes: &[u8], at: usize, to: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + 4].copy_from_slice(&to.to_le_bytes());
    bytes
}

#[test]
fn the_statement_of_a_user_key_has_its_known_layout() {
    let bytes = statement().to_bytes().unwrap();
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(&bytes[..4], b"KAST");
    assert_eq!([4, 8, 12, 16, 24].map(number), [1, 2, 28, 0, 0], "subject only");
    assert_eq!(&bytes[28..32], b"KADS");
    assert_eq!([32, 36, 40, 44].map(number), [2, 24, 150, 256], "no version here");
    let blob = 28 + 24 + 150 + 256;
    assert_eq!(number(48), u32::try_from(bytes.len() - blob).unwrap());
    assert_eq!(&bytes[blob..blob + 4], b"PCPM");
    // protocol.md 6.3: a public sample has a header of 0x38 bytes, six digests and 0xb0 bytes of them.
    assert_eq!([4, 8, 12, 32].map(|at| number(blob + at)), [0x38, 2, 1, 0xb0]);
}

#[test]
fn the_statement_of_a_user_key_gives_back_what_it_was_made_of() {
    let read = KeyAttestationStatement::from_bytes(&statement().to_bytes().unwrap()).unwrap();
    assert_eq!(read, statement());
    assert_eq!(read.read_id_binding(), Ok(None));
    let attestation = read.read_key_attestation().unwrap().unwrap();
    assert_eq!((attestation.key_attest.len(), attestation.signature.len()), (150, 256));
    let blob = attestation.read_key_blob().unwrap();
    assert_eq!(blob.public_area().unwrap(), public());
    assert_eq!(blob.private_area().unwrap().unwrap(), [9; 40]);
    assert!(blob.auth_required());
    let digests = blob.policy_digests().unwrap();
    assert_eq!(digests, WINDOWS_POLICY_DIGESTS);
    assert!(digests[4].is_empty(), "duplication");
    let or = [&[0; 32][..], &0x171u32.to_be_bytes(), &digests.concat()].concat();
    assert_eq!(sha256_of(&[&or]), WINDOWS_POLICY, "PolicyOR over them");
}

#[test]
fn refuses_each_field_of_a_statement_by_its_name() {
    let good = statement().to_bytes().unwrap();
    let container = Container::Statement;
    let inner = u32::try_from(good.len() - 28).unwrap();
    for (bad, fault) in [
        (with(&good, 0, 0x5344_414b), KastFormat::Magic { container, found: 0x5344_414b }),
        (with(&good, 4, 2), KastFormat::Version(2)),
        (with(&good, 8, 3), KastFormat::Platform { container, found: 3 }),
        (with(&good, 12, 32), KastFormat::HeaderSize { container, found: 32 }),
        (with(&good, 16, u32::MAX), length(Part::IdBinding, u32::MAX, good.len() - 28)),
        (with(&good, 20, inner + 1), length(Part::KeyAttestation, inner + 1, good.len() - 28)),
        (with(&good, 20, inner - 3), KastFormat::TrailingBytes { container, count: 3 }),
        (with(&good, 24, 1), length(Part::AikOpaque, 1, 0)),
        (good[..27].to_vec(), KastFormat::Truncated { container }),
    ] {
        assert_eq!(KeyAttestationStatement::from_bytes(&bad), Err(fault));
    }
}

fn length(part: Part, length: u32, left: usize) -> KastFormat {
    KastFormat::Length { part, length, left }
}

#[test]
fn refuses_each_field_of_a_key_attestation_by_its_name() {
    let good = statement().key_attestation;
    let container = Container::KeyAttestation;
    let body = good.len() - 24;
    for (bad, fault) in [
        (with(&good, 0, 1), KastFormat::Magic { container, found: 1 }),
        (with(&good, 4, 0), KastFormat::Platform { container, found: 0 }),
        (with(&good, 8, 28), KastFormat::HeaderSize { container, found: 28 }),
        (with(&good, 12, u32::MAX), length(Part::KeyAttest, u32::MAX, body)),
        (with(&good, 16, 0x8000_0000), length(Part::Signature, 0x8000_0000, body - 150)),
        (with(&good, 20, 0xffff_fff0), length(Part::KeyBlob, 0xffff_fff0, body - 406)),
        ([&good[..], &[0; 5]].concat(), KastFormat::TrailingBytes { container, count: 5 }),
    ] {
        assert_eq!(KeyAttestation::from_bytes(&bad), Err(fault));
    }
}

#[test]
fn refuses_each_field_of_a_key_blob_by_its_name() {
    let good = blob().to_bytes().unwrap();
    let container = Container::KeyBlob;
    let body = good.len() - 0x38;
    for (bad, fault) in [
        (with(&good, 0, 0), KastFormat::Magic { container, found: 0 }),
        (with(&good, 4, 0x36), KastFormat::HeaderSize { container, found: 0x36 }),
        (with(&good, 8, 1), KastFormat::PcpType(1)),
        (with(&good, 16, u32::MAX), length(Part::Public, u32::MAX, body)),
        (with(&good, 48, 1), length(Part::Tpm12Hostage, 1, 0)),
        (with(&good, 32, 0xaf), KastFormat::TrailingBytes { container, count: 1 }),
        ([&good[..], &[0; 2]].concat(), KastFormat::TrailingBytes { container, count: 2 }),
        (good[..55].to_vec(), KastFormat::Truncated { container }),
    ] {
        assert_eq!(PcpKeyBlob::from_bytes(&bad), Err(fault));
    }
}

#[test]
fn refuses_a_nested_tpm2b_that_disagrees_with_its_part() {
    let read = |blob: &PcpKeyBlob| PcpKeyBlob::from_bytes(&blob.to_bytes().unwrap());
    let mut bad = blob();
    bad.public[1] ^= 1;
    let (says, holds) = (u16::from_be_bytes([bad.public[0], bad.public[1]]), bad.public.len() - 2);
    assert_eq!(read(&bad), Err(KastFormat::Tpm2b { part: Part::Public, says, holds }));
    bad.public = vec![0];
    assert_eq!(read(&bad), Err(KastFormat::NotTpm2b { part: Part::Public, holds: 1 }));
    bad.public = Vec::new();
    assert_eq!(read(&bad), Err(KastFormat::NotTpm2b { part: Part::Public, holds: 0 }));
    bad = blob();
    bad.private.push(0);
    assert_eq!(read(&bad), Err(KastFormat::Tpm2b { part: Part::Private, says: 40, holds: 41 }));
    bad.private = Vec::new();
    assert_eq!(read(&bad).unwrap().private_area(), Ok(None));
}

#[test]
fn refuses_a_digest_count_that_lies_before_it_allocates() {
    let digests = |list: &[u8]| PcpKeyBlob { policy_digests: list.to_vec(), ..blob() }.policy_digests().err();
    assert_eq!(digests(&[0xff; 4]), Some(KastFormat::DigestCount { count: u32::MAX, left: 0 }));
    assert_eq!(digests(&[0xff; 40]), Some(KastFormat::DigestCount { count: u32::MAX, left: 36 }));
    assert_eq!(digests(&[0, 0, 0, 2, 0, 0, 0]), Some(KastFormat::DigestCount { count: 2, left: 3 }));
    assert_eq!(digests(&[0, 0, 0]), Some(KastFormat::Truncated { container: Container::PolicyDigests }));
    assert_eq!(digests(&[0, 0, 0, 1, 0, 2, 0]), Some(length(Part::PolicyDigest, 2, 1)));
    let trailing = KastFormat::TrailingBytes { container: Container::PolicyDigests, count: 2 };
    assert_eq!(digests(&[0, 0, 0, 1, 0, 0, 0, 0]), Some(trailing));
    let long = KastFormat::TooLong { part: Part::PolicyDigest, length: 65, limit: 64 };
    assert_eq!(digests(&[0, 0, 0, 1, 0, 65, 0, 0]), Some(long));
    assert_eq!(write_policy_digests(&[&[0; 65]]), Err(long));
    let bytes = PcpKeyBlob { policy_digests: vec![0xff; 40], ..blob() }.to_bytes().unwrap();
    assert_eq!(PcpKeyBlob::from_bytes(&bytes), Err(KastFormat::DigestCount { count: u32::MAX, left: 36 }));
    assert!(PcpKeyBlob { policy_digests: Vec::new(), ..blob() }.policy_digests().unwrap().is_empty());
}

#[test]
fn a_key_blob_of_either_header_writes_back() {
    for header in [PcpHeader::Windows8, PcpHeader::Later { pcr_algorithm: 11, padding: 0xcdcd }] {
        let blob = PcpKeyBlob { header, flags: 0xa, pcr_binding: vec![1; 3], encrypted_secret: vec![2; 5], ..blob() };
        let bytes = blob.to_bytes().unwrap();
        assert_eq!(PcpKeyBlob::from_bytes(&bytes), Ok(blob.clone()));
        assert!(!blob.auth_required());
    }
}

#[test]
fn a_binding_is_split_and_written_back() {
    for algorithm in [TpmSignatureAlgorithm::Rsassa, TpmSignatureAlgorithm::Ecdsa] {
        let binding = binding(algorithm);
        let bytes = binding.to_bytes().unwrap();
        assert_eq!(IdBinding::from_bytes(&bytes), Ok(binding.clone()));
        let around = KeyAttestationStatement { id_binding: bytes, ..statement() };
        assert_eq!(around.read_id_binding(), Ok(Some(binding)));
    }
}

#[test]
fn refuses_each_field_of_a_binding_by_its_name() {
    let good = binding(TpmSignatureAlgorithm::Ecdsa).to_bytes().unwrap();
    let signature = good.len() - 72;
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        IdBinding::from_bytes(&bytes).unwrap_err()
    };
    let public = public().len();
    assert_eq!(changed(0, 0xff), length(Part::AikPublic, 0xff00 + (public as u32 & 0xff), good.len() - 2));
    assert_eq!(changed(public + 2, 0xff), length(Part::CreationData, 0xff3c, good.len() - public - 4));
    assert_eq!(changed(signature - 122, 0xff), length(Part::Attest, 0xff78, 72 + 120));
    assert_eq!(changed(signature + 1, 0x16), KastFormat::Signature(TpmFormat::UnknownSignature(0x16)));
    let trailing = KastFormat::Signature(TpmFormat::TrailingBytes { count: 1 });
    assert_eq!(IdBinding::from_bytes(&[&good[..], &[0]].concat()), Err(trailing));
}

#[test]
fn a_refusal_says_where() {
    let texts = [
        (
            KastFormat::Truncated { container: Container::Statement },
            "the statement (KAST) ends inside a field of its header",
        ),
        (KastFormat::TrailingBytes { container: Container::KeyBlob, count: 3 }, "3 bytes follow the key blob (PCPM)"),
        (length(Part::AikPublic, 9, 8), "the attestation key's public area says that it has 9 bytes where 8 are left"),
        (
            KastFormat::Signature(TpmFormat::UnknownSignature(0x16)),
            "the signature in idBinding: signature algorithm 0x0016 is neither RSASSA nor ECDSA",
        ),
    ];
    for (fault, text) in texts {
        assert_eq!(fault.to_string(), text);
    }
}

#[test]
fn what_is_inside_is_of_the_same_platform_and_of_tpm_2() {
    let inner = KeyAttestation { platform: Platform::Tpm12, ..statement().read_key_attestation().unwrap().unwrap() };
    let no_blob = KastFormat::NotTpm20 { container: Container::KeyBlob };
    assert_eq!(inner.read_key_blob(), Err(no_blob));
    let outer = KeyAttestationStatement { key_attestation: inner.to_bytes().unwrap(), ..statement() };
    assert_eq!(outer.read_key_attestation(), Err(KastFormat::PlatformDiffers));
    let old = KeyAttestationStatement { platform: Platform::Tpm12, id_binding: vec![1], ..outer };
    assert_eq!(old.read_key_attestation().unwrap().unwrap(), inner);
    assert_eq!(old.read_id_binding(), Err(KastFormat::NotTpm20 { container: Container::IdBinding }));
}

#[test]
fn no_prefix_is_taken() {
    let statement = statement();
    let key_blob = blob().to_bytes().unwrap();
    let id_binding = binding(TpmSignatureAlgorithm::Rsassa).to_bytes().unwrap();
    let whole = KeyAttestationStatement { id_binding: id_binding.clone(), ..statement.clone() }.to_bytes().unwrap();
    let refused = |bytes: &[u8], read: &dyn Fn(&[u8]) -> bool| (0..bytes.len()).all(|length| !read(&bytes[..length]));
    assert!(refused(&whole, &|bytes| KeyAttestationStatement::from_bytes(bytes).is_ok()));
    assert!(refused(&statement.key_attestation, &|bytes| KeyAttestation::from_bytes(bytes).is_ok()));
    assert!(refused(&key_blob, &|bytes| PcpKeyBlob::from_bytes(bytes).is_ok()));
    assert!(refused(&id_binding, &|bytes| IdBinding::from_bytes(bytes).is_ok()));
}

#[test]
fn a_flipped_bit_is_refused_or_read_as_it_stands() {
    let good = KeyAttestationStatement {
        id_binding: binding(TpmSignatureAlgorithm::Rsassa).to_bytes().unwrap(),
        aik_opaque: vec![3; 4],
        ..statement()
    };
    let good = good.to_bytes().unwrap();
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(&flipped);
    }
}

/// Whatever is read, at any depth, writes back to the same bytes.
fn check(bytes: &[u8]) {
    let Ok(statement) = KeyAttestationStatement::from_bytes(bytes) else { return };
    assert_eq!(statement.to_bytes().unwrap(), bytes);
    if let Ok(Some(binding)) = statement.read_id_binding() {
        let again = binding.to_bytes().unwrap();
        assert_eq!(IdBinding::from_bytes(&again), Ok(binding));
    }
    let Ok(Some(attestation)) = statement.read_key_attestation() else { return };
    assert_eq!(attestation.to_bytes().unwrap(), statement.key_attestation);
    let Ok(blob) = attestation.read_key_blob() else { return };
    assert_eq!(blob.to_bytes().unwrap(), attestation.key_blob);
    let digests = blob.policy_digests().unwrap();
    if !blob.policy_digests.is_empty() {
        assert_eq!(write_policy_digests(&digests).unwrap(), blob.policy_digests);
    }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #[test]
    fn any_parts_make_a_statement_that_reads_back(id in bytes(99), key in bytes(99), opaque in bytes(99), old: bool) {
        let platform = if old { Platform::Tpm12 } else { Platform::Tpm20 };
        let statement =
            KeyAttestationStatement { platform, id_binding: id, key_attestation: key, aik_opaque: opaque };
        prop_assert_eq!(KeyAttestationStatement::from_bytes(&statement.to_bytes().unwrap()), Ok(statement));
    }

    #[test]
    fn any_user_key_reads_back(
        public in bytes(300),
        private in bytes(300),
        digests in proptest::collection::vec(bytes(65), 0..9),
        signature in bytes(300),
    ) {
        let digests: Vec<&[u8]> = digests.iter().map(Vec::as_slice).collect();
        let parts = UserKeyParts {
            public: &public, private: &private, policy_digests: &digests, attest: &private, signature: &signature,
        };
        let statement = KeyAttestationStatement::of_user_key(&parts).unwrap();
        let attestation = statement.read_key_attestation().unwrap().unwrap();
        prop_assert_eq!(&attestation.signature, &signature);
        let blob = attestation.read_key_blob().unwrap();
        prop_assert_eq!(blob.public_area().unwrap(), &public[..]);
        prop_assert_eq!(blob.policy_digests().unwrap(), digests);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in bytes(400)) {
        check(&bytes);
        let _ = KeyAttestation::from_bytes(&bytes);
        let _ = PcpKeyBlob::from_bytes(&bytes);
        let _ = IdBinding::from_bytes(&bytes);
    }

    #[test]
    fn a_changed_number_in_any_head_never_panics(at in 0usize..600, to: u32, tail in bytes(20)) {
        let mut bytes = with(&statement().to_bytes().unwrap(), at, to);
        check(&bytes);
        bytes.extend(tail);
        check(&bytes);
    }
}
