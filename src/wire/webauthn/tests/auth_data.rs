//! Authenticator data and COSE keys.

use super::*;

fn data(key: &PublicKey) -> Vec<u8> {
    object_of(key).auth_data
}

fn refused(bytes: &[u8]) -> WebauthnFormat {
    AuthenticatorData::from_bytes(bytes).unwrap_err()
}

fn with(at: usize, to: u8) -> Vec<u8> {
    let mut bytes = data(&rsa());
    bytes[at] = to;
    bytes
}

#[test]
fn has_its_known_layout() {
    let bytes = data(&rsa());
    assert_eq!(bytes[..32], crate::crypto::digest::sha256(b"login.example"));
    assert_eq!(bytes[32..37], [0x45, 0, 0, 0, 0], "UP, UV and AT; no signature counted");
    assert_eq!(bytes[37..53], *WINDOWS_HELLO_HARDWARE.as_bytes());
    assert_eq!(bytes[53..55], [0, 32]);
    // Public captures go on like this: four members, kty RSA, alg -257, n of 256 bytes; then e.
    assert_eq!(bytes[87..98], [0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59, 1, 0]);
    assert_eq!(bytes[354..], [0x21, 0x43, 1, 0, 1]);
    let bytes = data(&p256());
    assert_eq!(bytes[87..97], [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20]);
}

#[test]
fn refuses_each_field_by_its_name() {
    assert_eq!(refused(&data(&rsa())[..36]), WebauthnFormat::AuthDataTruncated);
    assert_eq!(refused(&data(&rsa())[..60]), WebauthnFormat::AuthDataTruncated);
    assert_eq!(refused(&with(32, 0x47)), WebauthnFormat::ReservedFlags(2));
    assert_eq!(refused(&with(32, 0x65)), WebauthnFormat::ReservedFlags(0x20));
    assert_eq!(refused(&with(53, 4)), WebauthnFormat::CredentialIdTooLong(1024 + 32));
    let behind = data(&rsa()).len() - 37;
    assert_eq!(refused(&with(32, 0x05)), WebauthnFormat::ExtensionsUnannounced(behind), "without AT");
    let mut long = AuthenticatorData::from_bytes(&data(&rsa())).unwrap();
    long.credential.as_mut().unwrap().id = vec![0; 1024];
    assert_eq!(long.to_bytes(), Err(WebauthnFormat::CredentialIdTooLong(1024)));
    long.credential.as_mut().unwrap().id = vec![0; 1023];
    assert_eq!(AuthenticatorData::from_bytes(&long.to_bytes().unwrap()), Ok(long));
}

#[test]
fn every_flag_is_one_field() {
    let mut bare = AuthenticatorData::from_bytes(&[&[1; 32][..], &[0, 0, 0, 1, 2]].concat()).unwrap();
    assert_eq!((bare.sign_count, &bare.credential, &bare.extensions), (258, &None, &None));
    for (set, flag) in [
        (&mut bare.clone(), 0),
        (&mut AuthenticatorData { user_present: true, ..bare.clone() }, 1),
        (&mut AuthenticatorData { user_verified: true, ..bare.clone() }, 4),
        (&mut AuthenticatorData { backup_eligible: true, ..bare.clone() }, 8),
        (&mut AuthenticatorData { backed_up: true, ..bare.clone() }, 16),
    ] {
        let bytes = set.to_bytes().unwrap();
        assert_eq!(bytes[32], flag);
        assert_eq!(AuthenticatorData::from_bytes(&bytes).as_ref(), Ok(&*set));
    }
    bare.extensions = Some(vec![0xa0]);
    assert_eq!(bare.to_bytes().unwrap()[32], 0x80);
}

#[test]
fn extensions_are_kept_where_the_flag_says_so_and_refused_elsewhere() {
    let mut good = AuthenticatorData::from_bytes(&data(&rsa())).unwrap();
    let extensions = b"\xa1\x6bcredProtect\x02".to_vec();
    good.extensions = Some(extensions.clone());
    let bytes = good.to_bytes().unwrap();
    assert_eq!(bytes[32], 0xc5);
    assert_eq!(AuthenticatorData::from_bytes(&bytes), Ok(good.clone()));
    let unannounced = [&data(&rsa())[..], &extensions].concat();
    assert_eq!(refused(&unannounced), WebauthnFormat::ExtensionsUnannounced(extensions.len()));
    let cbor = |fault| WebauthnFormat::Cbor { map: Map::Extensions, fault };
    assert_eq!(refused(&bytes[..bytes.len() - 1]), cbor(CborFormat::Truncated));
    assert_eq!(refused(&with(32, 0xc5)), cbor(CborFormat::Truncated), "announced and not there");
    assert_eq!(refused(&[&bytes[..], &[0]].concat()), cbor(CborFormat::TrailingBytes(1)));
    good.extensions = Some(vec![0x80]);
    assert_eq!(good.to_bytes(), Err(WebauthnFormat::NotAMap(Map::Extensions)));
}

