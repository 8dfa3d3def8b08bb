//! The hardware-requirement matrix: every TPM, in every condition, under every policy.
//!
//! A [`Case`] is a question, a [`Row`] its answer. Asking is the product's own path and happens elsewhere; here is what there is
//! to ask, and how an answer reads.

use crate::base::Hresult;
use crate::device::events::Event;
use crate::device::hardware::{Provider, TpmVersion};
use crate::device::prereq::PreReqResult;
use crate::device::tpm::Condition;

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Case {
    /// Which TPM the device has.
    pub tpm: TpmVersion,
    /// What state it is in.
    pub condition: Condition,
    /// `ExcludeSecurityDevices/TPM12`.
    pub exclude_tpm12: bool,
    /// `RequireSecurityDevice`; `None` is "not configured".
    pub require_security_device: Option<bool>,
}

/// The conditions of a TPM that is there. A TPM that is not has the single condition `ready`.
pub const CONDITIONS: [Condition; 4] = [Condition::Ready, Condition::NotReady, Condition::Fips, Condition::LockedOut];

/// The TPMs with their conditions, in the order of the rows.
pub fn beds() -> Vec<(TpmVersion, Condition)> {
    let there = [TpmVersion::V20, TpmVersion::V12].into_iter();
    let mut beds: Vec<_> =
        there.flat_map(|tpm| CONDITIONS.into_iter().map(move |condition| (tpm, condition))).collect();
    beds.push((TpmVersion::None, Condition::Ready));
    beds
}

/// What is asked of one TPM in one condition.
pub fn cases(tpm: TpmVersion, condition: Condition) -> Vec<Case> {
    let policies = [false, true]
        .into_iter()
        .flat_map(|exclude| [None, Some(false), Some(true)].into_iter().map(move |require| (exclude, require)));
    policies
        .map(|(exclude_tpm12, require_security_device)| Case { tpm, condition, exclude_tpm12, require_security_device })
        .collect()
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A key in the TPM.
    Hardware,
    /// A key in software.
    Software,
    /// No key.
    Blocked,
}

impl Outcome {
    /// In lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Software => "software",
            Self::Blocked => "blocked",
        }
    }
}

impl From<Provider> for Outcome {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Hardware => Self::Hardware,
            Provider::Software => Self::Software,
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The question.
    #[serde(flatten)]
    pub case: Case,
    /// What a session at its start would do.
    pub prereq: PreReqResult,
    /// What container and key creation came to.
    pub outcome: Outcome,
    /// The code of container creation, where it refused.
    pub hresult: Option<Hresult>,
    /// Whether the key was made, or refused, by the product's own path on that TPM. There is no TPM 1.2 to run.
    pub executed: bool,
    /// What of the TPM's state was laid over its answers, or said in its place.
    pub injected: Vec<&'static str>,
    /// Event 5555: what was decided from, and the decision.
    pub event: DecisionEvent,
}

/// Event 5555 with its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionEvent(Event);

impl DecisionEvent {
    /// Its number.
    pub const ID: u16 = 5555;

    /// The last one of some events.
    pub fn last_of(events: &[Event]) -> Option<Self> {
        events.iter().rev().find(|event| event.id == Self::ID).cloned().map(Self)
    }

    /// A field by its name in the manifest.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.field(name)
    }
}

impl serde::Serialize for DecisionEvent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(Some(self.0.fields.len() + 1))?;
        map.serialize_entry("id", &self.0.id)?;
        for field in &self.0.fields {
            map.serialize_entry(&field.name, &field.value)?;
        }
        map.end()
    }
}

/// What of the state of a TPM is not its own doing.
pub fn injected(tpm: TpmVersion, condition: Condition) -> Vec<&'static str> {
    match (tpm, condition) {
        (TpmVersion::V20, Condition::Fips) => vec!["TPM_PT_MODES"],
        (TpmVersion::V12, Condition::NotReady) => vec!["TpmVersion", "ready"],
        (TpmVersion::V12, Condition::Fips) => vec!["TpmVersion", "IsTpmFIPS"],
        (TpmVersion::V12, Condition::LockedOut) => vec!["TpmVersion", "IsTpmLockedOut"],
        (TpmVersion::V12, _) => vec!["TpmVersion"],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::device::hardware::HardwareState;

    #[test]
    fn there_are_54_questions_and_none_twice() {
        let all: Vec<Case> = beds().into_iter().flat_map(|(tpm, condition)| cases(tpm, condition)).collect();
        assert_eq!(all.len(), 54);
        for (index, case) in all.iter().enumerate() {
            assert!(!all[..index].contains(case), "{case:?}");
        }
    }

    #[test]
    fn an_answer_reads_as_one_object() {
        let case = cases(TpmVersion::None, Condition::Ready)[2];
        let inputs = HardwareState::absent().inputs(true, false);
        let refused = Err(Hresult::NTE_DEVICE_NOT_FOUND);
        let events = [Event::hardware_decision(Timestamp::UNIX_EPOCH, &inputs, refused)];
        let row = Row {
            case,
            prereq: PreReqResult::WillNotProvision,
            outcome: Outcome::Blocked,
            hresult: refused.err(),
            executed: true,
            injected: injected(case.tpm, case.condition),
            event: DecisionEvent::last_of(&events).unwrap(),
        };
        let expected = serde_json::json!({
            "tpm": "none", "condition": "ready", "exclude_tpm12": false, "require_security_device": true,
            "prereq": "WillNotProvision", "outcome": "blocked", "hresult": "0x80090035", "executed": true, "injected": [],
            "event": {
                "id": 5555, "TpmSupport": "", "HardwarePolicy": "1", "IsTpm12Excluded": "false", "TpmVersion": "0",
                "IsTpmFIPS": "false", "IsTpmLockedOut": "false", "IsKeyPregenPoolSatisfactory": "false",
                "KeyProvider": "0", "Result": "0x80090035",
            },
        });
        assert_eq!(serde_json::to_value(&row).unwrap(), expected);
    }
}
