use super::*;
use crate::attest::generator::{KEY_BLOB, Lab, NONCE};
use crate::attest::{Algorithm, Check, Fault, Level, Outcome, extra_data, verify};
use crate::crypto::SoftwareKey;
use crate::wire::kast::{KastFormat, KeyAttestationStatement};
use crate::wire::tpm::TpmSignatureAlgorithm;
use crate::wire::webauthn::{AttestationObject, WebauthnExport};

fn judged(presented: &Presented, lab: &Lab) -> super::super::Report {
    let terms = lab.terms();
    let policy = Policy::default();
    verify(&presented.statement, &presented.expectation(&terms.roots, &terms.vendors, &[], terms.at, &policy))
}

/// A good statement whose `extraData` are these.
fn over(lab: &Lab, extra_data: &[u8]) -> Statement {
    let mut recipe = lab.recipe();
    recipe.attest.extra_data = extra_data.to_vec();
    recipe.extensions.pop();
    lab.make(&recipe)
}

fn waived(report: &super::super::Report) -> Vec<Check> {
    report.findings().iter().filter(|each| each.outcome == Outcome::Waived).map(|each| each.check).collect()
}

#[test]
fn the_labs_member_comes_back_as_the_statement_that_it_was() {
    let lab = Lab::rsa();
    let blob = blob::write(lab.key.rsa().unwrap());
    let statement = over(&lab, &extra_data(NONCE.as_bytes(), &blob));
    let text = serde_json::to_vec(&LabAttestation::from(&statement)).unwrap();
    let presented = read(&text, &[]).unwrap();
    assert_eq!(presented.form, Form::Lab);
    let expected =
        Statement { algorithm: None, aik_creation: None, ek_chain: vec![], client: None, ..statement.clone() };
    assert_eq!(presented.statement, expected);
    let report = judged(&presented, &lab);
    assert_eq!(report.level(), Level::AikEk, "{report}");
    assert!(!waived(&report).contains(&Check::ExtraData), "the key of the statement is the one that is bound");
    // Bound to something else than its own key.
    let other = LabAttestation::from(&over(&lab, &extra_data(NONCE.as_bytes(), KEY_BLOB)));
    let report = judged(&read(&serde_json::to_vec(&other).unwrap(), &[]).unwrap(), &lab);
    assert_eq!(report.faults().collect::<Vec<_>>(), [&Fault::ExtraDataDiffers]);
}

#[test]
fn a_statement_without_a_nonce_says_nothing_of_what_it_was_made_for() {
    let lab = Lab::rsa();
    let statement = Statement { nonce: String::new(), ..over(&lab, b"whatever") };
    let presented = Presented::raw(Form::Raw, statement);
    assert!(matches!(presented.made_for, MadeFor::Unsaid));
    assert!(waived(&judged(&presented, &lab)).contains(&Check::ExtraData));
}

#[test]
fn a_kast_comes_back_with_both_keys_and_says_nothing_of_freshness() {
    let kinds = [(Lab::rsa(), TpmSignatureAlgorithm::Rsassa), (Lab::p256(), TpmSignatureAlgorithm::Ecdsa)];
    for (lab, algorithm) in kinds {
        let statement = over(&lab, b"whatever");
        for with_authority in [true, false] {
            let parts = KastParts { private: &[7; 100], with_authority };
            let bytes = write_kast(&statement, parts).unwrap();
            let binding = KeyAttestationStatement::from_bytes(&bytes).unwrap().read_id_binding().unwrap();
            let signature = binding.map(|binding| (binding.signature.algorithm, binding.signature.hash));
            assert_eq!(signature, with_authority.then_some((algorithm, 0x000b)));
            let presented = read(&bytes, &statement.aik_chain).unwrap();
            let got = &presented.statement;
            assert_eq!((&got.public, &got.certify_info), (&statement.public, &statement.certify_info));
            assert_eq!(got.aik_public.is_some(), with_authority);
            assert_eq!(got.aik_creation, with_authority.then(|| statement.aik_creation.clone().unwrap()));
            let report = judged(&presented, &lab);
            assert_eq!(report.level(), Level::AikEk, "{report}");
            assert!(waived(&report).starts_with(&[Check::Nonce, Check::RelyingParty, Check::ExtraData]), "{report}");
            let missing = judged(&read(&bytes, &[]).unwrap(), &lab);
            assert_eq!(missing.faults().collect::<Vec<_>>(), [&Fault::NoCertificate]);
        }
    }
}

