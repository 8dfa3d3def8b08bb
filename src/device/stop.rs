//! Why a flow may not go on: one name per reason, each with the code that Windows shows for it.

use crate::base::Hresult;
use crate::device::container::{Counter, UnlockFault};
use crate::device::keys::KeyError;
use crate::device::prereq::Prerequisites;
use crate::device::tpm::TpmError;

/// Where the fault lies; the command line derives its exit code from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopClass {
    /// Policy, server or PIN said no.
    Refused,
    /// The machine is not as it has to be.
    Environment,
    /// The TPM is locked out.
    LockedOut,
    /// Our fault.
    Bug,
}

/// A server's refusal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ServerRefusal {
    /// Which exchange it was.
    pub step: &'static str,
    /// HTTP status.
    pub status: u16,
    /// The server's name for it; empty when it gave none.
    pub code: String,
    /// The server's words, shortened.
    pub message: String,
    /// AADSTS numbers.
    pub aadsts: Vec<u32>,
    /// What a Windows device shows.
    pub hresult: Hresult,
}

/// Why a flow may not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// The user name is not `name@domain`.
    #[error("not a user principal name: expected name@domain")]
    NotAUpn,
    /// The device is joined already.
    #[error("the device is joined already")]
    AlreadyJoined,
    /// The device is not joined.
    #[error("the device is not joined")]
    NotJoined,
    /// The user has no PRT on this device.
    #[error("the user has no primary refresh token on this device")]
    NoPrt,
    /// The user's PRT has expired.
    #[error("the user's primary refresh token has expired")]
    PrtExpired,
    /// The automatic entry found a prerequisite missing: nothing starts, and there is no code.
    #[error("provisioning will not start: {}", .0.reasons())]
    WillNotProvision(Box<Prerequisites>),
    /// The user cancelled; the next session asks again.
    #[error("cancelled by the user; the next sign-in asks again")]
    Cancelled,
    /// With Intune the page during OOBE has no way out: Hello is set up before the desktop.
    #[error("Intune manages the device: during OOBE Hello has to be set up before the desktop, and there is no cancel")]
    NoCancel,
    /// Policy turns Hello off.
    #[error("policy turns Windows Hello for Business off")]
    Disabled(Hresult),
    /// The hardware decision.
    #[error("no key is made: {cause}", cause = .0.cause())]
    Hardware(Hresult),
    /// The decision is a TPM 1.2, which the lab does not have.
    #[error("the key would be made in the TPM 1.2, and the lab has no TPM 1.2 to make it in")]
    NoTpm12,
    /// The TPM was cleared, is another one, or was rolled back: what the device knows of it is no longer so.
    #[error("{error}")]
    OtherTpm {
        /// [`TpmError::Cleared`], [`TpmError::Swapped`] or [`TpmError::RolledBack`].
        error: TpmError,
        /// What Windows shows, by switch.
        code: Hresult,
    },
    /// The user has a container on this device.
    #[error("the user has a Hello container on this device already")]
    ContainerExists,
    /// The user has no container on this device.
    #[error("the user has no Hello container on this device")]
    NoContainer,
    /// A statement is wanted for a key that lives in software.
    #[error("the key lives in software: no TPM vouches for it")]
    SoftwareKey,
    /// The device has no attestation key whose certificate is valid now.
    #[error("the device has no attestation key that is current")]
    NoAik,
    /// What shows that the TPM made the attestation key was not made at its enrolment.
    #[error("how the TPM made the attestation key was not certified at its enrolment")]
    NoCreationClaim,
    /// The PIN is wrong.
    #[error("wrong PIN{}", counted(.0))]
    WrongPin(Option<Counter>),
    /// The TPM takes no PIN now.
    #[error("the TPM is locked out{}", counted(.0))]
    LockedOut(Option<Counter>),
    /// A key could not be made or used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The server said no.
    #[error("{step}: the server answered {status}{}", words(.0), step = .0.step, status = .0.status)]
    Server(Box<ServerRefusal>),
    /// The reply is not what it should be.
    #[error("{step}: {fault}")]
    Reply {
        /// Which exchange it was.
        step: &'static str,
        /// What is wrong with it.
        fault: ReplyFault,
    },
    /// A request could not be encoded.
    #[error("a request could not be encoded")]
    Encoding,
    /// The flow is over, or was given no reply.
    #[error("the flow was driven out of order")]
    Over,
}

