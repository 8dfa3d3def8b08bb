//! CBOR and the members of the attestation object.

use super::*;

/// The object as a value, changed, as bytes.
fn changed(change: impl FnOnce(&mut Vec<(Value, Value)>, &mut Vec<(Value, Value)>)) -> Vec<u8> {
    let Value::Map(mut object) = cbor::whole(&object_of(&rsa()).to_bytes().unwrap()).unwrap() else { panic!("a map") };
    let Value::Map(mut statement) = object[1].1.clone() else { panic!("a map") };
    change(&mut object, &mut statement);
    if let Some(member) = object.iter_mut().find(|(key, value)| key.as_text() == Some("attStmt") && value.is_map()) {
        member.1 = Value::Map(statement);
    }
    cbor::write(&Value::Map(object))
}

fn refused(bytes: &[u8]) -> WebauthnFormat {
    AttestationObject::from_bytes(bytes).unwrap_err()
}

fn cbor_fault(fault: CborFormat) -> WebauthnFormat {
    WebauthnFormat::Cbor { map: Map::Object, fault }
}

#[test]
fn what_is_written_is_canonical() {
    let bytes = object_of(&rsa()).to_bytes().unwrap();
    // CTAP2 section 8: three members, fmt first, then attStmt and authData; in attStmt the short names first.
    assert_eq!(&bytes[..18], b"\xa3\x63fmt\x63tpm\x67attStmt\xa6");
    let order = ["calg9\x01", "csigY\x01", "cverc2.0", "cx5c\u{82}", "gpubAreaY", "hcertInfoX", "hauthDataY"];
    let places = order.map(|name| {
        let name: Vec<u8> = name.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        bytes.windows(name.len()).position(|window| window == name).unwrap()
    });
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn members_may_come_in_another_order() {
    let bytes = changed(|object, statement| {
        object.swap(1, 2);
        statement.reverse();
    });
    assert_eq!(AttestationObject::from_bytes(&bytes), Ok(object_of(&rsa())));
}

#[test]
fn refuses_each_member_by_its_name() {
    let object = |bytes: &[u8]| refused(bytes);
    let (map, member) = (Map::Object, "fmt");
    assert_eq!(object(&changed(|object, _| drop(object.remove(0)))), WebauthnFormat::Missing { map, member });
    let twice = changed(|object, _| object.push(object[0].clone()));
    assert_eq!(object(&twice), WebauthnFormat::Repeated { map, member });
    let more = changed(|object, _| object.push(("epAtt".into(), true.into())));
    assert_eq!(object(&more), WebauthnFormat::Unknown { map, name: "epAtt".into() });
    let wanted = Kind::Text;
    let bytes = changed(|object, _| object[0].1 = vec![1u8].into());
    assert_eq!(object(&bytes), WebauthnFormat::WrongType { map, member, wanted });
    let bytes = changed(|object, _| object[0].1 = "packed".into());
    assert_eq!(object(&bytes), WebauthnFormat::Format("packed".into()));
    let bytes = changed(|object, _| object[1].1 = 7.into());
    assert_eq!(object(&bytes), WebauthnFormat::WrongType { map, member: "attStmt", wanted: Kind::Map });
    let bytes = changed(|object, _| object[2].1 = "text".into());
    assert_eq!(object(&bytes), WebauthnFormat::WrongType { map, member: "authData", wanted: Kind::Bytes });
    assert_eq!(object(&[0x80]), WebauthnFormat::NotAMap(map));
}

#[test]
fn refuses_each_member_of_the_statement_by_its_name() {
    let map = Map::Statement;
    for (index, member) in ["alg", "sig", "ver", "x5c", "pubArea", "certInfo"].into_iter().enumerate() {
        let missing = changed(|_, statement| drop(statement.remove(index)));
        assert_eq!(refused(&missing), WebauthnFormat::Missing { map, member });
        let twice = changed(|_, statement| statement.push(statement[index].clone()));
        assert_eq!(refused(&twice), WebauthnFormat::Repeated { map, member });
        let wanted = [Kind::Integer, Kind::Bytes, Kind::Text, Kind::ListOfBytes, Kind::Bytes, Kind::Bytes][index];
        let other = changed(|_, statement| statement[index].1 = Value::Bool(true));
        assert_eq!(refused(&other), WebauthnFormat::WrongType { map, member, wanted });
    }
    let with = |index: usize, value: Value| refused(&changed(|_, statement| statement[index].1 = value));
    assert_eq!(with(0, (-37).into()), WebauthnFormat::Algorithm(-37));
    assert_eq!(with(0, u64::MAX.into()), WebauthnFormat::Algorithm(u64::MAX.into()));
    assert_eq!(with(2, "1.2".into()), WebauthnFormat::Version("1.2".into()));
    assert_eq!(with(3, Value::Array(Vec::new())), WebauthnFormat::NoCertificate);
    let mixed = Value::Array(vec![vec![1u8].into(), "text".into()]);
    assert_eq!(with(3, mixed), WebauthnFormat::WrongType { map, member: "x5c", wanted: Kind::ListOfBytes });
    let unknown = |key: Value| refused(&changed(|_, statement| statement.push((key, 1.into()))));
    for (key, name) in [
        ("ecdaaKeyId".into(), "ecdaaKeyId"),
        (7.into(), "7"),
        (vec![1u8].into(), "(bytes)"),
        (Value::Null, "(neither text nor number)"),
    ] {
        assert_eq!(unknown(key), WebauthnFormat::Unknown { map, name: name.into() });
    }
    let WebauthnFormat::Unknown { name, .. } = unknown("x".repeat(5000).into()) else { panic!("unknown") };
    assert_eq!(name.len(), 80, "a name out of the input is cut");
}

#[test]
fn refuses_what_follows_and_what_is_longer_than_64_kib() {
    let good = object_of(&rsa()).to_bytes().unwrap();
    let longer = [&good[..], &[0xa0; 2]].concat();
    assert_eq!(refused(&longer), cbor_fault(CborFormat::TrailingBytes(2)));
    assert_eq!(refused(&vec![0; 65_537]), cbor_fault(CborFormat::TooLong(65_537)));
    assert_eq!(refused(&vec![0; 65_536]), cbor_fault(CborFormat::TrailingBytes(65_535)));
    let mut object = object_of(&rsa());
    object.statement.chain = vec![vec![0; 65_000]; 2];
    assert!(matches!(object.to_bytes(), Err(WebauthnFormat::Cbor { fault: CborFormat::TooLong(_), .. })));
    object.statement.chain.clear();
    assert_eq!(object.to_bytes(), Err(WebauthnFormat::NoCertificate));
}

/// Byte string, text, list and map whose length is 4 GiB or near what 64 bits can say, in an input of a few bytes. Room for
/// the longest of them cannot even be asked for, so whoever believes a length panics here.
#[test]
fn a_length_of_4_gib_is_refused_without_allocating() {
    for major in [0x40u8, 0x60, 0x80, 0xa0] {
        for length in [&[0x1au8, 0xff, 0xff, 0xff, 0xff][..], &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0], &[0x1b; 9]] {
            let mut item = length.to_vec();
            item[0] |= major;
            assert_eq!(refused(&item), cbor_fault(CborFormat::Truncated));
            let inside = [&b"\xa1\x63fmt"[..], &item, &[0x61; 40]].concat();
            assert!(AttestationObject::from_bytes(&inside).is_err());
        }
    }
}

