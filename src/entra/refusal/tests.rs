use super::*;
use crate::attest::{AikFault, ChainFault, Check, EkFault};
use crate::wire::tpm::TpmFormat;
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
fn join_and_key_registration_answer_codes_of_the_table_alone() {
    for refusal in Refusal::ALL {
        if let Dialect::Key { hresult } | Dialect::Join { hresult: Some(hresult) } = refusal.entry().dialect {
            assert!(Hresult::all().any(|known| known == hresult), "{refusal:?}");
        }
    }
}

#[test]
fn each_check_of_a_statement_has_the_refusal_of_its_name() {
    assert_eq!(faults::of_check(Check::Nonce), Refusal::AttestationNonceForeign);
    let (own, others): (Vec<Check>, Vec<Check>) =
        Check::ALL.iter().partition(|check| faults::of_check(**check).name() == format!("Attestation{check:?}"));
    assert_eq!((own.len(), others.len()), (30, 14));
    // A registration carries nothing that one of these could find fault with.
    let idle = others.iter().filter(|check| **check != Check::Nonce);
    assert!(idle.map(|check| faults::of_check(*check)).all(|refusal| refusal == Refusal::AttestationLevelTooLow));
}

#[test]
fn each_fault_of_an_ek_certificate_or_an_attestation_key_has_a_refusal_of_its_own() {
    let chain = ChainFault::TooLong;
    let expired = ChainFault::Expired { subject: String::new(), to: crate::base::Timestamp::UNIX_EPOCH };
    let ek = [
        EkFault::Key,
        EkFault::Version,
        EkFault::AlternativeName,
        EkFault::Identity,
        EkFault::Authority,
        EkFault::KeyUsage,
        EkFault::ExtendedKeyUsage,
        EkFault::Chain(chain),
        EkFault::Chain(expired),
    ];
    let aik = [
        AikFault::NotBoundToTpm,
        AikFault::NotRestricted,
        AikFault::NotSigning,
        AikFault::Scheme,
        AikFault::Strength,
        AikFault::Public(TpmFormat::Truncated),
    ];
    let count = ek.len() + aik.len();
    let refusals: HashSet<_> = ek.into_iter().map(Refusal::from).chain(aik.into_iter().map(Refusal::from)).collect();
    assert_eq!(refusals.len(), count);
    assert!(refusals.iter().all(|refusal| refusal.entry().dialect == Dialect::Lab));
}
