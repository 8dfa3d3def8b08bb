//! What an attempt to attest came to, in the words of Windows' KeyCredential.

use std::fmt;

use crate::device::flow::Miss;
use crate::device::keys::KeyError;
use crate::device::stop::Stop;

/// `KeyCredentialAttestationStatus` (protocol.md 6.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum AttestationStatus {
    /// There is a statement.
    Success,
    /// There is none, and trying again will not make one.
    UnknownError,
    /// No TPM holds the key.
    NotSupported,
    /// The AIK service or the nonce service is away: trying again later may make one.
    TemporaryFailure,
}

impl AttestationStatus {
    /// The number that Windows gives it.
    pub fn number(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::UnknownError => 1,
            Self::NotSupported => 2,
            Self::TemporaryFailure => 3,
        }
    }

    /// What an attempt came to that stopped there.
    pub fn of(stop: &Stop) -> Self {
        match stop {
            Stop::SoftwareKey | Stop::Key(KeyError::NoTpm) => Self::NotSupported,
            Stop::Server(refusal) if refusal.status >= 500 => Self::TemporaryFailure,
            _ => Self::UnknownError,
        }
    }

    /// What an attempt came to whose request was not answered.
    pub fn of_miss(miss: Miss) -> Self {
        match miss {
            Miss::Away => Self::TemporaryFailure,
            Miss::Broken => Self::UnknownError,
        }
    }
}

impl fmt::Display for AttestationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// How the last attempt to have a registered key attested ended, and how often it was tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attempts {
    /// How it ended.
    pub status: AttestationStatus,
    /// Failed attempts after the registration, `NumOfAttRetry` of Windows (behaviour.md 4.3). That a success takes it back to 0 is
    /// \[inferred\].
    pub retries: u32,
}

impl Attempts {
    /// The one that belongs to the registration.
    pub(crate) fn first(status: AttestationStatus) -> Self {
        Self { status, retries: 0 }
    }

    /// One more, after those before it.
    pub(crate) fn again(before: Option<Self>, status: AttestationStatus) -> Self {
        let retries = before.map_or(0, |before| before.retries);
        let retries = if status == AttestationStatus::Success { 0 } else { retries.saturating_add(1) };
        Self { status, retries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Hresult;
    use crate::device::stop::{ReplyFault, ServerRefusal};
    use crate::device::tpm::TpmError;

    fn answered(status: u16) -> Stop {
        let hresult = Hresult::DSREG_E_SERVER_EXCEPTION;
        let (code, message, aadsts) = (String::new(), String::new(), Vec::new());
        Stop::Server(Box::new(ServerRefusal { step: "AIK challenge", status, code, message, aadsts, hresult }))
    }

    #[test]
    fn a_service_that_is_away_is_worth_another_attempt_and_nothing_else_is() {
        for status in [500, 502, 503, 599] {
            assert_eq!(AttestationStatus::of(&answered(status)), AttestationStatus::TemporaryFailure, "{status}");
        }
        for stop in [
            answered(404),
            answered(499),
            Stop::Reply { step: "AIK challenge", fault: ReplyFault::Challenge },
            Stop::Key(KeyError::Tpm(TpmError::Gone("x".into()))),
            Stop::NoAik,
            Stop::WrongPin(None),
        ] {
            assert_eq!(AttestationStatus::of(&stop), AttestationStatus::UnknownError, "{stop}");
        }
        for stop in [Stop::SoftwareKey, Stop::Key(KeyError::NoTpm)] {
            assert_eq!(AttestationStatus::of(&stop), AttestationStatus::NotSupported, "{stop}");
        }
        assert_eq!(AttestationStatus::of_miss(Miss::Away), AttestationStatus::TemporaryFailure);
        assert_eq!(AttestationStatus::of_miss(Miss::Broken), AttestationStatus::UnknownError);
    }

    #[test]
    fn numbers_and_names_are_those_of_windows() {
        use AttestationStatus::{NotSupported, Success, TemporaryFailure, UnknownError};
        let all = [Success, UnknownError, NotSupported, TemporaryFailure];
        assert_eq!(all.map(AttestationStatus::number), [0, 1, 2, 3]);
        assert_eq!(serde_json::to_string(&TemporaryFailure).unwrap(), "\"TemporaryFailure\"");
        assert_eq!(TemporaryFailure.to_string(), "TemporaryFailure");
    }

    #[test]
    fn retries_are_counted_until_one_succeeds() {
        let mut attempts = Some(Attempts::first(AttestationStatus::TemporaryFailure));
        for retries in 1..=3 {
            attempts = Some(Attempts::again(attempts, AttestationStatus::TemporaryFailure));
            assert_eq!(attempts.unwrap().retries, retries);
        }
        assert_eq!(Attempts::again(attempts, AttestationStatus::Success).retries, 0);
        let most = Attempts { retries: u32::MAX, status: AttestationStatus::UnknownError };
        assert_eq!(Attempts::again(Some(most), AttestationStatus::UnknownError), most);
    }
}
