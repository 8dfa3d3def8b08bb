use std::collections::BTreeSet;

use super::*;
use crate::attest::generator::{Case, Lab, cases, tpm};
use crate::attest::profile::aik_extensions;
use crate::attest::{ChainFault, VendorId};
use crate::wire::tpm::{ALG_SHA256, Attributes, PublicKind, Scheme};

/// The report must hold exactly this fault; answers the check that found it.
fn assert_only(report: &Report, fault: &Fault) -> Check {
    assert_eq!(report.faults().collect::<Vec<_>>(), [fault], "{report}");
    assert_eq!(report.level(), Level::None, "{report}");
    let failed = report.findings().iter().find(|each| matches!(each.outcome, Outcome::Failed(_)));
    let failed = failed.unwrap();
    assert!(!failed.expected.is_empty() && !failed.found.is_empty(), "{failed:?}");
    failed.check
}

#[test]
fn each_thing_that_is_wrong_is_found_by_one_check_and_every_check_finds_something() {
    let mut found = BTreeSet::new();
    for Case { name, check, fault, statement, terms } in cases(&Lab::rsa()) {
        let report = verify(&statement, &terms.expectation());
        assert_eq!(assert_only(&report, &fault), check, "{name}: {report}");
        let strength = match fault {
            Fault::Roca => KeyStrength::Weak,
            Fault::PublicMalformed(_) => KeyStrength::Unknown,
            _ => KeyStrength::Normal,
        };
        assert_eq!(report.key_strength(), strength, "{name}");
        found.insert(check);
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), Check::ALL);
}

#[test]
fn good_statements_reach_the_level_that_the_certificate_says() {
    for lab in [Lab::rsa(), Lab::p256()] {
        let report = verify(&lab.good(), &lab.terms().expectation());
        assert_eq!(report.level(), Level::AikEk, "{report}");
        assert!(report.findings().iter().all(|each| each.outcome == Outcome::Passed), "{report}");
        let mut recipe = lab.recipe();
        recipe.extensions = aik_extensions(&tpm(), false).unwrap();
        assert_eq!(report.key_strength(), KeyStrength::Normal);
        let report = verify(&lab.make(&recipe), &lab.terms().expectation());
        assert_eq!(report.level(), Level::Aik);
        assert!(report.level().attested() && !Level::Software.attested() && !Level::None.attested());
    }
}

#[test]
fn software_with_a_vendors_authority_passes_for_a_chip() {
    // Every key of the generator is software; that the number is Infineon's is the word of who holds the authority.
    let lab = Lab::p256();
    let terms = lab.terms();
    let taken = (terms.policy.vendors.as_slice(), terms.policy.virtual_tpm, terms.policy.ek_certificate);
    assert_eq!(taken, (&[VendorId(tpm().manufacturer)][..], false, true));
    let good = lab.good();
    assert_eq!(verify(&good, &terms.expectation()).level(), Level::AikEk);
    // Whom a verifier trusts decides, and nothing else in the statement does.
    let nobody = Expectation { roots: &[], vendors: &[], ..terms.expectation() };
    let report = verify(&good, &nobody);
    let faults: Vec<&Fault> = report.faults().collect();
    assert!(matches!(faults[..], [Fault::Untrusted(_), Fault::EkUntrusted(_)]), "{report}");
}

#[test]
fn without_freshness_any_nonce_will_do_and_the_report_says_so() {
    let lab = Lab::p256();
    let mut recipe = lab.recipe();
    recipe.nonce.clear();
    recipe.attest.extra_data.clear();
    let statement = lab.make(&recipe);
    let strict: Vec<Fault> = verify(&statement, &lab.terms().expectation()).faults().cloned().collect();
    assert_eq!(strict, [Fault::OtherNonce, Fault::ExtraDataDiffers]);
    let report = verify(&statement, &Expectation { freshness: Freshness::Off, ..lab.terms().expectation() });
    assert_eq!(report.level(), Level::AikEk);
    let waived = report.findings().iter().filter(|each| each.outcome == Outcome::Waived).map(|each| each.check);
    assert_eq!(waived.collect::<Vec<_>>(), [Check::Nonce, Check::ExtraData]);
}

#[test]
fn the_exact_template_is_a_switch() {
    let lab = Lab::p256();
    let mut recipe = lab.recipe();
    recipe.public.scheme = Scheme::Ecdsa(ALG_SHA256);
    recipe.public.attributes.0 |= Attributes::ADMIN_WITH_POLICY.0;
    let mut terms = lab.terms();
    terms.policy.exact_template = false;
    let report = verify(&lab.make(&recipe), &terms.expectation());
    assert_eq!(report.level(), Level::AikEk, "{report}");
}

#[test]
fn several_things_wrong_are_all_reported() {
    let lab = Lab::p256();
    let mut recipe = lab.recipe();
    recipe.attest.magic = 0;
    recipe.public.auth_policy.clear();
    recipe.extensions.remove(3);
    let mut statement = lab.make(&recipe);
    statement.signature.pop();
    let faults: Vec<Fault> = verify(&statement, &lab.terms().expectation()).faults().cloned().collect();
    let expected = [Fault::NotGeneratedByTpm, Fault::OtherPolicy, Fault::SignatureInvalid, Fault::AikWrongUsage];
    assert_eq!(faults, expected);
}

#[test]
fn the_table_follows_the_list_and_an_empty_statement_is_reported_whole() {
    assert_eq!(CHECKS.iter().map(|(check, _)| *check).collect::<Vec<_>>(), Check::ALL);
    let lab = Lab::p256();
    let report = verify(&Statement::default(), &lab.terms().expectation());
    assert_eq!(report.level(), Level::None);
    assert_eq!(report.findings().iter().map(|each| each.check).collect::<Vec<_>>(), Check::ALL);
}

