use std::collections::BTreeSet;

use super::*;
use crate::attest::ChainFault;
use crate::attest::generator::{Lab, Recipe, as_version_1, now, root, tpm};
use crate::attest::profile::aik_extensions;
use crate::base::OsRng;
use crate::crypto::cert::{Authority, Extension, Leaf, Name, Text, Validity, oid};
use crate::crypto::{RsaPublic, SigningKey, SoftwareKey};
use crate::wire::tpm::{
    ALG_SHA256, ATTEST_CREATION, Attested, Attributes, PublicKind, Scheme, Symmetric, WINDOWS_POLICY, name_of,
};

/// The report must hold exactly this fault; answers the check that found it.
fn assert_only(report: &Report, fault: &Fault) -> Check {
    assert_eq!(report.faults().collect::<Vec<_>>(), [fault], "{report}");
    assert_eq!(report.level(), Level::None, "{report}");
    let failed = report.findings().iter().find(|each| matches!(each.outcome, Outcome::Failed(_)));
    let failed = failed.unwrap();
    assert!(!failed.expected.is_empty() && !failed.found.is_empty(), "{failed:?}");
    failed.check
}

type Break = fn(&mut Recipe);

/// What a TPM could be made to sign, or an authority to issue: each breaks one thing before the signatures are made.
fn signed_breaks() -> Vec<(Fault, Break)> {
    vec![
        (Fault::CertifyInfoMalformed(TpmFormat::TrailingBytes { count: 1 }), |recipe| recipe.trailing.push(0)),
        (Fault::NotGeneratedByTpm, |recipe| recipe.attest.magic = 0xff54_4346),
        (Fault::NotACertification, |recipe| {
            recipe.attest.kind = ATTEST_CREATION;
            recipe.attest.attested = Attested::Creation { object_name: vec![], creation_hash: vec![] };
        }),
        (Fault::NotACertification, |recipe| {
            recipe.attest.kind = 0x8018;
            recipe.attest.attested = Attested::Other(vec![0; 8]);
        }),
        (Fault::OtherNonce, |recipe| recipe.nonce = "another nonce".into()),
        (Fault::ExtraDataDiffers, |recipe| recipe.attest.extra_data[31] ^= 1),
        (Fault::ExtraDataDiffers, |recipe| recipe.attest.extra_data.clear()),
        (Fault::NameDiffers, |recipe| {
            recipe.honest_name = false;
            recipe.attest.attested = Attested::Certify { name: name_of(b"other"), qualified_name: vec![] };
        }),
        (Fault::OtherPolicy, |recipe| recipe.public.auth_policy.clear()),
        (Fault::OtherPolicy, |recipe| recipe.public.auth_policy = WINDOWS_POLICY[..31].to_vec()),
        (Fault::OtherAttributes, |recipe| recipe.public.attributes.0 &= !Attributes::USER_WITH_AUTH.0),
        (Fault::OtherAttributes, |recipe| recipe.public.attributes.0 |= Attributes::X509_SIGN.0),
        (Fault::OtherScheme, |recipe| recipe.public.scheme = Scheme::Rsassa(ALG_SHA256)),
        (Fault::OtherScheme, |recipe| recipe.public.symmetric = Symmetric::AesCfb { bits: 128 }),
        (Fault::AikSubjectNotEmpty, |recipe| recipe.subject = Name::common_name("TPM", Text::Utf8).unwrap()),
        (Fault::AikNamesNoTpm, |recipe| drop(recipe.extensions.remove(0))),
        (Fault::AikNamesNoTpm, |recipe| {
            let name = Name::common_name("swtpm", Text::Utf8).unwrap();
            recipe.extensions[0] = Extension::directory_name(&name).unwrap();
        }),
        (Fault::AikIsAuthority, |recipe| recipe.extensions[1] = Extension::basic_constraints(true).unwrap()),
        (Fault::AikIsAuthority, |recipe| drop(recipe.extensions.remove(1))),
        (Fault::AikWrongUsage, |recipe| {
            recipe.extensions[3] = Extension::extended_key_usage(false, &[oid::EK_CERTIFICATE]).unwrap();
        }),
        (Fault::AikWrongUsage, |recipe| drop(recipe.extensions.remove(3))),
        (Fault::NoAssurance, |recipe| drop(recipe.extensions.pop())),
        (Fault::NoAssurance, |recipe| recipe.extensions[4] = Extension::policy(oid::CLIENT_AUTH).unwrap()),
        (Fault::Untrusted(ChainFault::Expired { subject: "(empty)".into(), to: day_before() }), |recipe| {
            recipe.validity.to = day_before();
        }),
    ]
}

