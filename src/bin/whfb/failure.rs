//! Why a command did not do what was asked: cause, code, next step, and the exit code.

use serde_json::{Value, json};
use whfb::base::Hresult;
use whfb::device::StoreError;
use whfb::device::stop::{Stop, StopClass};
use whfb::device::tpm::TpmError;
use whfb::entra::server::StartError;
use whfb::entra::{Broken, OpenError};
use whfb::link::{DirectError, Halt, LinkError};

/// Who or what is at fault; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Policy, a server or a verdict said no; or the PIN is wrong.
    Refused,
    /// What was typed makes no sense here.
    Usage,
    /// Something that this machine should have is missing, taken or gone.
    Environment,
    /// The TPM takes no PIN now.
    LockedOut,
    /// We are wrong.
    Bug,
}

impl Class {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::LockedOut => 4,
            Self::Bug => 70,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Usage => "usage",
            Self::Environment => "environment",
            Self::LockedOut => "locked-out",
            Self::Bug => "bug",
        }
    }
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    pub(crate) message: String,
    pub(crate) hresult: Option<Hresult>,
    pub(crate) next: Option<String>,
    /// Facts for programs, beside the text.
    pub(crate) details: Value,
}

impl Failure {
    pub(crate) fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hresult: None, next: None, details: Value::Null }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, message)
    }

    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self::new(Class::Environment, message)
    }

    /// With a code, whose advice is the next step unless another is given.
    pub(crate) fn coded(mut self, code: Hresult) -> Self {
        self.hresult = Some(code);
        self.next.get_or_insert_with(|| code.advice().to_owned());
        self
    }

    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }

    pub(crate) fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// The object behind `error` in JSON output.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = json!({"class": self.class.name(), "exit": self.class.exit_code(), "message": self.message});
        if let Some(code) = self.hresult {
            object["hresult"] = code.to_string().into();
            object["symbol"] = code.symbol().into();
        }
        if let Some(next) = &self.next {
            object["next"] = next.as_str().into();
        }
        if !self.details.is_null() {
            object["details"] = self.details.clone();
        }
        object
    }
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Stop(stop) => stop.into(),
            Halt::Link(error) => error.into(),
        }
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        Self::environment(error.to_string()).next("look at the server: whfb serve")
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        let class = match stop.class() {
            StopClass::Refused => Class::Refused,
            StopClass::Environment => Class::Environment,
            StopClass::LockedOut => Class::LockedOut,
            StopClass::Bug => Class::Bug,
        };
        let mut failure = Self::new(class, stop.to_string());
        if let Some(code) = stop.hresult() {
            failure = failure.coded(code);
        }
        match &stop {
            Stop::Server(refusal) => failure.details(json!({"server": refusal})),
            Stop::WrongPin(Some(counter)) | Stop::LockedOut(Some(counter)) => {
                failure.details(json!({"lockout": counter}))
            }
            Stop::WillNotProvision(prerequisites) => failure
                .next("mend what the report says, then begin the session again")
                .details(json!({"failed": prerequisites.failed()})),
            _ => failure,
        }
    }
}

impl From<TpmError> for Failure {
    fn from(error: TpmError) -> Self {
        Stop::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::environment(error.to_string());
        match error {
            StoreError::NoDevice(_) => {
                Self { class: Class::Usage, ..failure }.next("list the devices: whfb device list")
            }
            StoreError::NotEmpty(_) => Self { class: Class::Usage, ..failure },
            StoreError::Busy(_) => failure.next("wait for the other whfb, or end it"),
            StoreError::OtherVersion { .. } => {
                failure.next("use the whfb that made it, or remove the device and make it again")
            }
            _ => failure,
        }
    }
}

impl From<DirectError> for Failure {
    fn from(error: DirectError) -> Self {
        match error {
            DirectError::Open(error) => error.into(),
            DirectError::Runtime(error) => Self::environment(format!("no runtime: {error}")),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::ApproverUnknown(_) => Self::usage(error.to_string())
                .next("name a user of the tenant: --approve-device-code alice@contoso.example"),
            _ => Self::environment(error.to_string()).next("name another state directory: whfb --state DIR ..."),
        }
    }
}

impl From<Broken> for Failure {
    fn from(error: Broken) -> Self {
        Self::environment(format!("the tenant's directory: {error}"))
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let failure = Self::environment(error.to_string());
        match error {
            StartError::NotLoopback(_) => {
                Self { class: Class::Usage, ..failure }.next("name a loopback address: --listen 127.0.0.1:8443")
            }
            StartError::AddressTaken(_) => {
                failure.next("end the other process, or let a free port be picked: --listen 127.0.0.1:0")
            }
            _ => failure,
        }
    }
}
