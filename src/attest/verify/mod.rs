//! Judges a statement: an ordered list of checks, none of which needs a TPM, a network or a clock.

mod aik;
mod ek;
mod key;
mod made;
mod signer;
mod tpm;
mod words;

use super::chain::LONGEST_PATH;
use super::check::Check;
use super::fault::Fault;
use super::policy::Policy;
use super::profile::{self, EkFault, TpmIdentity};
use super::report::{Finding, KeyStrength, Level, Outcome, Report};
use super::statement::Statement;
use crate::base::Timestamp;
use crate::crypto::cert::{Certificate, CertificateError, RevocationList};
use crate::crypto::{PublicKey, has_roca_fingerprint};
use crate::wire::tpm::{Attest, Public, TpmFormat};
use words::{Words, shown};

/// What the verifier knows and wants, apart from the statement.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// What the statement must be made for.
    pub freshness: Freshness<'a>,
    /// Who asked for the credential, if it is one of WebAuthn; then the statement must have the client's side too.
    pub relying_party: Option<RelyingParty<'a>>,
    /// The key that is being registered; `None` for whatever key the statement is about.
    pub key: Option<&'a PublicKey>,
    /// The trusted roots of attestation keys.
    pub roots: &'a [Certificate],
    /// The trusted roots of endorsement keys: vendors of TPMs.
    pub vendors: &'a [Certificate],
    /// Revocation lists of any issuers. Certificates of an issuer without one are not checked for revocation.
    pub crls: &'a [RevocationList],
    /// The time at which certificates must be valid.
    pub at: Timestamp,
    /// What is wanted beyond what every statement has to fulfil.
    pub policy: &'a Policy,
}

/// What a statement must be made for.
#[derive(Debug, Clone, Copy)]
pub enum Freshness<'a> {
    /// `extraData` must be [`super::extra_data`] of these two.
    Bound {
        /// The nonce, as the verifier gave it out.
        nonce: &'a str,
        /// The key as it is registered.
        key_blob: &'a [u8],
    },
    /// `extraData` must be these bytes: the nonce of a KAST, the hash of WebAuthn section 8.3.
    Exactly {
        /// The nonce or challenge that the statement must name; empty where its form names none.
        nonce: &'a str,
        /// `extraData`.
        extra_data: &'a [u8],
    },
    /// A statement of any age will do.
    Off,
}

/// The relying party of a WebAuthn registration (WebAuthn section 7.1).
#[derive(Debug, Clone, Copy)]
pub struct RelyingParty<'a> {
    /// Its identifier: a domain.
    pub id: &'a str,
    /// The origin of its page.
    pub origin: &'a str,
    /// The model of authenticator, 16 bytes, which the attestation key's certificate may name.
    pub aaguid: &'a [u8],
}

/// Judges `statement`. The checks and their order are those of [`Check`]; a failed one stops none that can still be made. The
/// level is more than [`Level::None`] only if every one of them passed or was waived.
pub fn verify(statement: &Statement, expectation: &Expectation<'_>) -> Report {
    let evidence = Evidence::read(statement, expectation);
    let findings = CHECKS.iter().map(|(check, judge)| {
        let Judgement { outcome, expected, found } = judge(&evidence);
        Finding { check: *check, outcome, expected, found }
    });
    Report::new(evidence.claimed_level(), evidence.key_strength(), findings.collect())
}