/// A key's members, changed, as bytes.
fn key(of: &PublicKey, change: impl FnOnce(&mut Vec<(Value, Value)>)) -> WebauthnFormat {
    let Value::Map(mut members) = cbor::whole(&CoseKey::of(of).to_bytes()).unwrap() else { panic!("a map") };
    change(&mut members);
    CoseKey::from_bytes(&cbor::write(&Value::Map(members))).unwrap_err()
}

#[test]
fn refuses_each_member_of_a_key_by_its_name() {
    let (rsa, ec, map) = (rsa(), p256(), Map::CoseKey);
    assert_eq!(key(&rsa, |key| key[0].1 = 4.into()), WebauthnFormat::KeyType(4));
    assert_eq!(key(&rsa, |key| key[1].1 = (-37).into()), WebauthnFormat::Algorithm(-37));
    assert_eq!(key(&rsa, |key| key[1].1 = (-7).into()), WebauthnFormat::KeyAlgorithm(-7));
    assert_eq!(key(&ec, |key| key[1].1 = (-257).into()), WebauthnFormat::KeyAlgorithm(-257));
    assert_eq!(key(&ec, |key| key[2].1 = 2.into()), WebauthnFormat::Curve(2));
    assert_eq!(key(&ec, |key| key[3].1 = vec![1u8; 31].into()), WebauthnFormat::Coordinate { member: "x", length: 31 });
    assert_eq!(key(&ec, |key| key[4].1 = vec![1u8; 33].into()), WebauthnFormat::Coordinate { member: "y", length: 33 });
    assert_eq!(key(&ec, |key| key[4].1 = vec![1u8; 32].into()), WebauthnFormat::NotAKey, "off the curve");
    assert_eq!(key(&rsa, |key| key[2].1 = vec![0u8, 5].into()), WebauthnFormat::NotAKey, "a zero before n");
    assert_eq!(key(&rsa, |key| key[3].1 = vec![2u8].into()), WebauthnFormat::NotAKey, "an even exponent");
    assert_eq!(key(&rsa, |key| key.swap(0, 1)), WebauthnFormat::KeyOrder);
    assert_eq!(key(&rsa, |key| key.push(key[0].clone())), WebauthnFormat::Repeated { map, member: "kty" });
    assert_eq!(key(&rsa, |key| drop(key.remove(1))), WebauthnFormat::Missing { map, member: "alg" });
    let wrong = WebauthnFormat::WrongType { map, member: "-1", wanted: Kind::Bytes };
    assert_eq!(key(&rsa, |key| key[2].1 = 1.into()), wrong);
    for (label, name) in [(2, "2"), (-3, "-3"), (-4, "-4")] {
        let unknown = WebauthnFormat::Unknown { map, name: name.into() };
        assert_eq!(key(&rsa, |key| key.push((label.into(), vec![1u8].into()))), unknown);
    }
    let trailing = WebauthnFormat::Cbor { map, fault: CborFormat::TrailingBytes(1) };
    assert_eq!(CoseKey::from_bytes(&[&CoseKey::of(&rsa).to_bytes()[..], &[0]].concat()), Err(trailing));
}

#[test]
fn an_rsa_key_under_rs1_is_read_and_written_back() {
    let Value::Map(mut members) = cbor::whole(&CoseKey::of(&rsa()).to_bytes()).unwrap() else { panic!("a map") };
    members[1].1 = CoseAlgorithm::Rs1.id().into();
    let bytes = cbor::write(&Value::Map(members));
    let key = CoseKey::from_bytes(&bytes).unwrap();
    assert_eq!((key.algorithm(), key.key(), key.to_bytes()), (CoseAlgorithm::Rs1, &rsa(), bytes));
}