#[test]
fn refuses_cbor_that_is_nested_too_deeply() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0]].concat();
    assert_eq!(refused(&nested(4)), WebauthnFormat::NotAMap(Map::Object));
    assert_eq!(refused(&nested(5)), cbor_fault(CborFormat::TooDeep));
    assert_eq!(refused(&nested(60_000)), cbor_fault(CborFormat::TooDeep));
    assert_eq!(refused(&vec![0xc1; 60_000]), cbor_fault(CborFormat::TooDeep), "tags");
    assert_eq!(refused(&vec![0xa1; 60_000]), cbor_fault(CborFormat::TooDeep), "maps as keys");
    assert_eq!(refused(&vec![0x9f; 60_000]), cbor_fault(CborFormat::TooDeep), "lists without length");
}

#[test]
fn refuses_cbor_that_is_not_in_its_shortest_form() {
    for bad in [
        &b"\xb8\x00"[..],
        &b"\xbf\xff"[..],
        &b"\xa1\x78\x03fmt\x63tpm"[..],
        &b"\xa1\x7f\x63fmt\xff\x63tpm"[..],
        &b"\xa1\x00\xc2\x42\x01\x00"[..],
        &b"\xa1\x00\xfa\x00\x00\x00\x00"[..],
        &b"\xa1\x00\xf7"[..],
    ] {
        assert_eq!(refused(bad), cbor_fault(CborFormat::NotShortest), "{bad:02x?}");
    }
    assert_eq!(refused(b"\xa1\x00\xe0"), cbor_fault(CborFormat::Unsupported), "an unassigned simple value");
    assert_eq!(refused(b"\xff"), cbor_fault(CborFormat::Unsupported), "a break");
    assert_eq!(refused(b"\xa1\x1c"), cbor_fault(CborFormat::Syntax(1)), "a reserved length");
    assert_eq!(refused(b"\xa1\x62\xff\xff\x00"), cbor_fault(CborFormat::Syntax(1)), "no UTF-8");
}