type Judge = fn(&Evidence<'_>) -> Judgement;

const CHECKS: &[(Check, Judge)] = &[
    (Check::PublicArea, key::public_area),
    (Check::CertifyInfo, made::certify_info),
    (Check::Magic, made::magic),
    (Check::Type, made::type_),
    (Check::Nonce, made::nonce),
    (Check::RelyingParty, made::relying_party),
    (Check::ExtraData, made::extra_data),
    (Check::Clock, made::clock),
    (Check::Name, made::name),
    (Check::QualifiedName, made::qualified_name),
    (Check::SubjectKey, key::subject_key),
    (Check::FixedTpm, key::fixed_tpm),
    (Check::FixedParent, key::fixed_parent),
    (Check::SensitiveDataOrigin, key::sensitive_data_origin),
    (Check::NotRestricted, key::not_restricted),
    (Check::AuthPolicy, key::auth_policy),
    (Check::Attributes, key::attributes),
    (Check::Scheme, key::scheme),
    (Check::Strength, key::strength),
    (Check::Roca, key::roca),
    (Check::Certificates, aik::certificates),
    (Check::Algorithm, signer::algorithm),
    (Check::Signature, signer::signature),
    (Check::AikTemplate, signer::template),
    (Check::QualifiedSigner, signer::qualified_signer),
    (Check::AikCreation, signer::creation),
    (Check::AikVersion, aik::version),
    (Check::AikSubject, aik::subject),
    (Check::AikAlternativeName, aik::alternative_name),
    (Check::AikExtendedKeyUsage, aik::extended_key_usage),
    (Check::AikAuthority, aik::authority),
    (Check::AikAaguid, aik::aaguid),
    (Check::AikStrength, aik::strength),
    (Check::Chain, aik::chain),
    (Check::Assurance, aik::assurance),
    (Check::EkCertificates, ek::certificates),
    (Check::EkProfile, ek::profile),
    (Check::EkRoca, ek::roca),
    (Check::EkChain, ek::chain),
    (Check::SameTpm, ek::same_tpm),
    (Check::Vendor, tpm::vendor),
    (Check::Model, tpm::model),
    (Check::Firmware, tpm::firmware),
    (Check::Virtual, tpm::virtual_),
];

/// A certificate and its issuers.
type Chain = (Certificate, Vec<Certificate>);

/// The statement taken apart once, for all checks.
struct Evidence<'a> {
    statement: &'a Statement,
    expectation: &'a Expectation<'a>,
    subject: Result<(Public, PublicKey), TpmFormat>,
    attest: Result<Attest, TpmFormat>,
    /// The attestation key's certificate, and its issuers.
    chain: Result<Chain, Fault>,
    /// The endorsement key's, if they came along.
    ek: Option<Result<Chain, Fault>>,
    /// The TPM that the attestation key's certificate names.
    tpm: Option<TpmIdentity>,
    /// The one that the endorsement key's certificate names, if that has the profile.
    ek_tpm: Option<Result<TpmIdentity, EkFault>>,
    /// What the attestation key's certificate says about the endorsement key's.
    ek_was_verified: Option<bool>,
}

impl<'a> Evidence<'a> {
    fn read(statement: &'a Statement, expectation: &'a Expectation<'a>) -> Self {
        let subject =
            Public::from_bytes(&statement.public).and_then(|public| public.to_public_key().map(|key| (public, key)));
        let chain = read_chain(&statement.aik_chain, AIK_FAULTS).and_then(of_our_kind);
        let ek = (!statement.ek_chain.is_empty()).then(|| read_chain(&statement.ek_chain, EK_FAULTS));
        let aik = chain.as_ref().ok().map(|(aik, _)| aik);
        Self {
            statement,
            expectation,
            subject,
            attest: Attest::from_bytes(&statement.certify_info),
            tpm: aik.and_then(profile::tpm_of),
            ek_tpm: ek.as_ref().and_then(|read| read.as_ref().ok()).map(|(ek, _)| profile::ek_identity(ek)),
            ek_was_verified: aik.and_then(profile::ek_was_verified),
            chain,
            ek,
        }
    }

    fn policy(&self) -> &Policy {
        self.expectation.policy
    }

    /// Where nobody says how the endorsement key was verified, it was not.
    fn claimed_level(&self) -> Level {
        if self.ek_was_verified == Some(true) { Level::AikEk } else { Level::Aik }
    }

