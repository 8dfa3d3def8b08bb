mod auth_data;
mod object;
mod texts;

use ciborium::Value;
use proptest::prelude::*;

use super::*;
use crate::crypto::{PublicKey, RsaPublic, SigningKey};
use crate::wire::tpm::{ALG_SHA256, TpmSignature, TpmSignatureAlgorithm};

const CHALLENGE: [u8; 32] = [0xfb; 32];
const ORIGIN: &str = "https://login.example";

fn rsa() -> PublicKey {
    let mut modulus = vec![0x5a; 256];
    (modulus[0], modulus[255]) = (0xc3, 1);
    PublicKey::Rsa(RsaPublic::new(&modulus, &[1, 0, 1]).unwrap())
}

fn p256() -> PublicKey {
    SigningKey::generate_p256().unwrap().public().clone()
}

fn statement(algorithm: CoseAlgorithm) -> TpmStatement {
    let signature = match algorithm {
        CoseAlgorithm::Es256 => vec![0x81; 64],
        _ => vec![8; 256],
    };
    TpmStatement {
        algorithm,
        chain: vec![vec![0x30; 30], vec![0x31; 5]],
        signature: StatementSignature::of_tpm(algorithm, &signature).unwrap(),
        certify_info: vec![7; 60],
        public: vec![9; 260],
    }
}

fn object_of(key: &PublicKey) -> AttestationObject {
    let auth_data = AuthenticatorData::of_windows_hello("login.example", &[5; 32], key).to_bytes().unwrap();
    AttestationObject { statement: statement(CoseAlgorithm::of_key(key)), auth_data }
}

fn export() -> WebauthnExport {
    let client_data = ClientData::new(&CHALLENGE, ORIGIN).to_bytes();
    let object = object_of(&rsa()).to_bytes().unwrap();
    WebauthnExport {
        credential: RegistrationResponse::of_platform(&[0xfe; 3], &client_data, &object),
        challenge: CHALLENGE.to_vec(),
        rp_id: "login.example".into(),
        origin: ORIGIN.into(),
        roots_pem: vec!["-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".into()],
    }
}

fn keys() -> [PublicKey; 2] {
    [rsa(), p256()]
}

#[test]
fn an_object_of_either_key_writes_back_to_the_same_bytes() {
    for key in keys() {
        let object = object_of(&key);
        let bytes = object.to_bytes().unwrap();
        let read = AttestationObject::from_bytes(&bytes).unwrap();
        assert_eq!(read, object);
        assert_eq!(read.to_bytes().unwrap(), bytes);
        let data = read.authenticator_data().unwrap();
        let credential = data.credential.unwrap();
        assert_eq!((credential.key.key(), credential.key.algorithm()), (&key, CoseAlgorithm::of_key(&key)));
        assert_eq!((credential.aaguid, credential.id), (WINDOWS_HELLO_HARDWARE, vec![5; 32]));
        assert_eq!((data.user_present, data.user_verified, data.sign_count), (true, true, 0));
    }
}

