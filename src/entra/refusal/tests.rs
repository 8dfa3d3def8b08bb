use super::*;
use std::collections::HashSet;

#[test]
fn every_refusal_has_a_row_that_a_client_can_tell_apart() {
    let names: HashSet<_> = Refusal::ALL.iter().map(|each| each.name()).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
    for refusal in Refusal::ALL {
        let entry = refusal.entry();
        assert!((400..500).contains(&entry.status), "{refusal:?}");
        assert!(!entry.text.is_empty(), "{refusal:?}");
    }
}

#[test]
fn texts_are_unique_within_a_dialect() {
    let mut seen = HashSet::new();
    for refusal in Refusal::ALL {
        let Entry { dialect, text, .. } = refusal.entry();
        assert!(seen.insert((std::mem::discriminant(&dialect), text)), "{refusal:?} repeats a text");
    }
}

#[test]
fn hello_refusals_carry_the_documented_numbers() {
    for (refusal, number) in [
        (Refusal::HelloKeyUnknown, 130_004),
        (Refusal::HelloSignatureWrong, 130_005),
        (Refusal::TransportKeyMissing, 130_006),
        (Refusal::HelloDeviceDisabled, 130_007),
        (Refusal::HelloDeviceNotFound, 130_008),
        (Refusal::NonceReplayed, 140_000),
        (Refusal::SessionKeyWrong, 140_001),
        (Refusal::UserUnknown, 50_034),
        (Refusal::PasswordWrong, 50_126),
    ] {
        let Dialect::Oauth { number: found, .. } = refusal.entry().dialect else { panic!("{refusal:?}") };
        assert_eq!(found.0, number, "{refusal:?}");
    }
}

#[test]
fn key_registration_answers_every_code_with_an_hresult_of_the_table() {
    for refusal in Refusal::ALL {
        if let Dialect::Key { hresult } = refusal.entry().dialect {
            assert!(Hresult::all().any(|known| known == hresult), "{refusal:?}");
        }
    }
}