    fn key_strength(&self) -> KeyStrength {
        match &self.subject {
            Err(_) => KeyStrength::Unknown,
            Ok((_, key)) if is_roca(key) => KeyStrength::Weak,
            Ok(_) => KeyStrength::Normal,
        }
    }

    /// A key of another kind than this crate's own has no such fingerprint.
    fn judge_roca(&self, key: Option<&PublicKey>, fault: Fault) -> Judgement {
        let weak = key.is_some_and(is_roca);
        let found = if weak { "the fingerprint" } else { "none" };
        if self.policy().refuse_roca { Judgement::of(!weak, fault, "none", found) } else { Judgement::waived(found) }
    }

    fn aik(&self) -> Option<&Certificate> {
        self.chain.as_ref().ok().map(|(aik, _)| aik)
    }

    /// The attestation key, by its certificate.
    fn aik_key(&self) -> Option<&PublicKey> {
        self.aik().and_then(|aik| aik.public().ok())
    }
}

/// The fault for a number of certificates that no path has, and for one that cannot be read.
type ChainFaults = (fn(usize) -> Fault, fn(usize, CertificateError) -> Fault);

const AIK_FAULTS: ChainFaults =
    (|count| Fault::TooManyCertificates { count }, |index, why| Fault::CertificateMalformed { index, why });
const EK_FAULTS: ChainFaults =
    (|count| Fault::TooManyEkCertificates { count }, |index, why| Fault::EkCertificateMalformed { index, why });

fn read_chain(chain: &[Vec<u8>], (too_many, malformed): ChainFaults) -> Result<Chain, Fault> {
    let (first, rest) = chain.split_first().ok_or(Fault::NoCertificate)?;
    if chain.len() > LONGEST_PATH {
        return Err(too_many(chain.len()));
    }
    let read = |index: usize, der: &[u8]| Certificate::from_der(der).map_err(|why| malformed(index, why));
    let leaf = read(0, first)?;
    let issuers: Result<Vec<_>, Fault> = rest.iter().enumerate().map(|(index, der)| read(index + 1, der)).collect();
    Ok((leaf, issuers?))
}

/// An attestation key is of a kind that this crate knows; an endorsement key need not be, since nothing is verified with it.
fn of_our_kind(chain: Chain) -> Result<Chain, Fault> {
    let fault = chain.0.public().err().map(|why| Fault::CertificateMalformed { index: 0, why });
    fault.map_or(Ok(chain), Err)
}

fn is_roca(key: &PublicKey) -> bool {
    key.rsa().is_some_and(has_roca_fingerprint)
}

/// How one check went, with both sides in words.
struct Judgement {
    outcome: Outcome,
    expected: Words,
    found: Words,
}

impl Judgement {
    fn of(holds: bool, fault: Fault, expected: impl Into<Words>, found: impl Into<Words>) -> Self {
        let outcome = if holds { Outcome::Passed } else { Outcome::Failed(fault) };
        Self { outcome, expected: shown(expected), found: shown(found) }
    }

    fn passed(expected: impl Into<Words>, found: impl Into<Words>) -> Self {
        Self { outcome: Outcome::Passed, expected: shown(expected), found: shown(found) }
    }

    fn failed(fault: Fault, expected: impl Into<Words>, found: impl Into<Words>) -> Self {
        Self { outcome: Outcome::Failed(fault), expected: shown(expected), found: shown(found) }
    }

    fn waived(found: impl Into<Words>) -> Self {
        Self { outcome: Outcome::Waived, expected: "anything".into(), found: shown(found) }
    }

    /// The statement does not have what the check looks at, and nobody asked for it.
    fn absent() -> Self {
        Self::waived("not in the statement")
    }

    fn blocked() -> Self {
        Self { outcome: Outcome::Blocked, expected: "".into(), found: "".into() }
    }
}

#[cfg(test)]
mod tests;