fn day_before() -> Timestamp {
    Validity::days_from(now(), -1).to
}

/// Attributes that matter even where the exact template does not.
const ATTRIBUTE_BREAKS: &[(Fault, Attributes)] = &[
    (Fault::NotFixedTpm, Attributes::FIXED_TPM),
    (Fault::NotFixedParent, Attributes::FIXED_PARENT),
    (Fault::NotMadeByTpm, Attributes::SENSITIVE_DATA_ORIGIN),
    (Fault::Restricted, Attributes::RESTRICTED),
];

/// What the sender can do to a statement that is signed.
fn unsigned_breaks(lab: &Lab) -> Vec<(Fault, Statement)> {
    let broken = |change: &dyn Fn(&mut Statement)| {
        let mut statement = lab.good();
        change(&mut statement);
        statement
    };
    let other = SoftwareKey::generate_rsa(&mut OsRng).unwrap();
    let version_1 = as_version_1(&lab.authority, &lab.certificate(&lab.recipe()));
    let stranger = root("Stranger").certificate().der().to_vec();
    let many = Fault::TooManyCertificates { count: 9 };
    let not_critical = lab.certificate(&lab.recipe()).extension(oid::SUBJECT_ALT_NAME).unwrap().to_vec();
    let mut quiet = lab.recipe();
    quiet.extensions[0] = Extension::opaque(oid::SUBJECT_ALT_NAME, &not_critical);
    vec![
        (Fault::AikNamesNoTpm, lab.make(&quiet)),
        (Fault::PublicMalformed(TpmFormat::TrailingBytes { count: 1 }), broken(&|each| each.public.push(0))),
        (Fault::PublicMalformed(TpmFormat::Truncated), broken(&|each| each.public.clear())),
        (Fault::CertifyInfoMalformed(TpmFormat::Truncated), {
            let mut statement = lab.good();
            statement.certify_info.clear();
            statement.signature = lab.aik.sign(&crate::crypto::digest::sha256(&[]), &mut OsRng).unwrap();
            statement
        }),
        (Fault::NoCertificate, broken(&|each| each.aik_chain.clear())),
        (many, broken(&|each| each.aik_chain.extend(std::iter::repeat_n(stranger.clone(), 8)))),
        (Fault::CertificateMalformed { index: 0 }, broken(&|each| each.aik_chain[0].push(0))),
        (Fault::CertificateMalformed { index: 1 }, broken(&|each| each.aik_chain.push(vec![0x30, 0]))),
        (Fault::SignatureInvalid, {
            let mut statement = lab.good();
            let digest = crate::crypto::digest::sha256(&statement.certify_info);
            statement.signature = other.sign(&digest, &mut OsRng).unwrap();
            statement
        }),
        (Fault::AikNotVersion3, broken(&|each| each.aik_chain[0] = version_1.clone())),
    ]
}

#[test]
fn each_thing_that_is_wrong_is_found_by_one_check_and_every_check_finds_something() {
    let lab = Lab::rsa();
    let mut found = BTreeSet::new();
    for (fault, change) in signed_breaks() {
        let mut recipe = lab.recipe();
        change(&mut recipe);
        found.insert(assert_only(&verify(&lab.make(&recipe), &lab.expectation()), &fault));
    }
    for (fault, statement) in unsigned_breaks(&lab) {
        found.insert(assert_only(&verify(&statement, &lab.expectation()), &fault));
    }
    for (fault, attribute) in ATTRIBUTE_BREAKS {
        let mut recipe = lab.recipe();
        recipe.public.attributes.0 ^= attribute.0;
        let statement = lab.make(&recipe);
        let lenient = Expectation { exact_template: false, ..lab.expectation() };
        found.insert(assert_only(&verify(&statement, &lenient), fault));
        let strict: Vec<Fault> = verify(&statement, &lab.expectation()).faults().cloned().collect();
        assert_eq!(strict, [fault.clone(), Fault::OtherAttributes]);
    }
    found.insert(another_key_is_named(&lab));
    found.insert(weak_keys_are_named(&lab));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), Check::ALL);
}

