//! The two Windows event logs, as far as provisioning writes to them.
//!
//! Ids, levels and parameter names are those of the providers' manifests; the fields keep the manifest's order.

use crate::base::{Hresult, SignedDuration, Timestamp, Uuid};
use crate::device::attest::AttestationStatus;
use crate::device::hardware::{Inputs, Provider};
use crate::device::prereq::Prerequisites;

/// A log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Log {
    /// `Microsoft-Windows-User Device Registration/Admin`.
    #[serde(rename = "Microsoft-Windows-User Device Registration/Admin")]
    UserDeviceRegistration,
    /// `Microsoft-Windows-HelloForBusiness/Operational`.
    #[serde(rename = "Microsoft-Windows-HelloForBusiness/Operational")]
    HelloForBusiness,
}

/// A level, as the manifests name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Level {
    /// Something happened.
    Information,
    /// Something did not start.
    Warning,
    /// Something failed.
    Error,
    /// The HelloForBusiness log's own level for an activity that ended well.
    Success,
}

/// One parameter of an event.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Field {
    /// The manifest's name.
    pub name: String,
    /// The value as text.
    pub value: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// The log it is written to.
    pub log: Log,
    /// Its number.
    pub id: u16,
    /// Its level.
    pub level: Level,
    /// When it happened.
    pub at: Timestamp,
    /// Its parameters, in the manifest's order.
    pub fields: Vec<Field>,
}

impl Event {
    fn new(log: Log, id: u16, level: Level, at: Timestamp, fields: Vec<(&str, String)>) -> Self {
        let fields = fields.into_iter().map(|(name, value)| Field { name: name.to_owned(), value }).collect();
        Self { log, id, level, at, fields }
    }

    /// The value of a parameter.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// 358 or 360: the prerequisite check passed, or nothing will start.
    pub(crate) fn prerequisites(at: Timestamp, report: &Prerequisites, passed: bool) -> Self {
        let (id, level, headline) = if passed {
            (358, Level::Information, "Windows Hello for Business provisioning will be launched.")
        } else {
            (360, Level::Warning, "Windows Hello for Business provisioning will not be launched.")
        };
        let mut fields = vec![("Message", headline.to_owned())];
        fields.extend(report.event_fields());
        Self::new(Log::UserDeviceRegistration, id, level, at, fields)
    }

    /// 300: a key was registered.
    pub(crate) fn key_registered(at: Timestamp, key: &RegisteredKey<'_>) -> Self {
        let fields = vec![
            ("KeyId", format!("{{{}}}", key.key_id)),
            ("UPN", key.upn.to_owned()),
            ("Attestation", attestation_word(key.attested).to_owned()),
            ("ClientRequestId", String::new()),
            ("ServerRequestId", key.server_request_id.to_owned()),
            ("ServerResponse", key.server_response.to_owned()),
        ];
        Self::new(Log::UserDeviceRegistration, 300, Level::Information, at, fields)
    }

    /// 301: the server did not register the key.
    pub(crate) fn registration_failed(
        at: Timestamp,
        code: Hresult,
        request_id: &str,
        message: &str,
        response: &str,
    ) -> Self {
        let fields = vec![
            ("ExitCode", code.to_string()),
            ("ClientRequestId", String::new()),
            ("ServerRequestId", request_id.to_owned()),
            ("ErrorCode", code.to_string()),
            ("ServerErrorMessage", message.to_owned()),
            ("RecommendedClientResponse", "ERROR_FAIL".to_owned()),
            ("ServerResponse", response.to_owned()),
        ];
        Self::new(Log::UserDeviceRegistration, 301, Level::Error, at, fields)
    }

    /// 350: what the device keeps of a registered key was written down. The values of level and status are inferred; those of type
    /// and name are not published.
    pub(crate) fn key_recorded(at: Timestamp, key: &RecordedKey<'_>) -> Self {
        let fields = vec![
            ("KeyId", format!("{{{}}}", key.key_id)),
            ("AttLevel", key.level.unwrap_or_default().to_owned()),
            ("AikStatus", key.status.to_string()),
            ("KeyType", String::new()),
            ("KeyName", String::new()),
            ("IdpDomain", "login.windows.net".to_owned()),
            ("TenantId", key.tenant.map_or_else(String::new, |tenant| tenant.to_string())),
            ("UserEmail", key.upn.to_owned()),
        ];
        Self::new(Log::UserDeviceRegistration, 350, Level::Information, at, fields)
    }

    /// 354: a request failed; the status is 0 where none came.
    pub(crate) fn request_failed(at: Timestamp, code: Hresult, http_status: u16, message: &str) -> Self {
        let fields = vec![
            ("ExitCode", code.to_string()),
            ("HttpStatus", http_status.to_string()),
            ("ServerMessage", message.to_owned()),
        ];
        Self::new(Log::UserDeviceRegistration, 354, Level::Error, at, fields)
    }

    /// 5555: what container creation decided from.
    pub(crate) fn hardware_decision(at: Timestamp, inputs: &Inputs, outcome: Result<Provider, Hresult>) -> Self {
        let fields = vec![
            // The values of this enumeration are not published.
            ("TpmSupport", String::new()),
            ("HardwarePolicy", u32::from(inputs.required).to_string()),
            ("IsTpm12Excluded", inputs.exclude_tpm12.to_string()),
            ("TpmVersion", inputs.version.number().to_string()),
            ("IsTpmFIPS", inputs.fips.to_string()),
            ("IsTpmLockedOut", inputs.locked_out.to_string()),
            ("IsKeyPregenPoolSatisfactory", inputs.pool_satisfactory.to_string()),
            ("KeyProvider", outcome.map_or(0, Provider::number).to_string()),
            ("Result", outcome.err().unwrap_or(Hresult::S_OK).to_string()),
        ];
        Self::new(Log::HelloForBusiness, 5555, Level::Information, at, fields)
    }

