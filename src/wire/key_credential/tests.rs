use proptest::prelude::*;

use super::*;
use crate::wire::encoding::{base64, from_base64, hex};

/// The transport key in the example of MS-DVRJ section 4.1.
const SAMPLE: &str = "UlNBMQAIAAADAAAAAAEAAAAAAAAAAAAAAQABmh7Ua2L3SWbOSHTMjFqEH9X07e0xPBSg8gDY+QY0f6rvAe10QPhzX+Jz6az\
    j3gAZZBLjnfS5p/nPODwsH5ONe9xpDc3os27Ov6XY7TSPlps17uWLsJR+egvHcsHMnVKmmt7ErelpkSol6wenhpLWlAuild\
    Ja1Uf/BSVE6QkjMkbltr8oHpcblzPg56Z9/pmbwJJAUNT8Gzh27frfJakPXpYy01zX9bsf4ADCHpWkm+VF13f0RatAc6D0n\
    eqjuKyXef6btHFzFHA9llSbTSE3V6MVn4oyNIH+6FFw2/35wTWEh67N5bBSa+74GurTFwky642IRsiGn965DX6WLRGG5Q==";
const DEVICE: Uuid = Uuid::from_u128(0x9d53_c6fa_b38e_4509_8fb1_51de_db42_1aac);

fn material() -> Vec<u8> {
    from_base64(SAMPLE).unwrap()
}

fn at() -> Timestamp {
    "2016-02-22T22:02:11Z".parse().unwrap()
}

fn ad() -> KeyCredential {
    KeyCredential::ad(material(), DEVICE, at()).unwrap()
}

fn azure() -> KeyCredential {
    KeyCredential::azure(material(), KeyStrength::Normal, DEVICE, at()).unwrap()
}

fn entry(identifier: u8, value: &[u8]) -> Vec<u8> {
    [&u16::try_from(value.len()).unwrap().to_le_bytes()[..], &[identifier], value].concat()
}

/// A blob of those entries, KeyID and KeyHash before them as they have to be.
fn blob_of(entries: &[(u8, &[u8])]) -> Vec<u8> {
    let hashed: Vec<u8> = entries.iter().flat_map(|(identifier, value)| entry(*identifier, value)).collect();
    let material = entries.iter().find(|(identifier, _)| *identifier == 3).map_or(&[][..], |(_, value)| value);
    [&VERSION.to_le_bytes()[..], &entry(1, &sha256(material)), &entry(2, &sha256(&hashed)), &hashed].concat()
}

#[test]
fn reproduces_the_vector_of_the_key_in_ms_dvrj() {
    assert_eq!(hex(&sha256(&material())), "38545459f679de17c3051497bb05b3e88116a3f774f683b0f8e308fc896604ce");
    let blob = ad().to_bytes();
    assert_eq!(blob.len(), 414);
    assert_eq!(hex(&sha256(&blob)), "182247db72bfcdb3f135d2573bd09ff5bb162784331d2a98f3073d9f91a0e8e7");
    assert_eq!(hex(&blob[42..74]), "b074736dc03a07ab6b3c52d9abca1e5a8374c0fceff3d8c54d82c875d52d6ade");
    assert_eq!(
        hex(&blob[360..]),
        "0100040101000500100006fac6539d8eb309458fb151dedb421aac02000701020800088033f1adbc6dd1010800098033f1adbc6dd101"
    );
    assert_eq!(KeyCredential::from_bytes(&blob), Ok(ad()));
    assert_eq!(ad().rsa().map(|key| key.bits()), Some(2048));
}

#[test]
fn entra_writes_another_source_information_and_times() {
    let blob = azure().to_bytes();
    assert_eq!(blob.len(), 427);
    assert_eq!(KeyCredential::from_bytes(&blob), Ok(azure()));
    let custom = azure().custom.unwrap();
    assert_eq!(base64(&custom.to_bytes()), "AQAAAAACAAAAAAAAAAAA");
    assert_eq!(custom.strength(), KeyStrength::Normal);
    assert_eq!(CustomKeyInformation::azure(KeyStrength::Weak).to_bytes()[5], 1);
    // Ticks since the year 1, and bit 62 for UTC.
    let written = u64::from_le_bytes(blob[419..].try_into().unwrap());
    assert_eq!(written, 635_917_753_310_000_000 | 1 << 62);
}