/// What is wrong with a reply of status 2xx or 302.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyFault {
    /// Not JSON of the expected shape.
    #[error("the reply is not JSON of the expected shape")]
    Shape,
    /// A URL of discovery is not `https://host/path`.
    #[error("discovery names an endpoint that is not an https URL")]
    Endpoint,
    /// An identifier is not a GUID.
    #[error("the reply's identifier is not a GUID")]
    NotAGuid,
    /// The certificate cannot be read, or is not the one that the reply says it is.
    #[error("the certificate cannot be read, or its thumbprint is another one")]
    Certificate,
    /// The certificate is for another key.
    #[error("the certificate is for another key")]
    OtherKey,
    /// The session key is not wrapped as it should be, or not to this device.
    #[error("the session key cannot be unwrapped")]
    SessionKey,
    /// The tokens are for another user or tenant.
    #[error("the tokens are for another user or tenant")]
    OtherUser,
    /// The redirection carries no code.
    #[error("the redirection carries no authorization code")]
    NoCode,
    /// The redirection answers another request.
    #[error("the redirection answers another request")]
    State,
    /// The challenge does not open in this TPM.
    #[error("the AIK challenge does not open in this TPM")]
    Challenge,
}

fn counted(counter: &Option<Counter>) -> String {
    counter.map_or_else(String::new, |Counter { count, max }| format!("; the TPM has counted {count} of {max}"))
}

fn words(refusal: &ServerRefusal) -> String {
    let parts = [&refusal.code, &refusal.message];
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| format!(": {part}")).collect()
}

impl Stop {
    /// The code that a Windows device shows; where nothing starts, where nothing can be cancelled, and for a misuse of ours
    /// there is none.
    pub fn hresult(&self) -> Option<Hresult> {
        Some(match self {
            Self::WillNotProvision(_) | Self::NoCancel | Self::Encoding | Self::Over => return None,
            Self::Cancelled => Hresult::NTE_USER_CANCELLED,
            Self::NotAUpn => Hresult::NTE_INVALID_PARAMETER,
            Self::AlreadyJoined | Self::ContainerExists => Hresult::NTE_EXISTS,
            Self::NotJoined => Hresult::DSREG_E_NO_DEVICE_CERTIFICATE,
            Self::NoPrt | Self::PrtExpired => Hresult::DSREG_E_NO_DEVICE_ID,
            Self::Disabled(code) | Self::Hardware(code) | Self::OtherTpm { code, .. } => *code,
            Self::NoTpm12 => Hresult::NTE_NOT_SUPPORTED,
            Self::NoContainer => Hresult::NTE_NOT_FOUND,
            Self::SoftwareKey => Hresult::NTE_NOT_SUPPORTED,
            Self::NoAik | Self::NoCreationClaim => Hresult::DSREG_E_AIK_CERTIFICATE_INVALID,
            Self::WrongPin(_) => Hresult::NTE_INCORRECT_PASSWORD,
            Self::LockedOut(_) => Hresult::NTE_AUTHENTICATION_IGNORED,
            Self::Key(error) => error.hresult(),
            Self::Server(refusal) => refusal.hresult,
            Self::Reply { .. } => Hresult::DSREG_E_INVALID_RESPONSE,
        })
    }

    /// Where the fault lies.
    pub fn class(&self) -> StopClass {
        match self {
            Self::LockedOut(_) | Self::Key(KeyError::Tpm(TpmError::LockedOut)) => StopClass::LockedOut,
            Self::Key(_) | Self::OtherTpm { .. } | Self::NoTpm12 => StopClass::Environment,
            Self::Encoding | Self::Over => StopClass::Bug,
            _ => StopClass::Refused,
        }
    }
}

impl From<UnlockFault> for Stop {
    fn from(fault: UnlockFault) -> Self {
        match fault {
            UnlockFault::WrongPin(counter) => Self::WrongPin(counter),
            UnlockFault::LockedOut(counter) => Self::LockedOut(counter),
            UnlockFault::Key(error) => Self::Key(error),
        }
    }
}

impl From<TpmError> for Stop {
    fn from(error: TpmError) -> Self {
        Self::Key(KeyError::Tpm(error))
    }
}
