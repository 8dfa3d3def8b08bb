//! Paths through certificates of the lab; below it, those of strangers and their revocation lists.

mod revoked;
mod strangers;

use super::*;
use crate::attest::generator::{as_version_1, now, root};
use crate::base::OsRng;
use crate::crypto::SigningKey;
use crate::crypto::cert::{Authority, Extension, Leaf, Name, Text, Validity};

fn name(text: &str) -> Name {
    Name::common_name(text, Text::Utf8).unwrap()
}

fn authority_extensions() -> Vec<Extension> {
    vec![Extension::basic_constraints(true).unwrap(), Extension::key_usage_authority().unwrap()]
}

fn year() -> Validity {
    Validity::days_from(now(), 365)
}

fn below(issuer: &Authority, text: &str, extensions: Vec<Extension>, validity: Validity) -> Authority {
    let key = SigningKey::generate_p256().unwrap();
    let leaf = Leaf { subject: name(text), public: key.public(), validity, extensions };
    let certificate = issuer.issue(&leaf, &mut OsRng).unwrap();
    Authority::from_parts(certificate.der(), key).unwrap()
}

fn intermediate(issuer: &Authority, text: &str) -> Authority {
    below(issuer, text, authority_extensions(), year())
}

fn leaf(issuer: &Authority) -> Certificate {
    below(issuer, "leaf", vec![], year()).certificate().clone()
}

fn certificates(authorities: &[&Authority]) -> Vec<Certificate> {
    authorities.iter().map(|each| each.certificate().clone()).collect()
}

fn trusting(roots: &[Certificate]) -> Anchors<'_> {
    Anchors { roots, crls: &[] }
}

fn fault(leaf: &Certificate, intermediates: &[Certificate], roots: &[Certificate]) -> ChainFault {
    build_path(leaf, intermediates, &trusting(roots), now()).unwrap_err()
}

#[test]
fn finds_the_path_in_any_order_and_past_certificates_that_do_not_belong() {
    let (root, stranger) = (root("root"), root("stranger"));
    let first = intermediate(&root, "first");
    let second = intermediate(&first, "second");
    let impostor = intermediate(&stranger, "second");
    let leaf = leaf(&second);
    let roots = certificates(&[&stranger, &root]);
    for order in [[&first, &second, &impostor], [&impostor, &second, &first]] {
        let intermediates = certificates(&order);
        let path = build_path(&leaf, &intermediates, &trusting(&roots), now()).unwrap();
        let names: Vec<_> = path.iter().map(|each| each.subject().to_string()).collect();
        assert_eq!(names, ["CN=leaf", "CN=second", "CN=first", "CN=root"]);
    }
}

#[test]
fn names_the_issuer_that_is_missing() {
    let root = root("root");
    let first = intermediate(&root, "first");
    let second = intermediate(&first, "second");
    let leaf = leaf(&second);
    let roots = certificates(&[&root]);
    let missing = |issuer: &str| ChainFault::IssuerNotFound { issuer: issuer.into(), key_id: None };
    assert_eq!(fault(&leaf, &[], &roots), missing("CN=second"));
    assert_eq!(fault(&leaf, &certificates(&[&second]), &roots), missing("CN=first"));
    assert_eq!(fault(&leaf, &certificates(&[&second, &first]), &[]), missing("CN=root"));
}

#[test]
fn a_signature_by_another_key_of_that_name_is_named() {
    let (root, impostor) = (root("root"), root("root"));
    let leaf = leaf(&impostor);
    let expected = ChainFault::Signature { issuer: "CN=root".into() };
    assert_eq!(fault(&leaf, &[], &certificates(&[&root])), expected);
}

#[test]
fn the_fault_of_the_candidate_that_did_sign_is_told() {
    let (other, real) = (root("root"), root("root"));
    let day_before = Validity::days_from(now(), -1);
    let expired = below(&real, "between", authority_extensions(), day_before);
    let namesake = intermediate(&real, "between");
    let leaf = leaf(&expired);
    let expected = ChainFault::Expired { subject: "CN=between".into(), to: day_before.to };
    for order in [[&expired, &namesake], [&namesake, &expired]] {
        assert_eq!(fault(&leaf, &certificates(&order), &certificates(&[&other, &real])), expected);
    }
}

#[test]
fn a_root_in_the_statement_is_not_trusted_for_being_there() {
    let (root, own) = (root("root"), root("own"));
    let leaf = leaf(&own);
    let expected = ChainFault::UntrustedRoot { subject: "CN=own".into() };
    assert_eq!(fault(&leaf, &certificates(&[&own]), &certificates(&[&root])), expected);
    assert_eq!(fault(own.certificate(), &[], &certificates(&[&root])), expected);
    assert_eq!(fault(own.certificate(), &certificates(&[&own]), &certificates(&[&root])), expected);
}