#[test]
fn a_kast_over_sha_1_is_read_by_switch_only() {
    let lab = Lab::rsa();
    let SoftwareKey::Rsa(aik) = &lab.aik else { panic!("RSA") };
    let mut statement = over(&lab, b"");
    let digest = crate::crypto::digest::sha1(&statement.certify_info);
    statement.signature = aik.sign(rsa::Pkcs1v15Sign::new::<sha1::Sha1>(), &digest).unwrap();
    let bytes = write_kast(&statement, KastParts { private: &[], with_authority: false }).unwrap();
    let presented = read(&bytes, &statement.aik_chain).unwrap();
    assert_eq!(judged(&presented, &lab).faults().collect::<Vec<_>>(), [&Fault::SignatureInvalid]);
    let (terms, policy) = (lab.terms(), Policy { sha1: true, ..Policy::default() });
    let expectation = presented.expectation(&terms.roots, &terms.vendors, &[], terms.at, &policy);
    assert_eq!(verify(&presented.statement, &expectation).level(), Level::AikEk);
}

/// An export for this challenge, its text.
fn exported(lab: &Lab, challenge: &[u8]) -> String {
    let aik = lab.aik.public().unwrap();
    let registration =
        Registration::new(&lab.key, &aik, "contoso.example", "https://contoso.example", challenge).unwrap();
    let statement = over(lab, &registration.extra_data());
    registration.export(&statement, vec![]).unwrap().to_json()
}

#[test]
fn a_webauthn_registration_is_judged_with_challenge_origin_relying_party_and_key() {
    for (lab, algorithm) in [(Lab::rsa(), Algorithm::Rs256), (Lab::p256(), Algorithm::Es256)] {
        let text = exported(&lab, b"challenge");
        let presented = read(text.as_bytes(), &[]).unwrap();
        assert_eq!((presented.form, presented.statement.algorithm), (Form::Webauthn, Some(algorithm)));
        let report = judged(&presented, &lab);
        assert_eq!(report.level(), Level::AikEk, "{report}");
        let bound = [Check::Nonce, Check::RelyingParty, Check::ExtraData, Check::SubjectKey, Check::Algorithm];
        assert!(!bound.iter().any(|each| waived(&report).contains(each)), "{report}");

        let challenge = |bytes: &[u8]| format!("\"challenge\":\"{}\"", crate::wire::encoding::base64url(bytes));
        for (from, to, fault) in [
            (challenge(b"challenge"), challenge(b"another"), Fault::OtherNonce),
            ("\"origin\":\"https://".to_owned(), "\"origin\":\"http://".to_owned(), Fault::OtherOrigin),
            ("\"rp_id\":\"".to_owned(), "\"rp_id\":\"www.".to_owned(), Fault::OtherRelyingParty),
        ] {
            assert!(text.contains(&from), "{text}");
            let changed = read(text.replace(&from, &to).as_bytes(), &[]).unwrap();
            assert_eq!(judged(&changed, &lab).faults().collect::<Vec<_>>(), [&fault]);
        }
    }
}

#[test]
fn a_registration_of_another_credential_or_of_nobody_is_refused() {
    let lab = Lab::p256();
    let refused = |change: &dyn Fn(&mut WebauthnExport)| {
        let mut export = WebauthnExport::from_json(exported(&lab, b"challenge").as_bytes()).unwrap();
        change(&mut export);
        read(export.to_json().as_bytes(), &[]).map(|presented| presented.form).unwrap_err()
    };
    assert_eq!(refused(&|export| export.credential.id[0] ^= 1), FormFault::OtherCredential);
    // The flags follow the 32 bytes of the relying party; bit 0 is UP.
    let without = |export: &mut WebauthnExport| {
        let mut object = AttestationObject::from_bytes(&export.credential.attestation_object).unwrap();
        object.auth_data[32] &= !1;
        export.credential.attestation_object = object.to_bytes().unwrap();
    };
    assert_eq!(refused(&without), FormFault::UserNotPresent);
}

#[test]
fn what_is_no_statement_is_refused_by_name() {
    let refused = |bytes: &[u8]| read(bytes, &[]).map(|presented| presented.form).unwrap_err();
    for bytes in [&b""[..], b"{}", b"[]", b"null", b"-----BEGIN", b"{\"credential\"", b"KAS"] {
        assert_eq!(refused(bytes), FormFault::Unknown, "{bytes:?}");
    }
    assert!(matches!(refused(b"KAST"), FormFault::Kast(KastFormat::Truncated { .. })), "{:?}", refused(b"KAST"));
    assert!(matches!(refused(b"{\"credential\":{}}"), FormFault::Webauthn(WebauthnFormat::Json { .. })));
    assert!(matches!(refused(b"{\"certifyInfo\":\"\"}"), FormFault::Lab(_)));
    let text = br#"{"certifyInfo":"","public":"","signature":"","aikChain":["AA==","?"]}"#;
    assert_eq!(refused(text), FormFault::Certificate { index: 1 });
    let authority = KeyAttestationStatement {
        platform: crate::wire::kast::Platform::Tpm20,
        id_binding: vec![],
        key_attestation: vec![],
        aik_opaque: vec![],
    };
    assert_eq!(refused(&authority.to_bytes().unwrap()), FormFault::KastWithoutKey);
}
