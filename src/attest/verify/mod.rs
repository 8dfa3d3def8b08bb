//! Judges a statement: an ordered list of checks, none of which needs a TPM, a network or a clock.

mod aik;
mod key;

use super::chain::LONGEST_PATH;
use super::check::{Check, Fault};
use super::report::{Finding, Level, Outcome, Report};
use super::statement::Statement;
use crate::base::Timestamp;
use crate::crypto::PublicKey;
use crate::crypto::cert::Certificate;
use crate::wire::tpm::{Attest, Public, TpmFormat};

/// What the verifier knows and wants, apart from the statement.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The nonce that the statement must be made for.
    pub freshness: Freshness<'a>,
    /// The key that is being registered.
    pub key: &'a PublicKey,
    /// Whether attributes, scheme and symmetric algorithm must be exactly those of the Windows template. \[inferred\]: public
    /// samples are of other keys of the same provider.
    pub exact_template: bool,
    /// The trusted roots.
    pub roots: &'a [Certificate],
    /// The time at which certificates must be valid.
    pub at: Timestamp,
}

/// Whether a statement must be made for this registration.
#[derive(Debug, Clone, Copy)]
pub enum Freshness<'a> {
    /// `extraData` must be [`super::extra_data`] of these two.
    Bound {
        /// The nonce, as the verifier gave it out.
        nonce: &'a str,
        /// The key as it is registered.
        key_blob: &'a [u8],
    },
    /// A statement of any age will do.
    Off,
}

/// Judges `statement`. The checks and their order are those of [`Check`]; a failed one stops none that can still be made. The
/// level is more than [`Level::None`] only if every one of them passed or was waived.
pub fn verify(statement: &Statement, expectation: &Expectation<'_>) -> Report {
    let evidence = Evidence::read(statement, expectation);
    let findings = CHECKS.iter().map(|(check, judge)| {
        let Judgement { outcome, expected, found } = judge(&evidence);
        Finding { check: *check, outcome, expected, found }
    });
    Report::new(evidence.claimed_level(), findings.collect())
}

type Judge = fn(&Evidence<'_>) -> Judgement;

const CHECKS: &[(Check, Judge)] = &[
    (Check::PublicArea, key::public_area),
    (Check::CertifyInfo, key::certify_info),
    (Check::Magic, key::magic),
    (Check::Type, key::type_),
    (Check::Nonce, key::nonce),
    (Check::ExtraData, key::extra_data),
    (Check::Name, key::name),
    (Check::SubjectKey, key::subject_key),
    (Check::FixedTpm, key::fixed_tpm),
    (Check::FixedParent, key::fixed_parent),
    (Check::SensitiveDataOrigin, key::sensitive_data_origin),
    (Check::NotRestricted, key::not_restricted),
    (Check::AuthPolicy, key::auth_policy),
    (Check::Attributes, key::attributes),
    (Check::Scheme, key::scheme),
    (Check::Strength, key::strength),
    (Check::Certificates, aik::certificates),
    (Check::Signature, aik::signature),
    (Check::AikVersion, aik::version),
    (Check::AikSubject, aik::subject),
    (Check::AikAlternativeName, aik::alternative_name),
    (Check::AikExtendedKeyUsage, aik::extended_key_usage),
    (Check::AikAuthority, aik::authority),
    (Check::Chain, aik::chain),
    (Check::Assurance, aik::assurance),
];

/// The statement taken apart once, for all checks.
struct Evidence<'a> {
    statement: &'a Statement,
    expectation: &'a Expectation<'a>,
    subject: Result<(Public, PublicKey), TpmFormat>,
    attest: Result<Attest, TpmFormat>,
    /// The attestation key's certificate, and its issuers.
    chain: Result<(Certificate, Vec<Certificate>), Fault>,
}

impl<'a> Evidence<'a> {
    fn read(statement: &'a Statement, expectation: &'a Expectation<'a>) -> Self {
        let subject =
            Public::from_bytes(&statement.public).and_then(|public| public.to_public_key().map(|key| (public, key)));
        let attest = Attest::from_bytes(&statement.certify_info);
        Self { statement, expectation, subject, attest, chain: read_chain(&statement.aik_chain) }
    }

    fn claimed_level(&self) -> Level {
        match self.aik().and_then(super::profile::ek_was_verified) {
            Some(true) => Level::AikEk,
            Some(false) => Level::Aik,
            None => Level::None,
        }
    }

    fn aik(&self) -> Option<&Certificate> {
        self.chain.as_ref().ok().map(|(aik, _)| aik)
    }
}

fn read_chain(chain: &[Vec<u8>]) -> Result<(Certificate, Vec<Certificate>), Fault> {
    let (first, rest) = chain.split_first().ok_or(Fault::NoCertificate)?;
    if chain.len() > LONGEST_PATH {
        return Err(Fault::TooManyCertificates { count: chain.len() });
    }
    let read = |index: usize, der: &[u8]| Certificate::from_der(der).map_err(|_| Fault::CertificateMalformed { index });
    let aik = read(0, first)?;
    aik.public().map_err(|_| Fault::CertificateMalformed { index: 0 })?;
    let issuers: Result<Vec<_>, Fault> = rest.iter().enumerate().map(|(index, der)| read(index + 1, der)).collect();
    Ok((aik, issuers?))
}

/// How one check went, with both sides in words.
struct Judgement {
    outcome: Outcome,
    expected: String,
    found: String,
}

impl Judgement {
    fn of(holds: bool, fault: Fault, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let outcome = if holds { Outcome::Passed } else { Outcome::Failed(fault) };
        Self { outcome, expected: shown(expected), found: shown(found) }
    }

    fn waived(found: impl Into<String>) -> Self {
        Self { outcome: Outcome::Waived, expected: "anything".into(), found: shown(found) }
    }

    fn blocked() -> Self {
        Self { outcome: Outcome::Blocked, expected: String::new(), found: String::new() }
    }
}

/// A report must not leave a side blank: an empty field is a finding too.
fn shown(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() { "(empty)".into() } else { text }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