fn another_key_is_named(lab: &Lab) -> Check {
    let other = SigningKey::generate_rsa().unwrap();
    let expectation = Expectation { key: other.public(), ..lab.expectation() };
    assert_only(&verify(&lab.good(), &expectation), &Fault::OtherKey)
}

fn weak_keys_are_named(lab: &Lab) -> Check {
    let modulus = lab.key.rsa().unwrap().modulus();
    let small_exponent = RsaPublic::new(modulus, &[3]).unwrap();
    let half: Vec<u8> = modulus[128..].iter().map(|byte| byte | 0x80).collect();
    let short = RsaPublic::new(&half, &[1, 0, 1]).unwrap();
    let checks = [small_exponent, short].map(|key| {
        let key = PublicKey::Rsa(key);
        let mut recipe = lab.recipe();
        recipe.public = crate::wire::tpm::Public::windows(&key, Attributes::WINDOWS_KEY).unwrap();
        let expectation = Expectation { key: &key, ..lab.expectation() };
        assert_only(&verify(&lab.make(&recipe), &expectation), &Fault::WrongStrength)
    });
    checks[1]
}

#[test]
fn good_statements_reach_the_level_that_the_certificate_says() {
    for lab in [Lab::rsa(), Lab::p256()] {
        let report = verify(&lab.good(), &lab.expectation());
        assert_eq!(report.level(), Level::AikEk, "{report}");
        assert!(report.findings().iter().all(|each| each.outcome == Outcome::Passed), "{report}");
        let mut recipe = lab.recipe();
        recipe.extensions = aik_extensions(&tpm(), false).unwrap();
        let report = verify(&lab.make(&recipe), &lab.expectation());
        assert_eq!(report.level(), Level::Aik);
        assert!(report.level().attested() && !Level::Software.attested() && !Level::None.attested());
    }
}

#[test]
fn without_freshness_any_nonce_will_do_and_the_report_says_so() {
    let lab = Lab::p256();
    let mut recipe = lab.recipe();
    recipe.nonce.clear();
    recipe.attest.extra_data.clear();
    let statement = lab.make(&recipe);
    let strict: Vec<Fault> = verify(&statement, &lab.expectation()).faults().cloned().collect();
    assert_eq!(strict, [Fault::OtherNonce, Fault::ExtraDataDiffers]);
    let report = verify(&statement, &Expectation { freshness: Freshness::Off, ..lab.expectation() });
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
    let report = verify(&lab.make(&recipe), &Expectation { exact_template: false, ..lab.expectation() });
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
    let faults: Vec<Fault> = verify(&statement, &lab.expectation()).faults().cloned().collect();
    let expected = [Fault::NotGeneratedByTpm, Fault::OtherPolicy, Fault::SignatureInvalid, Fault::AikWrongUsage];
    assert_eq!(faults, expected);
}

#[test]
fn the_table_follows_the_list_and_an_empty_statement_is_reported_whole() {
    assert_eq!(CHECKS.iter().map(|(check, _)| *check).collect::<Vec<_>>(), Check::ALL);
    let empty =
        Statement { public: vec![], certify_info: vec![], signature: vec![], aik_chain: vec![], nonce: String::new() };
    let lab = Lab::p256();
    let report = verify(&empty, &lab.expectation());
    assert_eq!(report.level(), Level::None);
    assert_eq!(report.findings().iter().map(|each| each.check).collect::<Vec<_>>(), Check::ALL);
}