    /// 5225: the key was made by a provider.
    pub(crate) fn key_created(at: Timestamp, provider: Provider) -> Self {
        let fields = vec![("KeyProvider", provider.number().to_string()), ("Result", Hresult::S_OK.to_string())];
        Self::new(Log::HelloForBusiness, 5225, Level::Information, at, fields)
    }

    /// 5050: the pool got a key, or did not. That the elapsed time is in seconds, as every other one, is inferred.
    pub(crate) fn pool_filled(
        at: Timestamp,
        outcome: Result<(), Hresult>,
        available: usize,
        elapsed: SignedDuration,
    ) -> Self {
        let fields = vec![
            ("Result", outcome.err().unwrap_or(Hresult::S_OK).to_string()),
            ("NumberOfAvailableKeys", available.to_string()),
            ("ElapsedTime", format!("{:.3}", elapsed.as_secs_f64())),
        ];
        Self::new(Log::HelloForBusiness, 5050, Level::Information, at, fields)
    }

    /// The start of an activity: 3xxx.
    pub(crate) fn started(at: Timestamp, activity: Activity) -> Self {
        let fields = activity.scenario();
        Self::new(Log::HelloForBusiness, 3000 + activity.number(), Level::Information, at, fields)
    }

    /// The end of an activity that the user cancelled: 6xxx.
    pub(crate) fn cancelled(at: Timestamp, activity: Activity, since: Timestamp) -> Self {
        let ended = Self::ended(at, activity, since, Err(Hresult::NTE_USER_CANCELLED));
        Self { id: 6000 + activity.number(), level: Level::Warning, ..ended }
    }

    /// The end of an activity that began at `since`: 8xxx when it ended well, 7xxx with the code otherwise.
    pub(crate) fn ended(at: Timestamp, activity: Activity, since: Timestamp, outcome: Result<(), Hresult>) -> Self {
        let (base, level) = if outcome.is_ok() { (8000, Level::Success) } else { (7000, Level::Error) };
        let mut fields = activity.scenario();
        if let Err(code) = outcome {
            fields.push(("Error", code.to_string()));
        }
        let seconds = at.duration_since(since).as_secs_f64();
        fields.push(("ProcessingTime", format!("{seconds:.3}")));
        Self::new(Log::HelloForBusiness, base + activity.number(), level, at, fields)
    }
}

/// What event 300 tells about a registered key.
pub(crate) struct RegisteredKey<'a> {
    pub(crate) key_id: Uuid,
    pub(crate) upn: &'a str,
    pub(crate) attested: bool,
    pub(crate) server_request_id: &'a str,
    pub(crate) server_response: &'a str,
}

/// What event 350 tells about a registered key.
pub(crate) struct RecordedKey<'a> {
    pub(crate) key_id: Uuid,
    pub(crate) upn: &'a str,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) level: Option<&'a str>,
    pub(crate) status: AttestationStatus,
}

/// `Attestation` of event 300 for a key without an accepted statement: documented by Microsoft's sample.
pub const ATT_SOFT: &str = "ATT_SOFT";
/// `Attestation` of event 300 for an attested key; the sample's counterpart, never seen. \[inferred\]
pub const ATT_HARD: &str = "ATT_HARD";

fn attestation_word(attested: bool) -> &'static str {
    if attested { ATT_HARD } else { ATT_SOFT }
}

/// An activity of the HelloForBusiness log: its last three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// 045: the whole enrolment.
    Processing,
    /// 052: the pool hands out a key that was made in advance.
    PoolHandOut,
    /// 053: the pool makes a key.
    PoolGeneration,
    /// 225: key creation.
    KeyCreation,
    /// 510: key registration.
    KeyRegistration,
    /// 555: container creation.
    ContainerCreation,
    /// 601: a container is deleted because of a policy.
    ContainerDeletionByPolicy,
}

impl Activity {
    fn number(self) -> u16 {
        match self {
            Self::Processing => 45,
            Self::PoolHandOut => 52,
            Self::PoolGeneration => 53,
            Self::KeyCreation => 225,
            Self::KeyRegistration => 510,
            Self::ContainerCreation => 555,
            Self::ContainerDeletionByPolicy => 601,
        }
    }

    /// `HelloScenarioType` 0 is an enrolment; only the whole processing carries it.
    fn scenario(self) -> Vec<(&'static str, String)> {
        if self == Self::Processing { vec![("HelloScenarioType", "0".to_owned())] } else { Vec::new() }
    }
}

/// Collects events in the order in which they happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventLog(Vec<Event>);

impl EventLog {
    pub(crate) fn record(&mut self, event: Event) {
        self.0.push(event);
    }

    /// What was collected.
    pub fn events(&self) -> &[Event] {
        &self.0
    }

    /// Hands out what was collected and starts anew.
    pub fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.0)
    }

    /// The numbers, in order.
    pub fn ids(&self) -> Vec<u16> {
        self.0.iter().map(|event| event.id).collect()
    }
}

#[cfg(test)]
mod tests;