#[test]
fn the_attribute_is_read_back_with_its_object() {
    let dn = "CN=alice,OU=a:b,DC=contoso,DC=example";
    let value = ad().to_attribute(dn);
    assert!(value.starts_with("B:828:0002000020000138545459F6"), "{value}");
    assert_eq!(from_attribute(&value), Ok((ad(), dn)));
    assert_eq!(from_attribute(&value.to_lowercase().replacen('b', "B", 1)).map(|(key, _)| key), Ok(ad()));
    let hex = value.split(':').nth(2).unwrap();
    for (value, fault) in [
        (String::new(), AttributeFault::Form),
        ("S:0::x".to_owned(), AttributeFault::Form),
        ("B:0:".to_owned(), AttributeFault::Form),
        (value.replace("828", "0828"), AttributeFault::Count),
        (value.replace("828", "826"), AttributeFault::Count),
        ("B:2:0g:x".to_owned(), AttributeFault::Hex),
        ("B:3:000:x".to_owned(), AttributeFault::Hex),
        ("B:2:+1:x".to_owned(), AttributeFault::Hex),
        (format!("B:828:{hex}:"), AttributeFault::Dn),
        ("B:0::x".to_owned(), KeyCredentialFault::Truncated.into()),
    ] {
        assert_eq!(from_attribute(&value), Err(fault), "{value}");
    }
}

#[test]
fn names_each_fault() {
    use KeyCredentialFault as Fault;
    let material = material();
    let (m, u) = ((3, &material[..]), (4, &[1][..]));
    let good = ad().to_bytes();
    let with = |at: usize, byte: u8| {
        let mut blob = good.clone();
        blob[at] = byte;
        blob
    };
    let bare = |entries: &[Vec<u8>]| [&VERSION.to_le_bytes()[..], &entries.concat()].concat();
    let id = entry(1, &sha256(&material));
    for (blob, fault) in [
        (vec![0, 2, 0], Fault::Truncated),
        (with(0, 1), Fault::Version(0x201)),
        (good[..413].to_vec(), Fault::EntryTruncated(403)),
        ([&good[..], &[1, 0]].concat(), Fault::EntryTruncated(414)),
        (blob_of(&[m, u, (10, &[])]), Fault::Identifier(10)),
        (blob_of(&[m, u, (0, &[])]), Fault::Identifier(0)),
        (blob_of(&[m, u, u]), Fault::Repeated(Entry::KeyUsage)),
        (blob_of(&[u, m]), Fault::Order(Entry::KeyMaterial)),
        (blob_of(&[m, (4, &[])]), Fault::Length(Entry::KeyUsage)),
        (blob_of(&[m, u, (5, &[0, 0])]), Fault::Length(Entry::KeySource)),
        (blob_of(&[m, u, (6, &[0; 15])]), Fault::Length(Entry::DeviceId)),
        (blob_of(&[m, u, (8, &[0; 4])]), Fault::Length(Entry::LastLogon)),
        (blob_of(&[m, u, (9, &[0; 9])]), Fault::Length(Entry::KeyCreation)),
        (bare(&[entry(1, &[0; 31])]), Fault::Length(Entry::KeyId)),
        (bare(&[id.clone(), entry(2, &[])]), Fault::Length(Entry::KeyHash)),
        (bare(&[]), Fault::Absent(Entry::KeyId)),
        (bare(std::slice::from_ref(&id)), Fault::Absent(Entry::KeyMaterial)),
        (blob_of(&[m]), Fault::Absent(Entry::KeyUsage)),
        (with(7, 0), Fault::KeyId),
        (with(42, 0), Fault::KeyHash),
        (with(409, 0), Fault::KeyHash),
        (blob_of(&[m, (4, &[3])]), Fault::Usage(3)),
        (blob_of(&[(3, b"{}"), u]), Fault::Material(blob::BlobFault::Truncated)),
        (blob_of(&[(3, b""), (4, &[7])]), Fault::Length(Entry::KeyMaterial)),
        (blob_of(&[m, u, (5, &[2])]), Fault::Source(2)),
        (blob_of(&[m, u, (7, &[1])]), Fault::Custom(CustomKeyFault::Length(1))),
        (blob_of(&[m, u, (8, &[0xff; 8])]), Fault::Time(Entry::LastLogon)),
        (blob_of(&[m, u, (5, &[1]), (9, &[0; 8])]), Fault::Time(Entry::KeyCreation)),
    ] {
        assert_eq!(KeyCredential::from_bytes(&blob), Err(fault));
    }
    let without_hash = bare(&[id, entry(3, &material), entry(4, &[1])]);
    assert_eq!(KeyCredential::from_bytes(&without_hash), KeyCredential::new(KeyUsage::Ngc, material));
}

