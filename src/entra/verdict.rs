//! What the server makes of a key's attestation.

use serde_json::Value;

use crate::attest::{self, Expectation, Level, Policy, Statement, verify};
use crate::crypto::PublicKey;
use crate::wire::encoding::from_base64;
use crate::wire::kpp::KeyRequest;
use crate::wire::lab::LabAttestation;

use super::Entra;
use super::nonce::{NonceFault, Purpose};
use super::refusal::{Failure, Refusal};
use super::rules::{Attestation, Freshness};

/// A judged registration; its nonce is still to be used up.
pub(crate) struct Judged {
    /// What is proven.
    pub(crate) level: Level,
    /// The report, for the directory; `null` without a statement.
    pub(crate) report: Value,
    nonce: Option<String>,
}

impl Judged {
    /// Nothing was shown; `level` is what the client says itself.
    fn unproven(level: Level) -> Self {
        Self { level, report: Value::Null, nonce: None }
    }

    /// Uses the statement's nonce up. Last before the key is stored, so that a refused statement spends none.
    pub(crate) async fn consume_nonce(&self, entra: &Entra) -> Result<(), Failure> {
        match &self.nonce {
            None => Ok(()),
            Some(nonce) => Ok(entra.consume_nonce(Purpose::Registration, nonce).await?.map_err(of_nonce)?),
        }
    }
}

fn of_nonce(fault: NonceFault) -> Refusal {
    match fault {
        NonceFault::Foreign => Refusal::AttestationNonceForeign,
        NonceFault::Expired => Refusal::AttestationNonceExpired,
        NonceFault::Replayed => Refusal::AttestationNonceReplayed,
    }
}

/// Reads the lab's member as a statement.
pub(crate) fn statement(member: &LabAttestation) -> Result<Statement, Refusal> {
    let chain: Result<Vec<_>, _> = member.aik_chain.iter().map(|text| from_base64(text)).collect();
    Ok(Statement {
        public: member.public.clone(),
        certify_info: member.certify_info.clone(),
        signature: member.signature.clone(),
        aik_chain: chain.map_err(|_| Refusal::KeyAttestationMalformed)?,
        nonce: member.nonce.clone(),
        ..Statement::default()
    })
}

/// Judges by the rules. A statement that was sent must hold, even where none is needed: a bad one that passed as `none`
/// would hide an attack.
pub(crate) fn judge(entra: &Entra, wanted: &KeyRequest, statement: Option<&Statement>) -> Result<Judged, Refusal> {
    let mode = entra.rules().attestation;
    let needed = match mode {
        Attestation::Ignore => return Ok(Judged::unproven(Level::None)),
        Attestation::Record => Level::None,
        Attestation::RequireAik => Level::Aik,
        Attestation::RequireEk => Level::AikEk,
    };
    let Some(statement) = statement else {
        let level = if wanted.software { Level::Software } else { Level::None };
        return if needed == Level::None { Ok(Judged::unproven(level)) } else { Err(Refusal::AttestationMissing) };
    };
    let judged = verdict(entra, wanted, statement)?;
    if judged.level >= needed { Ok(judged) } else { Err(Refusal::AttestationLevelTooLow) }
}

fn verdict(entra: &Entra, wanted: &KeyRequest, statement: &Statement) -> Result<Judged, Refusal> {
    let nonce = recognized_nonce(entra, statement)?;
    let freshness = match &nonce {
        Some(nonce) => attest::Freshness::Bound { nonce, key_blob: &wanted.blob },
        None => attest::Freshness::Off,
    };
    // The rule on weak keys has been asked before (`register::strength`).
    let policy = Policy { exact_template: entra.rules().exact_template, refuse_roca: false, ..Policy::default() };
    let report = verify(
        statement,
        &Expectation {
            freshness,
            relying_party: None,
            key: Some(&PublicKey::Rsa(wanted.key.clone())),
            roots: std::slice::from_ref(entra.keys().aik.certificate()),
            vendors: entra.vendor_roots(),
            crls: &[],
            at: entra.now(),
            policy: &policy,
        },
    );
    if report.level() == Level::None {
        return Err(Refusal::from(&report));
    }
    Ok(Judged { level: report.level(), report: serde_json::to_value(&report).unwrap_or_default(), nonce })
}

/// The statement's nonce, if it has one; without one the rules decide.
fn recognized_nonce(entra: &Entra, statement: &Statement) -> Result<Option<String>, Refusal> {
    if statement.nonce.is_empty() {
        return match entra.rules().attestation_freshness {
            Freshness::Required => Err(Refusal::AttestationNonceMissing),
            Freshness::None => Ok(None),
        };
    }
    entra.recognize_nonce(Purpose::Registration, &statement.nonce).map_err(of_nonce)?;
    Ok(Some(statement.nonce.clone()))
}
