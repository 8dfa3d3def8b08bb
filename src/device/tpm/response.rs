//! Response codes: what they mean here, and in words.

use tpm2_protocol::data::{TpmRc, TpmRcBase, TpmRcIndex};

use super::TpmError;

/// The meaning of a response code, whatever handle, session or parameter it points at.
///
/// TPM_RC_FAILURE stays what it says: libtpms 0.9.2 answers it to an OAEP ciphertext that does not open, and works on
/// (measured).
pub(super) fn judge(command: &'static str, code: u32) -> Result<(), TpmError> {
    let Ok(rc) = TpmRc::try_from(code) else {
        return Err(TpmError::Refused { command, code, words: words(code) });
    };
    Err(match rc.base() {
        TpmRcBase::Success => return Ok(()),
        TpmRcBase::AuthFail => TpmError::WrongCounted,
        TpmRcBase::BadAuth => TpmError::WrongUncounted,
        TpmRcBase::Lockout => TpmError::LockedOut,
        TpmRcBase::Hierarchy => TpmError::NotReady("a hierarchy that is needed is disabled"),
        TpmRcBase::Initialize => TpmError::NotReady("it was not started"),
        _ => TpmError::Refused { command, code, words: words(code) },
    })
}

/// The layer in the upper half of a code that the kernel's resource manager answers itself, such as 0x000B0143 for a command
/// that the TPM behind it does not have.
const RESOURCE_MANAGER: u32 = 0x000B_0000;

/// The code in the words of the specification, such as `TPM_RC_AUTH_FAIL (session 1)`.
pub(super) fn words(code: u32) -> String {
    if code & 0xFFFF_0000 == RESOURCE_MANAGER {
        return format!("{}, says the resource manager", words(code & 0xFFFF));
    }
    match TpmRc::try_from(code) {
        Ok(TpmRc::Fmt0(base) | TpmRc::Warn(base)) => base.to_string(),
        Ok(TpmRc::Fmt1(fmt1)) => match fmt1.index {
            None => fmt1.base.to_string(),
            Some(TpmRcIndex::Parameter(number)) => format!("{} (parameter {number})", fmt1.base),
            Some(TpmRcIndex::Handle(number)) => format!("{} (handle {number})", fmt1.base),
            Some(TpmRcIndex::Session(number)) => format!("{} (session {number})", fmt1.base),
        },
        Err(_) => "not a code of the specification".to_owned(),
    }
}

/// Whether the same command is to be sent again: the TPM did nothing yet (TPM 2.0 Part 2, section 6.6.3).
pub(super) fn is_transient(code: u32) -> bool {
    matches!(base(code), Some(TpmRcBase::Retry | TpmRcBase::Yielded | TpmRcBase::Testing | TpmRcBase::NvRate))
}

/// Whether the code says that a session is not there any more.
pub(super) fn is_session_lost(code: u32) -> bool {
    let referenced =
        matches!(base(code), Some(TpmRcBase::ReferenceS0 | TpmRcBase::ReferenceS1 | TpmRcBase::ReferenceS2));
    let handle = matches!(TpmRc::try_from(code), Ok(TpmRc::Fmt1(fmt1))
        if fmt1.base == TpmRcBase::Handle && matches!(fmt1.index, Some(TpmRcIndex::Session(_))));
    referenced || handle
}

/// Whether the error says that a handle names nothing.
pub(super) fn is_absent(error: &TpmError) -> bool {
    matches!(error, TpmError::Refused { code, .. } if matches!(base(*code), Some(TpmRcBase::Handle | TpmRcBase::ReferenceH0)))
}

fn base(code: u32) -> Option<TpmRcBase> {
    TpmRc::try_from(code).ok().map(|rc| rc.base())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(code: u32) -> String {
        judge("TPM2_Unseal", code).map_or_else(|error| error.to_string(), |()| "done".to_owned())
    }

    #[test]
    fn tells_counted_from_uncounted_wrong_authorizations() {
        for code in [0x08E, 0x98E, 0xA8E, 0x18E] {
            assert!(matches!(judge("TPM2_Unseal", code), Err(TpmError::WrongCounted)), "{code:#x}");
        }
        for code in [0x0A2, 0x9A2, 0xAA2] {
            assert!(matches!(judge("TPM2_Sign", code), Err(TpmError::WrongUncounted)), "{code:#x}");
        }
    }

    #[test]
    fn names_lockout_and_a_disabled_hierarchy() {
        assert!(matches!(judge("TPM2_Unseal", 0x921), Err(TpmError::LockedOut)));
        assert!(matches!(judge("TPM2_CreatePrimary", 0x185), Err(TpmError::NotReady(_))));
        assert!(matches!(judge("TPM2_CreatePrimary", 0x085), Err(TpmError::NotReady(_))));
        assert!(judge("TPM2_Sign", 0).is_ok());
    }

    #[test]
    fn says_any_other_code_in_words() {
        assert_eq!(judged(0x1D5), "TPM2_Unseal answered 0x1D5 (TPM_RC_SIZE (parameter 1))");
        assert_eq!(judged(0x902), "TPM2_Unseal answered 0x902 (TPM_RC_OBJECT_MEMORY)");
        assert_eq!(judged(0xB0143), "TPM2_Unseal answered 0xB0143 (TPM_RC_COMMAND_CODE, says the resource manager)");
        assert_eq!(judged(0xFFFF_FFF0), "TPM2_Unseal answered 0xFFFFFFF0 (not a code of the specification)");
    }

    #[test]
    fn only_a_promise_to_do_it_later_is_sent_again() {
        assert!([0x922, 0x908, 0x90A, 0x920].into_iter().all(is_transient));
        assert!(![0x921, 0x98E, 0, 0x902].into_iter().any(is_transient));
    }

    #[test]
    fn a_lost_session_is_not_a_lost_object() {
        assert!([0x918, 0x919, 0x98B].into_iter().all(is_session_lost));
        assert!(![0x18B, 0x910, 0x98E].into_iter().any(is_session_lost));
    }

    proptest::proptest! {
        #[test]
        fn every_code_has_words_and_one_meaning(code: u32) {
            for code in [code, code & 0xFFF, 0x000B_0000 | code & 0xFFFF] {
                assert!(!words(code).is_empty());
                assert_eq!(judge("TPM2_Sign", code).is_ok(), code == 0, "{code:#x}");
                assert!(!(is_transient(code) && is_session_lost(code)), "{code:#x}");
            }
        }
    }
}