#[test]
fn issuers_in_a_circle_end() {
    let (first, second) = (root("first"), root("second"));
    let cross = |issuer: &Authority, subject: &Authority| {
        let leaf = Leaf {
            subject: subject.certificate().subject(),
            public: subject.key().public(),
            validity: year(),
            extensions: authority_extensions(),
        };
        issuer.issue(&leaf, &mut OsRng).unwrap()
    };
    let intermediates = [cross(&second, &first), cross(&first, &second)];
    let expected = ChainFault::Loop { issuer: "CN=first".into() };
    assert_eq!(fault(&leaf(&first), &intermediates, &[]), expected);
}

#[test]
fn every_certificate_of_the_path_must_be_valid_at_the_time() {
    let shift = |days: i64| Validity::days_from(now(), days).to;
    let early = Validity { from: shift(-20), to: shift(-10) };
    let late = Validity { from: shift(10), to: shift(20) };
    let expired = |text: &str| ChainFault::Expired { subject: text.into(), to: early.to };
    let not_yet = |text: &str| ChainFault::NotYetValid { subject: text.into(), from: late.from };
    for (validity, wrong) in [(early, &expired as &dyn Fn(&str) -> ChainFault), (late, &not_yet)] {
        let good = root("root");
        let roots = certificates(&[&good]);
        let bad_leaf = below(&good, "leaf", vec![], validity);
        assert_eq!(fault(bad_leaf.certificate(), &[], &roots), wrong("CN=leaf"));
        let between = below(&good, "between", authority_extensions(), validity);
        assert_eq!(fault(&leaf(&between), &certificates(&[&between]), &roots), wrong("CN=between"));
        let key = SigningKey::generate_p256().unwrap();
        let bad_root = Authority::root(name("root"), key, validity, &mut OsRng).unwrap();
        assert_eq!(fault(&leaf(&bad_root), &[], &certificates(&[&bad_root])), wrong("CN=root"));
    }
}

#[test]
fn the_ends_of_validity_are_valid() {
    let root = root("root");
    let leaf = leaf(&root);
    let roots = certificates(&[&root]);
    let Validity { from, to } = leaf.validity().unwrap();
    for at in [from, to] {
        assert!(build_path(&leaf, &[], &trusting(&roots), at).is_ok());
    }
    let second = crate::base::SignedDuration::from_secs(1);
    for at in [from - second, to + second] {
        assert!(build_path(&leaf, &[], &trusting(&roots), at).is_err());
    }
}

/// A leaf below an intermediate with these extensions.
fn fault_below(extensions: Vec<Extension>) -> ChainFault {
    let root = root("root");
    let between = below(&root, "between", extensions, year());
    fault(&leaf(&between), &certificates(&[&between]), &certificates(&[&root]))
}

#[test]
fn an_issuer_must_be_an_authority_that_may_sign() {
    let issuer = || "CN=between".to_owned();
    let constraints = |ca| Extension::basic_constraints(ca).unwrap();
    assert_eq!(fault_below(vec![]), ChainFault::NotAnAuthority { issuer: issuer() });
    assert_eq!(fault_below(vec![constraints(false)]), ChainFault::NotAnAuthority { issuer: issuer() });
    let signs_no_certificates = vec![constraints(true), Extension::key_usage_signature().unwrap()];
    assert_eq!(fault_below(signs_no_certificates), ChainFault::MayNotSign { issuer: issuer() });
}

#[test]
fn an_issuer_of_version_1_is_no_authority() {
    let root = root("root");
    let old = Certificate::from_der(&as_version_1(&root, root.certificate())).unwrap();
    let expected = ChainFault::NotAnAuthority { issuer: "CN=root".into() };
    assert_eq!(fault(&leaf(&root), &[], &[old]), expected);
}

#[test]
fn extensions_that_are_unknown_repeated_or_unreadable_are_named() {
    let subject = || "CN=between".to_owned();
    let with = |extension: Extension| [authority_extensions(), vec![extension]].concat();
    let unknown = Extension::opaque(oid::DEVICE_ID, &[4, 0]);
    let extension = oid::DEVICE_ID.to_string();
    let fault = fault_below(with(unknown.clone().marked_critical()));
    assert_eq!(fault, ChainFault::UnknownCritical { subject: subject(), extension });
    let repeated = fault_below(with(Extension::basic_constraints(false).unwrap()));
    assert_eq!(repeated, ChainFault::RepeatedExtension { subject: subject() });
    let garbage = fault_below(vec![Extension::opaque(oid::BASIC_CONSTRAINTS, &[0xff])]);
    assert_eq!(garbage, ChainFault::Unreadable { subject: subject() });

    let root = root("root");
    let harmless = below(&root, "leaf", vec![unknown], year());
    assert!(build_path(harmless.certificate(), &[], &trusting(&certificates(&[&root])), now()).is_ok());
}

