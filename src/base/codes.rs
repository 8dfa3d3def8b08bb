//! The two families of codes that a Windows device and Entra ID answer with.
//!
//! An [`Hresult`] is what the device shows and logs, an [`Aadsts`] number what the token service
//! puts into `error_codes`. Values and causes: Microsoft's "Windows Hello errors during PIN creation"
//! and the Windows SDK for the first, the Entra error code list for the second. The words are ours.

mod find;
mod table;

use std::fmt;

pub use find::NotFound;
pub use table::Source;
use table::{Entry, TABLE};

/// A Windows status code. All that the crate names are in one table; another can only come out of a text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hresult(u32);

impl Hresult {
    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.code == self)
    }

    /// The number.
    pub const fn value(self) -> u32 {
        self.0
    }

    /// The SDK's symbol, or ours where Microsoft documents the number only (`DSREG_E_*`, `AAD_E_*`).
    pub fn symbol(self) -> &'static str {
        self.entry().map_or("UNKNOWN", |entry| entry.symbol)
    }

    /// What went wrong, in a few words.
    pub fn cause(self) -> &'static str {
        self.entry().map_or("unknown code", |entry| entry.cause)
    }

    /// Where the row comes from; `None` if the code is not in the table.
    pub fn source(self) -> Option<Source> {
        self.entry().map(|entry| entry.source)
    }

    /// What to do next.
    pub fn advice(self) -> &'static str {
        self.entry().map_or("look the code up in Microsoft's documentation", |entry| entry.advice)
    }

    /// Every code of the table, among them each that the crate can print.
    pub fn all() -> impl Iterator<Item = Hresult> {
        TABLE.iter().map(|entry| entry.code)
    }
}

impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08X}", self.0)
    }
}

impl fmt::Debug for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.symbol())
    }
}

impl From<Hresult> for String {
    fn from(code: Hresult) -> Self {
        code.to_string()
    }
}

/// The text is not `0x` and eight hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an HRESULT: expected 0x and eight hexadecimal digits")]
pub struct NotAnHresult;

impl TryFrom<String> for Hresult {
    type Error = NotAnHresult;

    fn try_from(text: String) -> Result<Self, NotAnHresult> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 8).ok_or(NotAnHresult)?;
        u32::from_str_radix(digits, 16).map(Hresult).map_err(|_| NotAnHresult)
    }
}

/// An error number of Entra's token service, without the `AADSTS` prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Aadsts(pub u32);

impl Aadsts {
    /// The user does not exist in the tenant.
    pub const USER_NOT_FOUND: Aadsts = Aadsts(50034);
    /// Wrong user name or password.
    pub const INVALID_PASSWORD: Aadsts = Aadsts(50126);
    /// Multi-factor authentication is required and was not done.
    pub const MFA_REQUIRED: Aadsts = Aadsts(50076);
    /// The user must enrol a second factor first.
    pub const MFA_ENROLMENT_REQUIRED: Aadsts = Aadsts(50079);
    /// Device authentication is required.
    pub const DEVICE_AUTHENTICATION_REQUIRED: Aadsts = Aadsts(50097);
    /// Device authentication failed.
    pub const DEVICE_AUTHENTICATION_FAILED: Aadsts = Aadsts(50155);
    /// The resource is not registered in the tenant.
    pub const INVALID_RESOURCE: Aadsts = Aadsts(50001);
    /// The token's issuer or tenant is not this one.
    pub const WRONG_TENANT: Aadsts = Aadsts(50020);
    /// The grant (code, refresh token, PRT) is invalid or expired.
    pub const INVALID_GRANT: Aadsts = Aadsts(70000);
    /// The grant type is not supported.
    pub const UNSUPPORTED_GRANT: Aadsts = Aadsts(70003);
    /// The code or refresh token has expired.
    pub const EXPIRED_GRANT: Aadsts = Aadsts(70008);
    /// The authorization code was used already.
    pub const CODE_REDEEMED: Aadsts = Aadsts(54005);
    /// The tenant does not exist.
    pub const TENANT_NOT_FOUND: Aadsts = Aadsts(90002);
    /// A required parameter is missing.
    pub const MISSING_PARAMETER: Aadsts = Aadsts(900144);
    /// The request cannot be read.
    pub const MALFORMED_REQUEST: Aadsts = Aadsts(9000410);
    /// No Hello key of that id is registered for the user.
    pub const NGC_KEY_NOT_FOUND: Aadsts = Aadsts(130004);
    /// The signature of the Hello assertion does not verify.
    pub const NGC_INVALID_SIGNATURE: Aadsts = Aadsts(130005);
    /// The device has no transport key.
    pub const NGC_TRANSPORT_KEY_NOT_FOUND: Aadsts = Aadsts(130006);
    /// The device of the Hello key is disabled.
    pub const NGC_DEVICE_DISABLED: Aadsts = Aadsts(130007);
    /// The device of the Hello key does not exist.
    pub const NGC_DEVICE_NOT_FOUND: Aadsts = Aadsts(130008);
    /// The nonce is unknown, used or too old.
    pub const INVALID_REQUEST_NONCE: Aadsts = Aadsts(140000);
    /// The request is not signed with the session key of its PRT.
    pub const INVALID_SESSION_KEY: Aadsts = Aadsts(140001);
}

impl fmt::Display for Aadsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AADSTS{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_row_of_its_own() {
        let codes: Vec<_> = Hresult::all().collect();
        let distinct: std::collections::HashSet<_> = codes.iter().collect();
        assert_eq!(codes.len(), distinct.len());
        for code in codes {
            assert!(!code.cause().is_empty() && !code.advice().is_empty(), "{code:?}");
        }
    }

    #[test]
    fn an_hresult_survives_its_text() {
        let text = String::from(Hresult::NTE_DEVICE_NOT_FOUND);
        assert_eq!(text, "0x80090035");
        assert_eq!(Hresult::try_from(text), Ok(Hresult::NTE_DEVICE_NOT_FOUND));
    }

    #[test]
    fn refuses_text_that_is_not_an_hresult() {
        for text in ["", "0x", "80090035", "0x8009003", "0x800900355", "0x8009003G"] {
            assert_eq!(Hresult::try_from(text.to_owned()), Err(NotAnHresult), "{text:?}");
        }
    }
}