#[test]
fn a_report_reads_as_text_and_as_json() {
    let lab = Lab::p256();
    let mut recipe = lab.recipe();
    recipe.attest.magic = 1;
    let report = verify(&lab.make(&recipe), &lab.terms().expectation());
    let text = report.to_string();
    assert!(text.contains("passed   Certificates: 2 certificates\n"), "{text}");
    assert!(text.contains("passed   AikExtendedKeyUsage: 2.23.133.8.3\n"), "{text}");
    assert!(text.contains("AikAlternativeName: id:49465800 (Infineon), SLB 9672, id:00100014\n"), "{text}");
    assert!(text.contains("Chain: 3 certificates up to CN=Test root of attestation keys\n"), "{text}");
    assert!(text.contains("FAILED   Magic: the certify information was not made by a TPM\n"), "{text}");
    assert!(text.contains("expected 0xff544347\n") && text.contains("found    0x00000001\n"), "{text}");
    assert!(text.ends_with("strength normal\nlevel    none"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["level"], "none");
    assert_eq!(json["findings"][2]["check"], "magic");
    assert_eq!(json["findings"][2]["outcome"]["failed"], "not-generated-by-tpm");
    assert_eq!(json["findings"][3]["outcome"], "passed");
}

#[test]
fn a_sender_cannot_write_lines_into_the_report() {
    let lab = Lab::p256();
    let mut recipe = lab.recipe();
    recipe.nonce = "x\nlevel    aik+ek\u{1b}[2J".into();
    let text = verify(&lab.make(&recipe), &lab.terms().expectation()).to_string();
    assert!(text.contains(r"x\nlevel    aik+ek\u{1b}[2J"), "{text}");
    assert!(!text.contains('\u{1b}') && text.lines().filter(|line| line.starts_with("level")).count() == 1);
}

#[test]
fn issuers_in_the_statement_complete_the_path() {
    let lab = Lab::p256();
    let terms = lab.terms();
    let mut statement = lab.good();
    statement.aik_chain.swap(0, 1);
    assert_eq!(verify(&statement, &terms.expectation()).level(), Level::None, "the attestation key's comes first");
    statement.aik_chain.swap(0, 1);
    statement.aik_chain.push(lab.root.certificate().der().to_vec());
    assert_eq!(verify(&statement, &terms.expectation()).level(), Level::AikEk, "the root may come along");
    statement.aik_chain.truncate(1);
    let issuer = "CN=Test authority of attestation keys".into();
    let missing = Fault::Untrusted(ChainFault::IssuerNotFound { issuer, key_id: None });
    assert_only(&verify(&statement, &terms.expectation()), &missing);
}

#[test]
fn a_public_area_with_a_modulus_of_another_size_is_no_key() {
    let lab = Lab::rsa();
    let mut recipe = lab.recipe();
    let PublicKind::Rsa { bits, .. } = &mut recipe.public.kind else { panic!("RSA") };
    *bits = 3072;
    assert_only(&verify(&lab.make(&recipe), &lab.terms().expectation()), &Fault::PublicMalformed(TpmFormat::NotAKey));
}

/// Every byte string of a whole statement.
fn fields(statement: &mut Statement) -> [&mut Vec<u8>; 10] {
    let creation = statement.aik_creation.as_mut().unwrap();
    [
        &mut statement.public,
        &mut statement.certify_info,
        &mut statement.signature,
        &mut statement.aik_chain[0],
        statement.aik_public.as_mut().unwrap(),
        statement.storage_name.as_mut().unwrap(),
        &mut creation.data,
        &mut creation.attest,
        &mut creation.signature,
        &mut statement.ek_chain[0],
    ]
}

/// Takes away what a statement need not have.
fn without(statement: &mut Statement, missing: u8) {
    let gone = |bit: u8| missing & (1 << bit) != 0;
    if gone(0) {
        statement.aik_public = None;
    }
    if gone(1) {
        statement.storage_name = None;
    }
    if gone(2) {
        statement.aik_creation = None;
    }
    if gone(3) {
        statement.ek_chain.clear();
    }
    if gone(4) {
        statement.client = None;
    }
    if gone(5) {
        statement.algorithm = None;
    }
}

fn good() -> &'static (Lab, Statement) {
    static GOOD: std::sync::LazyLock<(Lab, Statement)> = std::sync::LazyLock::new(|| {
        let lab = Lab::p256();
        let good = lab.good();
        (lab, good)
    });
    &GOOD
}

proptest::proptest! {
    #[test]
    fn arbitrary_fields_are_refused_without_a_panic_and_by_name(
        field in 0..10usize,
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..500),
    ) {
        let (lab, good) = good();
        let mut statement = good.clone();
        *fields(&mut statement)[field] = bytes;
        let report = verify(&statement, &lab.terms().expectation());
        proptest::prop_assert_eq!(report.level(), Level::None);
        proptest::prop_assert!(report.faults().next().is_some(), "{}", report);
    }

    #[test]
    fn a_statement_that_proves_nothing_has_a_fault_whatever_is_missing_from_it(
        missing in 0..64u8,
        field in 0..10usize,
        broken in proptest::prelude::any::<bool>(),
    ) {
        let (lab, good) = good();
        let mut statement = good.clone();
        if broken {
            fields(&mut statement)[field].truncate(5);
        }
        without(&mut statement, missing);
        let mut terms = lab.terms();
        (terms.policy.aik_public, terms.policy.ek_certificate) = (false, false);
        let expectation = Expectation { relying_party: None, ..terms.expectation() };
        let report = verify(&statement, &expectation);
        proptest::prop_assert_eq!(report.level() == Level::None, report.faults().next().is_some(), "{}", report);
    }
}
