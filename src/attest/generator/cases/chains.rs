//! Statements whose certificates lead nowhere, each for another reason.

use super::*;
use crate::attest::generator::below_with;

pub(super) fn add(cases: &mut Cases<'_>) {
    dates(cases);
    strays(cases);
    authorities(cases);
    paths(cases);
}

fn shift(days: i64) -> Timestamp {
    Validity::days_from(now(), days).to
}

fn dates(cases: &mut Cases<'_>) {
    let (past, future) = (shift(-1), shift(1));
    let expired = ChainFault::Expired { subject: "(empty)".into(), to: past };
    let early = ChainFault::NotYetValid { subject: "(empty)".into(), from: future };
    cases.signed("aik-expired", Check::Chain, Fault::Untrusted(expired.clone()), |recipe| recipe.validity.to = past);
    cases.signed("aik-not-yet-valid", Check::Chain, Fault::Untrusted(early), |recipe| recipe.validity.from = future);
    cases.signed("ek-expired", Check::EkChain, Fault::EkUntrusted(expired), |recipe| recipe.ek_validity.to = past);
}

fn strays(cases: &mut Cases<'_>) {
    let stranger = root("Stranger").certificate().der().to_vec();
    let stray = Fault::StrayCertificate { index: 2 };
    cases.sent("aik-stray-certificate", Check::Chain, stray, |made| made.aik_chain.push(stranger.clone()));
    let stray = Fault::StrayEkCertificate { index: 1 };
    cases.sent("ek-stray-certificate", Check::EkChain, stray, |made| made.ek_chain.push(stranger));
}

/// A statement whose attestation key was certified by the last of `path`; all of it comes along but the first, which is trusted.
fn below_these(cases: &mut Cases<'_>, name: &'static str, fault: ChainFault, path: &[Authority]) {
    let (first, last) = (path.first().unwrap(), path.last().unwrap());
    let lab = Lab { root: first.clone(), authority: last.clone(), ..cases.lab.clone() };
    let mut statement = lab.good();
    statement.aik_chain.truncate(1);
    statement.aik_chain.extend(path[1..].iter().rev().map(|each| each.certificate().der().to_vec()));
    cases.add(name, Check::Chain, Fault::Untrusted(fault), statement, lab.terms());
}

/// Intermediates that may not do what they did.
fn authorities(cases: &mut Cases<'_>) {
    let issuer = || "CN=between".to_owned();
    let ca = || Extension::basic_constraints(true).unwrap();
    let usage = || Extension::key_usage_authority().unwrap();
    let unknown = Extension::opaque(oid::DEVICE_ID, &[4, 0]).marked_critical();
    let extension = oid::DEVICE_ID.to_string();
    for (name, fault, extensions) in [
        ("issuer-no-authority", ChainFault::NotAnAuthority { issuer: issuer() }, vec![usage()]),
        (
            "issuer-may-not-sign",
            ChainFault::MayNotSign { issuer: issuer() },
            vec![ca(), Extension::key_usage_signature().unwrap()],
        ),
        (
            "issuer-unknown-critical",
            ChainFault::UnknownCritical { subject: issuer(), extension },
            vec![ca(), usage(), unknown],
        ),
        ("issuer-extension-twice", ChainFault::RepeatedExtension { subject: issuer() }, vec![ca(), usage(), ca()]),
        (
            "issuer-unreadable",
            ChainFault::Unreadable { subject: issuer() },
            vec![Extension::opaque(oid::BASIC_CONSTRAINTS, &[0xff]), usage()],
        ),
    ] {
        let root = root("root");
        let between = below_with(&root, "between", extensions);
        below_these(cases, name, fault, &[root, between]);
    }
}

fn paths(cases: &mut Cases<'_>) {
    let root = || super::root("root");
    let limit_0 = Extension::opaque(oid::BASIC_CONSTRAINTS, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]);
    let (first, usage) = (root(), Extension::key_usage_authority().unwrap());
    let limited = below_with(&first, "limited", vec![limit_0, usage]);
    let deeper = below(&limited, "deeper");
    let fault = ChainFault::PathLength { issuer: "CN=limited".into(), allowed: 0 };
    below_these(cases, "path-length", fault, &[first, limited, deeper]);

    let mut long = vec![root()];
    for depth in 0..7 {
        long.push(below(&long[depth], &format!("{depth}")));
    }
    below_these(cases, "path-of-nine", ChainFault::TooLong, &long);

    let (real, impostor) = (root(), root());
    let between = below(&impostor, "between");
    let fault = ChainFault::Signature { issuer: "CN=root".into() };
    below_these(cases, "root-impostor", fault, &[real, between]);

    let own = super::root("own");
    let fault = ChainFault::UntrustedRoot { subject: "CN=own".into() };
    below_these(cases, "own-root", fault, &[root(), own]);

    let (first, second) = (super::root("first"), super::root("second"));
    let crossed = |issuer: &Authority, subject: &Authority| {
        let leaf = Leaf {
            subject: subject.certificate().subject(),
            public: subject.key().public(),
            validity: Validity::days_from(now(), 365),
            extensions: vec![Extension::basic_constraints(true).unwrap(), Extension::key_usage_authority().unwrap()],
        };
        Authority::from_parts(issuer.issue(&leaf, &mut OsRng).unwrap().der(), subject.key().clone()).unwrap()
    };
    let circle = [root(), crossed(&second, &first), crossed(&first, &second)];
    below_these(cases, "circle", ChainFault::Loop { issuer: "CN=second".into() }, &circle);
}