/// A map of thousands of members is refused at the first that is not known, a list of thousands of items at the first that
/// is no byte string.
#[test]
fn many_members_take_no_more_than_linear_time() {
    let members = (0u32..16_000).map(|each| (each.into(), Value::Null)).collect();
    let bytes = cbor::write(&Value::Map(members));
    assert!(bytes.len() > 62_000 && bytes.len() < 65_536);
    assert_eq!(refused(&bytes), WebauthnFormat::Unknown { map: Map::Object, name: "0".into() });
}

#[test]
fn a_wrapped_signature_is_told_from_a_bare_one_and_written_bare() {
    for (algorithm, kind, length) in [
        (CoseAlgorithm::Rs256, TpmSignatureAlgorithm::Rsassa, 256),
        (CoseAlgorithm::Es256, TpmSignatureAlgorithm::Ecdsa, 64),
    ] {
        let wrapped = TpmSignature { algorithm: kind, hash: ALG_SHA256, signature: vec![0x81; length] };
        let bytes = changed(|_, statement| {
            statement[0].1 = algorithm.id().into();
            statement[1].1 = wrapped.to_bytes().unwrap().into();
        });
        let read = AttestationObject::from_bytes(&bytes).unwrap();
        assert_eq!(read.statement.signature, StatementSignature::Wrapped(wrapped.clone()));
        assert_eq!(read.statement.signature.to_tpm(algorithm).unwrap(), wrapped.signature);
        let again = AttestationObject::from_bytes(&read.to_bytes().unwrap()).unwrap();
        let bare = StatementSignature::of_tpm(algorithm, &wrapped.signature).unwrap();
        assert_eq!(again.statement.signature, bare);
        assert_eq!(bare.to_tpm(algorithm).unwrap(), wrapped.signature);
    }
    let other = TpmSignature { algorithm: TpmSignatureAlgorithm::Ecdsa, hash: ALG_SHA256, signature: vec![1; 64] };
    let bytes = changed(|_, statement| statement[1].1 = other.to_bytes().unwrap().into());
    let read = AttestationObject::from_bytes(&bytes).unwrap().statement.signature;
    assert!(matches!(read, StatementSignature::Bare(_)), "no wrapper under another algorithm");
}

#[test]
fn der_of_an_ecdsa_signature_has_one_form() {
    let mut signature = [0; 64];
    (signature[31], signature[32]) = (1, 0x80);
    let der = ecdsa_to_der(&signature).unwrap();
    assert_eq!(der[..7], [0x30, 38, 2, 1, 1, 2, 33]);
    assert_eq!(der[7..9], [0, 0x80], "a zero before a high bit");
    assert_eq!(ecdsa_from_der(&der), Ok(signature));
    let with = |at: usize, to: u8| {
        let mut der = der.clone();
        der[at] = to;
        ecdsa_from_der(&der)
    };
    for (at, to) in [(0, 0x31), (1, 37), (2, 3), (3, 2), (4, 0x80), (6, 34), (7, 1), (8, 0x7f)] {
        assert_eq!(with(at, to), Err(WebauthnFormat::EcdsaDer), "{at}");
    }
    assert_eq!(ecdsa_from_der(&[&der[..], &[0]].concat()), Err(WebauthnFormat::EcdsaDer));
    assert_eq!(ecdsa_to_der(&[1; 63]), Err(WebauthnFormat::EcdsaLength(63)));
    assert_eq!(ecdsa_to_der(&[0; 64]).unwrap(), [0x30, 6, 2, 1, 0, 2, 1, 0], "zero has a byte of its own");
    let bare = StatementSignature::Bare(vec![1; 64]);
    assert_eq!(bare.to_tpm(CoseAlgorithm::Es256), Err(WebauthnFormat::EcdsaDer));
}
