//! What the server makes of a key's attestation.

use serde_json::{Value, json};

use crate::attest::{self, Expectation, Level, Policy, Statement, verify};
use crate::base::Uuid;
use crate::crypto::PublicKey;
use crate::crypto::cert::Certificate;
use crate::wire::encoding::hex;
use crate::wire::kpp::KeyRequest;
use crate::wire::lab::{EK_ALREADY_KNOWN, LabAttestation};

use super::Entra;
use super::directory::Endorsement;
use super::nonce::{NonceFault, Purpose};
use super::refusal::{Failure, Refusal};
use super::rules::{Attestation, Freshness, KnownEk, Rules, VirtualTpm, WeakKey};

/// A judged registration; its nonce is still to be used up.
pub(crate) struct Judged {
    /// What is proven.
    pub(crate) level: Level,
    /// The report, for the directory; `null` without a statement.
    pub(crate) report: Value,
    nonce: Option<String>,
    /// Hexadecimal serial number of the attestation key's certificate.
    aik_serial: Option<String>,
}

impl Judged {
    /// Nothing was shown; `level` is what the client says itself.
    fn unproven(level: Level) -> Self {
        Self { level, report: Value::Null, nonce: None, aik_serial: None }
    }

    /// The endorsement key behind the statement, which must not vouch for another device where the rules say so. The directory
    /// asks once more when the key is stored; here it is asked so that a refused statement spends no nonce.
    pub(crate) async fn endorsement(&self, entra: &Entra, device: Uuid) -> Result<Option<Endorsement>, Failure> {
        let Some(serial) = &self.aik_serial else { return Ok(None) };
        let Some(ek) = entra.directory().endorsement_of(serial).await? else { return Ok(None) };
        let report_if_known = match entra.rules().known_ek {
            KnownEk::Report => Some(self.warned()),
            KnownEk::Refuse if entra.directory().endorses_another(&ek, device).await? => {
                return Err(Refusal::EkAlreadyKnown.into());
            }
            KnownEk::Refuse => None,
        };
        Ok(Some(Endorsement { ek, report_if_known }))
    }

    /// The report with a warning in it.
    fn warned(&self) -> String {
        let mut report = self.report.clone();
        if let Some(members) = report.as_object_mut() {
            members.insert("warnings".to_owned(), json!([EK_ALREADY_KNOWN]));
        }
        report.to_string()
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
    Statement::try_from(member).map_err(|_| Refusal::KeyAttestationMalformed)
}

/// Judges by the rules. What says itself that it is in software is refused first where hardware is required: that needs no
/// statement, so it holds where statements are ignored. A statement that was sent must hold, even where none is needed: a bad one that passed as `none`
/// would hide an attack.
pub(crate) fn judge(entra: &Entra, wanted: &KeyRequest, statement: Option<&Statement>) -> Result<Judged, Refusal> {
    if wanted.software && entra.rules().require_hardware {
        return Err(Refusal::KeyInSoftware);
    }
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
    let policy = policy(entra.rules());
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
    let aik = statement.aik_chain.first().and_then(|der| Certificate::from_der(der).ok());
    let aik_serial = aik.map(|aik| hex(aik.serial()));
    Ok(Judged { level: report.level(), report: serde_json::to_value(&report).unwrap_or_default(), nonce, aik_serial })
}

/// What the rules want of a statement. That on weak keys is asked of the user key before (`register::strength`); here it is for the
/// attestation key.
pub(crate) fn policy(rules: &Rules) -> Policy {
    Policy {
        exact_template: rules.exact_template,
        vendors: rules.vendors.clone(),
        virtual_tpm: rules.virtual_tpm == VirtualTpm::Allow,
        refuse_roca: rules.weak_key == WeakKey::Refuse,
        ..Policy::default()
    }
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