#[test]
fn no_prefix_is_taken() {
    for key in keys() {
        let object = object_of(&key);
        let bytes = object.to_bytes().unwrap();
        for length in 0..bytes.len() {
            let fault = WebauthnFormat::Cbor { map: Map::Object, fault: CborFormat::Truncated };
            assert_eq!(AttestationObject::from_bytes(&bytes[..length]), Err(fault), "{length}");
        }
        for length in 0..object.auth_data.len() {
            assert!(AuthenticatorData::from_bytes(&object.auth_data[..length]).is_err(), "{length}");
        }
        let cose = CoseKey::of(&key).to_bytes();
        for length in 0..cose.len() {
            assert!(CoseKey::from_bytes(&cose[..length]).is_err(), "{length}");
        }
    }
    let text = export().to_json();
    for length in 0..text.len() {
        assert!(WebauthnExport::from_json(&text.as_bytes()[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_flipped_bit_is_refused_or_read_as_it_stands() {
    for key in keys() {
        let good = object_of(&key).to_bytes().unwrap();
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check(&flipped);
        }
    }
}

/// What is read is the same once it is written and read again.
fn check(bytes: &[u8]) {
    let Ok(object) = AttestationObject::from_bytes(bytes) else { return };
    assert_eq!(object.authenticator_data().unwrap().to_bytes().unwrap(), object.auth_data);
    if let Ok(written) = object.to_bytes() {
        let again = AttestationObject::from_bytes(&written).unwrap();
        assert_eq!(again.to_bytes().unwrap(), written);
        assert_eq!((again.auth_data, again.statement.certify_info), (object.auth_data, object.statement.certify_info));
    }
}

#[test]
fn extra_data_is_over_the_authenticator_data_and_the_hash_of_the_client_data() {
    use crate::crypto::digest::{sha1, sha256};
    let signed = [b"data".as_slice(), &sha256(b"{}")].concat();
    assert_eq!(extra_data(CoseAlgorithm::Rs256, b"data", b"{}"), sha256(&signed));
    assert_eq!(extra_data(CoseAlgorithm::Es256, b"data", b"{}"), sha256(&signed));
    assert_eq!(extra_data(CoseAlgorithm::Rs1, b"data", b"{}"), sha1(&signed), "the inner hash stays SHA-256");
}

#[test]
fn algorithms_have_their_numbers_of_cose() {
    assert_eq!(CoseAlgorithm::ALL.map(CoseAlgorithm::id), [-257, -7, -65_535]);
}

#[test]
fn a_refusal_says_where() {
    let texts = [
        (
            WebauthnFormat::Cbor { map: Map::Object, fault: CborFormat::TooDeep },
            "the attestation object: the CBOR is nested too deeply",
        ),
        (
            WebauthnFormat::WrongType { map: Map::Statement, member: "sig", wanted: Kind::Bytes },
            "sig of attStmt is no byte string",
        ),
        (
            WebauthnFormat::TextTooLong { document: Document::ClientData, length: 65_537 },
            "clientDataJSON has 65537 bytes, more than 65536",
        ),
    ];
    for (fault, text) in texts {
        assert_eq!(fault.to_string(), text);
    }
}

#[test]
fn the_aaguid_is_the_one_of_public_captures() {
    let bytes = [8, 0x98, 0x70, 0x58, 0xca, 0xdc, 0x4b, 0x81, 0xb6, 0xe1, 0x30, 0xde, 0x50, 0xdc, 0xbe, 0x96];
    assert_eq!(WINDOWS_HELLO_HARDWARE.as_bytes(), &bytes);
    assert_eq!(WINDOWS_HELLO_HARDWARE.to_string(), "08987058-cadc-4b81-b6e1-30de50dcbe96");
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #[test]
    fn any_object_reads_back(
        sig in bytes(300), info in bytes(200), public in bytes(400),
        chain in proptest::collection::vec(bytes(300), 1..5), id in bytes(1024), flags: [bool; 4], count: u32,
    ) {
        let mut data = AuthenticatorData::of_windows_hello("rp", &id, &rsa());
        [data.user_present, data.user_verified, data.backup_eligible, data.backed_up] = flags;
        data.sign_count = count;
        let auth_data = data.to_bytes().unwrap();
        prop_assert_eq!(AuthenticatorData::from_bytes(&auth_data), Ok(data));
        let statement = TpmStatement {
            algorithm: CoseAlgorithm::Rs1,
            chain,
            signature: StatementSignature::Bare(sig),
            certify_info: info,
            public,
        };
        let object = AttestationObject { statement, auth_data };
        let written = object.to_bytes().unwrap();
        prop_assert_eq!(AttestationObject::from_bytes(&written), Ok(object));
    }

    #[test]
    fn any_client_data_reads_back(challenge in bytes(70), origin in ".*", cross_origin: bool) {
        let data = ClientData { challenge, origin, cross_origin };
        prop_assert_eq!(ClientData::from_bytes(&data.to_bytes()), Ok(data));
    }

    #[test]
    fn any_export_reads_back(id in bytes(40), object in bytes(90), text in ".*", roots in proptest::collection::vec(".*", 0..4)) {
        let mut export = export();
        export.credential = RegistrationResponse::of_platform(&id, &object, &object);
        (export.rp_id, export.roots_pem) = (text, roots);
        prop_assert_eq!(WebauthnExport::from_json(export.to_json().as_bytes()), Ok(export));
    }

    #[test]
    fn any_ecdsa_signature_survives_der(signature in proptest::collection::vec(any::<u8>(), 64), zeros in 0usize..32) {
        let mut signature = signature;
        signature[..zeros].fill(0);
        let der = ecdsa_to_der(&signature).unwrap();
        prop_assert_eq!(&ecdsa_from_der(&der).unwrap()[..], &signature[..]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in bytes(300)) {
        check(&bytes);
        let _ = AuthenticatorData::from_bytes(&bytes);
        let _ = CoseKey::from_bytes(&bytes);
        let _ = ClientData::from_bytes(&bytes);
        let _ = RegistrationResponse::from_json(&bytes);
        let _ = WebauthnExport::from_json(&bytes);
        if let Ok(fixed) = ecdsa_from_der(&bytes) {
            prop_assert_eq!(ecdsa_to_der(&fixed).unwrap(), bytes);
        }
    }

    #[test]
    fn bytes_in_a_good_object_never_panic(at in 0usize..1500, with in bytes(12)) {
        let mut object = object_of(&rsa()).to_bytes().unwrap();
        let at = at.min(object.len());
        let end = (at + with.len()).min(object.len());
        object.splice(at..end, with);
        check(&object);
    }
}