#[test]
fn the_path_length_of_an_issuer_holds() {
    let root = root("root");
    let limit_0 = Extension::opaque(oid::BASIC_CONSTRAINTS, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]);
    let limited = below(&root, "limited", vec![limit_0], year());
    let roots = certificates(&[&root]);
    assert!(build_path(&leaf(&limited), &certificates(&[&limited]), &trusting(&roots), now()).is_ok());
    let deeper = intermediate(&limited, "deeper");
    let expected = ChainFault::PathLength { issuer: "CN=limited".into(), allowed: 0 };
    assert_eq!(fault(&leaf(&deeper), &certificates(&[&limited, &deeper]), &roots), expected);
}

#[test]
fn a_path_of_eight_is_found_and_one_of_nine_is_too_long() {
    let mut authorities = vec![root("root")];
    for depth in 1..=7 {
        let next = intermediate(&authorities[depth - 1], &format!("{depth}"));
        authorities.push(next);
    }
    let all = certificates(&authorities.iter().collect::<Vec<_>>());
    let seventh = leaf(&authorities[6]);
    let path = build_path(&seventh, &all[1..], &trusting(&all[..1]), now());
    assert_eq!(path.map(|path| path.len()), Ok(LONGEST_PATH));
    let eighth = leaf(&authorities[7]);
    assert_eq!(fault(&eighth, &all[1..], &all[..1]), ChainFault::TooLong);
}

#[test]
fn of_two_certificates_for_one_key_the_one_that_leads_to_a_root_is_found() {
    let (root, stranger) = (root("root"), root("stranger"));
    let between = intermediate(&root, "between");
    let crossed = Leaf {
        subject: name("between"),
        public: between.key().public(),
        validity: year(),
        extensions: authority_extensions(),
    };
    let crossed = stranger.issue(&crossed, &mut OsRng).unwrap();
    let leaf = leaf(&between);
    let right = between.certificate().clone();
    let roots = certificates(&[&root]);
    for order in [[crossed.clone(), right.clone()], [right, crossed]] {
        let path = build_path(&leaf, &order, &trusting(&roots), now());
        assert_eq!(path.map(|path| path.len()), Ok(3));
    }
}

#[test]
fn of_two_faults_at_one_place_the_first_is_told() {
    let root = root("root");
    let between = intermediate(&root, "between");
    let again = |validity, extensions| {
        let leaf = Leaf { subject: name("between"), public: between.key().public(), validity, extensions };
        root.issue(&leaf, &mut OsRng).unwrap()
    };
    let expired = again(Validity::days_from(now(), -1), authority_extensions());
    let no_authority = again(year(), vec![]);
    let (leaf, roots) = (leaf(&between), certificates(&[&root]));
    let first = fault(&leaf, &[expired.clone(), no_authority.clone()], &roots);
    assert!(matches!(first, ChainFault::Expired { .. }), "{first}");
    let first = fault(&leaf, &[no_authority, expired], &roots);
    assert!(matches!(first, ChainFault::NotAnAuthority { .. }), "{first}");
}

#[test]
fn the_last_candidate_that_is_tried_may_be_the_right_one() {
    let right = root("same");
    let leaf = leaf(&right);
    for (strangers, found) in [(MOST_TRIES - 1, true), (MOST_TRIES, false)] {
        let mut roots: Vec<Certificate> = (0..strangers).map(|_| root("same").certificate().clone()).collect();
        roots.push(right.certificate().clone());
        let path = build_path(&leaf, &[], &trusting(&roots), now());
        assert_eq!(path.map(|path| path.len()).ok(), found.then_some(2), "{strangers}");
    }
}

#[test]
fn many_ways_that_lead_nowhere_end_soon() {
    let key = SigningKey::generate_p256().unwrap();
    let same: Vec<Authority> =
        (0..70).map(|_| Authority::root(name("same"), key.clone(), year(), &mut OsRng).unwrap()).collect();
    let intermediates = certificates(&same.iter().collect::<Vec<_>>());
    assert_eq!(fault(&leaf(&same[0]), &intermediates, &[]), ChainFault::TooLong);
}
