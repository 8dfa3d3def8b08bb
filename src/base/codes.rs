//! The two families of codes that a Windows device and Entra ID answer with.
//!
//! An [`Hresult`] is what the device shows and logs, an [`Aadsts`] number what the token service
//! puts into `error_codes`. Values and causes: Microsoft's "Windows Hello errors during PIN creation"
//! and the Windows SDK for the first, the Entra error code list for the second. The words are ours.

use std::fmt;

/// A Windows status code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hresult(pub u32);

/// One row of the table behind [`Hresult`].
struct Entry {
    code: Hresult,
    symbol: &'static str,
    cause: &'static str,
    advice: &'static str,
}

macro_rules! hresults {
    ($($name:ident = $value:literal, $cause:literal, $advice:literal;)*) => {
        impl Hresult {
            $(#[doc = concat!("`", stringify!($value), "`: ", $cause, ".")]
            pub const $name: Hresult = Hresult($value);)*
        }
        const TABLE: &[Entry] = &[
            $(Entry { code: Hresult($value), symbol: stringify!($name), cause: $cause, advice: $advice },)*
        ];
    };
}

hresults! {
    S_OK = 0x0000_0000, "success", "nothing to do";
    NTE_BAD_DATA = 0x8009_0005, "stored data is damaged", "leave and join again";
    NTE_EXISTS = 0x8009_000F, "the container or key exists already", "remove it first, or sign in with it";
    NTE_PERM = 0x8009_0010, "access denied by the key provider", "run as the user who owns the key";
    NTE_NOT_FOUND = 0x8009_0011, "the container or key is missing, or its TPM was cleared", "provision again";
    NTE_FAIL = 0x8009_0020, "the key provider failed", "read the event log, then try again";
    NTE_INVALID_PARAMETER = 0x8009_0027, "invalid parameter", "correct the value named in the message";
    NTE_NOT_SUPPORTED = 0x8009_0029, "the TPM is not set up", "make the TPM ready, then sign out and in";
    NTE_INTERNAL_ERROR = 0x8009_002D, "internal error of the key provider", "read the event log";
    NTE_DEVICE_NOT_READY = 0x8009_0030, "the TPM is not ready", "make the TPM ready, then try again";
    NTE_AUTHENTICATION_IGNORED = 0x8009_0031, "the TPM is locked out after wrong PINs", "wait for the lockout to heal, or reset it with the lockout authorization";
    NTE_INCORRECT_PASSWORD = 0x8009_0033, "wrong PIN", "try again with the right PIN; the TPM counts";
    NTE_DEVICE_NOT_FOUND = 0x8009_0035, "policy requires a TPM and there is no usable one", "give the device a TPM, or set RequireSecurityDevice to false";
    NTE_USER_CANCELLED = 0x8009_0036, "cancelled by the user", "start again";
    NTE_PASSWORD_CHANGE_REQUIRED = 0x8009_0037, "the PIN must be changed", "change the PIN";
    TPM_E_PCP_IFX_RSA_KEY_CREATION_BLOCKED = 0x8029_041F, "the TPM makes weak RSA keys (CVE-2017-15361) and policy requires hardware", "update the TPM's firmware";
    TPM_20_E_LOCKOUT = 0x8028_0921, "the TPM is locked out", "wait for the lockout to heal, or reset it with the lockout authorization";
    TPM_20_E_AUTH_FAIL = 0x8028_008E, "wrong authorization; counted towards the lockout", "use the right PIN";
    TPM_20_E_BAD_AUTH = 0x8028_00A2, "wrong authorization; not counted", "the key blob and its authorization do not belong together";
    TBS_E_TPM_NOT_FOUND = 0x8028_400F, "no TPM", "give the device a TPM";
    DSREG_E_RESPONSE_MALFORMED = 0x801C_0001, "the registration service's reply is malformed", "check that the address is a registration service";
    DSREG_E_USER_NOT_AUTHENTICATED = 0x801C_0002, "the server could not authenticate the user", "get a new token";
    DSREG_E_QUOTA = 0x801C_000E, "registration quota reached", "remove a device of this user";
    DSREG_E_AIK_CERTIFICATE_INVALID = 0x801C_0010, "the AIK certificate is not valid or not trusted", "enrol the AIK again";
    DSREG_E_TRANSPORT_KEY_STATEMENT_INVALID = 0x801C_0011, "the transport key's attestation statement is not valid", "join again";
    DSREG_E_NO_DEVICE_CERTIFICATE = 0x801C_001B, "device certificate not found", "join the device first: `whfb join`";
    DSREG_E_INVALID_RESPONSE = 0x801C_03E9, "the server's response message is invalid", "check that the address is a registration service";
    DSREG_E_NOT_AUTHORIZED = 0x801C_03EA, "the server refused the user or the device", "read the server's message";
    DSREG_E_HTTP_STATUS = 0x801C_03EB, "unexpected HTTP status", "read the server's message";
    DSREG_E_SERVER_EXCEPTION = 0x801C_03EC, "unhandled exception of the server", "read the server's log";
    DSREG_E_MFA_REQUIRED = 0x801C_03ED, "fresh multi-factor authentication is needed and missing, or the request is invalid", "sign in with MFA again and repeat within ten minutes";
    DSREG_E_ATTESTATION_FAILED = 0x801C_03EE, "attestation failed", "read which check failed; a software key cannot be attested";
    DSREG_E_AIK_CERTIFICATE_EXPIRED = 0x801C_03EF, "the AIK certificate is no longer valid", "enrol the AIK again";
    DSREG_E_KEY_NOT_REGISTERED = 0x801C_03F0, "no key is registered for the user", "provision again";
    DSREG_E_NO_UPN = 0x801C_03F1, "the token has no UPN", "get a user token";
    DSREG_E_DIRECTORY = 0x801C_03F2, "the directory refused the key", "read the server's message";
    DSREG_E_NO_DEVICE_ID = 0x801C_044D, "the token has no device id", "join the device first, then get the token with its PRT";
}

impl Hresult {
    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.code == self)
    }

    /// The SDK's symbol, or ours where Microsoft documents the number only (`DSREG_E_*`).
    pub fn symbol(self) -> &'static str {
        self.entry().map_or("UNKNOWN", |entry| entry.symbol)
    }

    /// What went wrong, in a few words.
    pub fn cause(self) -> &'static str {
        self.entry().map_or("unknown code", |entry| entry.cause)
    }

    /// What to do next.
    pub fn advice(self) -> &'static str {
        self.entry().map_or("look the code up in Microsoft's documentation", |entry| entry.advice)
    }

    /// Every code that the crate can print.
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
