//! What can go wrong at the door of a TPM.

use crate::base::Hresult;

/// A failed TPM operation. Where the TPM answered, the code is its own (TPM 2.0 Part 2, section 6.6).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// A counted authorization was wrong (TPM_RC_AUTH_FAIL): one try is spent.
    #[error("wrong authorization; the TPM counted it")]
    WrongCounted,
    /// An authorization without dictionary-attack protection was wrong (TPM_RC_BAD_AUTH).
    #[error("wrong authorization; the TPM does not count this one")]
    WrongUncounted,
    /// The TPM refuses every counted authorization (TPM_RC_LOCKOUT).
    #[error("the TPM is locked out")]
    LockedOut,
    /// Same endorsement key, other storage root key: the TPM was cleared and the keys below it are gone.
    #[error("the TPM was cleared: its storage root key is not the one this device pinned")]
    Cleared,
    /// Other endorsement key: this is another TPM.
    #[error("this is another TPM: its endorsement key is not the one this device pinned")]
    Swapped,
    /// Same keys, but its count of starts or its clock went back: an older state was put back, and with it an older count of
    /// wrong PINs.
    #[error("the TPM was rolled back: it has been started more often, or been on for longer, than it says")]
    RolledBack,
    /// A hierarchy that is needed is disabled, or the TPM does not start.
    #[error("the TPM is not ready: {0}")]
    NotReady(&'static str),
    /// The transport ended or answered nothing within its bound.
    #[error("the TPM is gone: {0}")]
    Gone(String),
    /// The answer's HMAC, nonce or form is wrong: something sits between us and the TPM.
    #[error("the answer to {command} cannot be trusted: {reason}")]
    Untrusted {
        /// The command, as TPM 2.0 Part 3 names it.
        command: &'static str,
        /// Which check failed.
        reason: &'static str,
    },
    /// Any other response code.
    #[error("{command} answered 0x{code:03X} ({words})")]
    Refused {
        /// The command, as TPM 2.0 Part 3 names it.
        command: &'static str,
        /// The response code.
        code: u32,
        /// The response code in words.
        words: String,
    },
    /// The operation is not done on a TPM that we did not start.
    #[error("{0} is not done on a TPM that whfb did not start")]
    Guest(&'static str),
    /// The backend has no way to do it.
    #[error("the backend {backend} cannot {verb}")]
    Gap {
        /// The backend and its version.
        backend: &'static str,
        /// What was asked, beginning with a verb.
        verb: &'static str,
    },
    /// No TPM could be started or opened.
    #[error("{0}")]
    Unavailable(String),
}

impl TpmError {
    /// The code that a Windows device shows for it.
    pub fn hresult(&self) -> Hresult {
        match self {
            Self::WrongCounted => Hresult::TPM_20_E_AUTH_FAIL,
            Self::WrongUncounted => Hresult::TPM_20_E_BAD_AUTH,
            Self::LockedOut => Hresult::NTE_AUTHENTICATION_IGNORED,
            Self::Cleared | Self::Swapped => Hresult::NTE_NOT_FOUND,
            Self::RolledBack => Hresult::NTE_DEVICE_NOT_READY,
            Self::NotReady(_) | Self::Gap { .. } => Hresult::NTE_NOT_SUPPORTED,
            Self::Gone(_) | Self::Unavailable(_) => Hresult::TBS_E_TPM_NOT_FOUND,
            Self::Untrusted { .. } | Self::Refused { .. } => Hresult::NTE_FAIL,
            Self::Guest(_) => Hresult::NTE_PERM,
        }
    }
}
