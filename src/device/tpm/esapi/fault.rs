//! What the library's errors mean here.

use tss_esapi::constants::response_code::Tss2ResponseCode;
use tss_esapi::{Error, WrapperErrorKind};

use crate::device::tpm::frame::malformed;
use crate::device::tpm::{TpmError, response};

/// Layers of libtss2 (TSS 2.0 Overview, section 3.1), in bits 16 to 23 of a code.
const LAYER: u32 = 0x00FF_0000;
const TPM: u32 = 0;
const ESYS: u32 = 0x0007_0000;
const TCTI: u32 = 0x000A_0000;
/// The resource manager's own answer, and a TPM's that it hands on.
const MANAGER: u32 = 0x000B_0000;
const MANAGED: u32 = 0x000C_0000;
/// TSS2_BASE_RC_RSP_AUTH_FAILED.
const HMAC_WRONG: u32 = 27;
/// TSS2_BASE_RC_BAD_SEQUENCE: the library still waits for the answer to a command that a lost connection took with it, and
/// takes no other command for as long as it lives (measured).
const STUCK: u32 = ESYS | 7;
/// TPM_RC_SIZE, without the number of a parameter.
const RC_SIZE: u32 = 0x095;

/// The error of `command`, in the words of the other backend.
pub(super) fn fault(command: &'static str, error: Error) -> TpmError {
    let code = match error {
        Error::Tss2Error(code) => number(code),
        // It never got to the TPM, which would have said the same: nothing is wrong with its answers.
        Error::WrapperError(WrapperErrorKind::WrongParamSize) => RC_SIZE,
        Error::WrapperError(_) => return malformed(command),
    };
    let judged = match code & LAYER {
        TPM | MANAGER => response::judge(command, code),
        MANAGED => response::judge(command, code & !LAYER),
        TCTI => return TpmError::Gone(format!("libtss2 lost the connection (0x{code:08X})")),
        _ if code == STUCK => return TpmError::Gone("libtss2 lost the connection before".to_owned()),
        _ if code & 0xFFFF == HMAC_WRONG => {
            return TpmError::Untrusted { command, reason: "its HMAC is wrong" };
        }
        _ => return TpmError::Refused { command, code, words: "an error of libtss2 itself".to_owned() },
    };
    judged.err().unwrap_or_else(|| malformed(command))
}

/// The refusal of a handle of another kind than `command` takes, which the library does not send either.
pub(super) fn misplaced(command: &'static str) -> TpmError {
    const RC_VALUE: u32 = 0x084;
    TpmError::Refused { command, code: RC_VALUE, words: response::words(RC_VALUE) }
}

/// The whole code: the crate shows it in the text of its error and in no other way.
fn number(code: Tss2ResponseCode) -> u32 {
    let text = match code {
        Tss2ResponseCode::Success => return 0,
        Tss2ResponseCode::FormatZero(code) => code.to_string(),
        Tss2ResponseCode::FormatOne(code) => code.to_string(),
    };
    text.rsplit_once("0x").and_then(|(_, digits)| u32::from_str_radix(digits, 16).ok()).unwrap_or(u32::MAX)
}