#[test]
fn the_long_custom_information_is_told_by_its_length() {
    use CustomKeyFault as Fault;
    let long = |change: &[(usize, u8)], length: usize| {
        let mut bytes = vec![1, 0, 0, 0, 1, 2];
        bytes.resize(length, 0);
        change.iter().for_each(|(at, byte)| bytes[*at] = *byte);
        CustomKeyInformation::from_bytes(&bytes).map(|read| {
            assert_eq!(read.to_bytes(), bytes);
            read.strength()
        })
    };
    for length in [15, 16, 18] {
        assert_eq!(long(&[], length), Ok(KeyStrength::Normal), "{length} bytes");
    }
    assert_eq!(long(&[(17, 3)], 21), Ok(KeyStrength::Normal));
    for length in [0, 1, 3, 6, 14, 17] {
        let bytes = vec![1; length];
        assert_eq!(CustomKeyInformation::from_bytes(&bytes), Err(Fault::Length(length)));
    }
    for (change, fault) in [
        ((0, 2), Fault::Version(2)),
        ((1, 4), Fault::Flags(4)),
        ((2, 4), Fault::Volume(4)),
        ((3, 2), Fault::Notification(2)),
        ((4, 2), Fault::FekKeyVersion(2)),
        ((5, 3), Fault::Strength(3)),
        ((15, 1), Fault::Reserved),
        ((16, 1), Fault::ExtensionVersion(1)),
        ((17, 1), Fault::ExtensionSize),
    ] {
        assert_eq!(long(&[change], 18), Err(fault));
    }
    let short = CustomKeyInformation::from_bytes(&[1, 2]);
    assert_eq!(short, Ok(CustomKeyInformation::MFA_NOT_USED));
    assert_eq!(short.map(|short| short.strength()), Ok(KeyStrength::Unknown));
}

#[test]
fn the_json_form_has_seven_digits_and_reads_back() {
    let at: Timestamp = "2015-11-17T08:17:13.7724773Z".parse().unwrap();
    let key = KeyCredential { last_logon: None, created: Some(at), ..azure() };
    let json = SearchableDeviceKey::of(&key).unwrap();
    assert_eq!(json.read(), Ok(key.clone()));
    let whole = SearchableDeviceKey::of(&azure()).unwrap();
    assert_eq!(whole.creation_time, "2016-02-22T22:02:11.0000000Z");
    let value = serde_json::to_value(&json).unwrap();
    assert_eq!(value["keyIdentifier"], "OFRUWfZ53hfDBRSXuwWz6IEWo/d09oOw+OMI/IlmBM4=");
    assert_eq!(value["creationTime"], "2015-11-17T08:17:13.7724773Z");
    assert_eq!(value["customKeyInformation"], "AQAAAAACAAAAAAAAAAAA");
    assert_eq!((&value["usage"], &value["fidoAaGuid"]), (&"NGC".into(), &serde_json::Value::Null));
    assert_eq!(value["fidoAttestationCertificates"], serde_json::json!([]));
    assert_eq!(serde_json::from_value::<SearchableDeviceKey>(value).unwrap(), json);
    assert_eq!(SearchableDeviceKey::of(&KeyCredential { created: None, ..key }), None);
}