#[test]
fn a_report_reads_as_text_and_as_json() {
    let lab = Lab::p256();
    let mut recipe = lab.recipe();
    recipe.attest.magic = 1;
    let report = verify(&lab.make(&recipe), &lab.expectation());
    let text = report.to_string();
    assert!(text.contains("passed   Certificates: 1 certificates\n"), "{text}");
    assert!(text.contains("passed   AikExtendedKeyUsage: 2.23.133.8.3\n"), "{text}");
    assert!(text.contains("FAILED   Magic: the certify information was not made by a TPM\n"), "{text}");
    assert!(text.contains("expected 0xff544347\n") && text.contains("found    0x00000001\n"), "{text}");
    assert!(text.ends_with("level    none"), "{text}");
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
    let text = verify(&lab.make(&recipe), &lab.expectation()).to_string();
    assert!(text.contains(r"x\nlevel    aik+ek\u{1b}[2J"), "{text}");
    assert!(!text.contains('\u{1b}') && text.lines().filter(|line| line.starts_with("level")).count() == 1);
}

#[test]
fn issuers_in_the_statement_complete_the_path() {
    let mut lab = Lab::p256();
    let extensions = vec![Extension::basic_constraints(true).unwrap()];
    let key = SigningKey::generate_p256().unwrap();
    let subject = Name::common_name("between", Text::Utf8).unwrap();
    let leaf = Leaf { subject, public: key.public(), validity: lab.recipe().validity, extensions };
    let between = lab.authority.issue(&leaf, &mut OsRng).unwrap();
    lab.authority = Authority::from_parts(between.der(), key.clone()).unwrap();
    let mut statement = lab.good();
    let missing = Fault::Untrusted(ChainFault::IssuerNotFound { issuer: "CN=between".into(), key_id: None });
    assert_only(&verify(&statement, &lab.expectation()), &missing);
    statement.aik_chain.push(between.der().to_vec());
    assert_eq!(verify(&statement, &lab.expectation()).level(), Level::AikEk);
    statement.aik_chain.swap(0, 1);
    assert_eq!(verify(&statement, &lab.expectation()).level(), Level::None, "the attestation key's comes first");
}

#[test]
fn a_public_area_with_a_modulus_of_another_size_is_no_key() {
    let lab = Lab::rsa();
    let mut recipe = lab.recipe();
    let PublicKind::Rsa { bits, .. } = &mut recipe.public.kind else { panic!("RSA") };
    *bits = 3072;
    assert_only(&verify(&lab.make(&recipe), &lab.expectation()), &Fault::PublicMalformed(TpmFormat::NotAKey));
}

/// Every field of a statement that is bytes.
fn fields(statement: &mut Statement) -> [&mut Vec<u8>; 4] {
    let Statement { public, certify_info, signature, aik_chain, .. } = statement;
    [public, certify_info, signature, &mut aik_chain[0]]
}

fn refuses_every_prefix_and_every_flipped_bit(lab: &Lab) {
    let mut statement = lab.good();
    let expectation = lab.expectation();
    for field in 0..4 {
        let good = fields(&mut statement)[field].clone();
        for length in 0..good.len() {
            fields(&mut statement)[field].truncate(length);
            assert_eq!(verify(&statement, &expectation).level(), Level::None, "field {field}, {length} bytes");
            fields(&mut statement)[field].clone_from(&good);
        }
        for bit in 0..good.len() * 8 {
            fields(&mut statement)[field][bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(&statement, &expectation).level(), Level::None, "field {field}, bit {bit}");
            fields(&mut statement)[field].clone_from(&good);
        }
    }
    assert_eq!(verify(&statement, &expectation).level(), Level::AikEk);
}

#[test]
fn no_prefix_and_no_flipped_bit_of_an_rsa_statement_is_accepted() {
    refuses_every_prefix_and_every_flipped_bit(&Lab::rsa());
}

#[test]
fn no_prefix_and_no_flipped_bit_of_a_p256_statement_is_accepted() {
    refuses_every_prefix_and_every_flipped_bit(&Lab::p256());
}

proptest::proptest! {
    #[test]
    fn arbitrary_fields_are_refused_without_a_panic(
        field in 0..4usize,
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..500),
    ) {
        static LAB: std::sync::LazyLock<(Lab, Statement)> = std::sync::LazyLock::new(|| {
            let lab = Lab::p256();
            let good = lab.good();
            (lab, good)
        });
        let (lab, good) = &*LAB;
        let mut statement = good.clone();
        *fields(&mut statement)[field] = bytes;
        proptest::prop_assert_eq!(verify(&statement, &lab.expectation()).level(), Level::None);
    }
}
