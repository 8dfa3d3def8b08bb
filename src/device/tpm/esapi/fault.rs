//! What the library's errors mean here.

use tss_esapi::Error;
use tss_esapi::constants::response_code::Tss2ResponseCode;

use crate::device::tpm::frame::malformed;
use crate::device::tpm::{TpmError, response};

/// Layers of libtss2 (TSS 2.0 Overview, section 3.1), in bits 16 to 23 of a code.
const LAYER: u32 = 0x00FF_0000;
const TPM: u32 = 0;
const TCTI: u32 = 0x000A_0000;
/// The resource manager's own answer, and a TPM's that it hands on.
const MANAGER: u32 = 0x000B_0000;
const MANAGED: u32 = 0x000C_0000;
/// TSS2_BASE_RC_RSP_AUTH_FAILED.
const HMAC_WRONG: u32 = 27;

/// The error of `command`, in the words of the other backend.
pub(super) fn fault(command: &'static str, error: Error) -> TpmError {
    let Error::Tss2Error(code) = error else { return malformed(command) };
    let code = number(code);
    let judged = match code & LAYER {
        TPM | MANAGER => response::judge(command, code),
        MANAGED => response::judge(command, code & !LAYER),
        TCTI => return TpmError::Gone(format!("libtss2 lost the connection (0x{code:08X})")),
        _ if code & 0xFFFF == HMAC_WRONG => {
            return TpmError::Untrusted { command, reason: "its HMAC is wrong" };
        }
        _ => return TpmError::Refused { command, code, words: "an error of libtss2 itself".to_owned() },
    };
    judged.err().unwrap_or_else(|| malformed(command))
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