#[test]
fn names_each_fault_of_the_json_form() {
    use SearchableKeyFault as Fault;
    let good = SearchableDeviceKey::of(&azure()).unwrap();
    type Change = (fn(&mut SearchableDeviceKey) -> &mut String, &'static str, SearchableKeyFault);
    let changes: [Change; 11] = [
        (|json| &mut json.usage, "ngc", Fault::Usage),
        (|json| &mut json.key_material, "!", Fault::MaterialEncoding),
        (|json| &mut json.key_material, "AAAA", KeyCredentialFault::Material(blob::BlobFault::Truncated).into()),
        (|json| &mut json.key_identifier, "AAAA", Fault::KeyIdentifier),
        (|json| &mut json.creation_time, "2016-02-22T22:02:11+00:00", Fault::CreationTime),
        (|json| &mut json.creation_time, "2016-02-22T22:02:11.12345678Z", Fault::CreationTime),
        (|json| &mut json.creation_time, "yesterday, Z", Fault::CreationTime),
        (|json| &mut json.creation_time, "1600-12-31T23:59:59Z", Fault::CreationTime),
        (|json| &mut json.device_id, "LAB-01", Fault::DeviceId),
        (|json| &mut json.custom_key_information, "!", Fault::CustomEncoding),
        (|json| &mut json.custom_key_information, "AQ==", CustomKeyFault::Length(1).into()),
    ];
    for (field, text, fault) in changes {
        let mut json = good.clone();
        text.clone_into(field(&mut json));
        assert_eq!(json.read(), Err(fault), "{text}");
    }
}

fn instants() -> impl Strategy<Value = Option<Timestamp>> {
    // From 1970 to 2200, in ticks.
    let tick = |ticks: i64| Timestamp::from_nanosecond(i128::from(ticks) * 100).unwrap();
    proptest::option::of((0..72_580_000_000_000_000_i64).prop_map(tick))
}

fn keys() -> impl Strategy<Value = KeyCredential> {
    let source = proptest::option::of(prop_oneof![Just(KeySource::Ad), Just(KeySource::AzureAd)]);
    let device = proptest::option::of(any::<u128>().prop_map(Uuid::from_u128));
    let custom = proptest::option::of(prop_oneof![
        Just(CustomKeyInformation::MFA_NOT_USED),
        Just(CustomKeyInformation::azure(KeyStrength::Unknown)),
        Just(CustomKeyInformation::azure(KeyStrength::Weak)),
    ]);
    let fido = proptest::collection::vec(any::<u8>(), 1..400).prop_map(|json| (KeyUsage::Fido, json));
    let kind = prop_oneof![Just((KeyUsage::Ngc, material())), fido];
    (kind, source, device, custom, instants(), instants()).prop_map(
        |((usage, material), source, device_id, custom, last_logon, created)| KeyCredential {
            source,
            device_id,
            custom,
            last_logon,
            created,
            ..KeyCredential::new(usage, material).unwrap()
        },
    )
}

proptest! {
    #[test]
    fn every_key_reads_back_and_no_prefix_of_it_does(key in keys(), cut: proptest::sample::Index) {
        let blob = key.to_bytes();
        prop_assert_eq!(KeyCredential::from_bytes(&blob), Ok(key));
        prop_assert!(KeyCredential::from_bytes(&blob[..cut.index(blob.len())]).is_err());
    }

    #[test]
    fn no_changed_byte_goes_unnoticed(key in keys(), at: proptest::sample::Index, by in 1..=255u8) {
        let mut blob = key.to_bytes();
        let at = at.index(blob.len());
        blob[at] ^= by;
        prop_assert!(KeyCredential::from_bytes(&blob).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = KeyCredential::from_bytes(&[&VERSION.to_le_bytes()[..], &bytes].concat());
        let _ = CustomKeyInformation::from_bytes(&bytes);
    }
}
