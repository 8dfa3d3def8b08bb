//! The table behind [`Hresult`], in the order of behaviour.md 4.5: what a device shows while a PIN is made, then the layers
//! below it.

use std::fmt;

use super::Hresult;

/// Where a row of the table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Microsoft's "Windows Hello errors during PIN creation" has the number and its cause.
    Documented,
    /// The Windows SDK has number and symbol; cause and advice are ours.
    SymbolOnly,
}

impl Source {
    /// The tag: `documented` or `symbol only`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::SymbolOnly => "symbol only",
        }
    }
}

/// The tag and what it means.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self {
            Self::Documented => "Microsoft, \"Windows Hello errors during PIN creation\"",
            Self::SymbolOnly => "Windows SDK; cause and advice are ours",
        };
        write!(f, "{} ({meaning})", self.name())
    }
}

/// One row.
pub(super) struct Entry {
    pub(super) code: Hresult,
    pub(super) symbol: &'static str,
    pub(super) source: Source,
    pub(super) cause: &'static str,
    pub(super) advice: &'static str,
}

/// What Microsoft's page advises before anything else, and all that it has for most codes.
const FIRST_AID: &str = "try again; sign out and in; restart the device; leave and join again, in this order";

macro_rules! hresults {
    ($($name:ident = $value:literal, $source:ident, $cause:literal, $advice:expr;)*) => {
        impl Hresult {
            $(#[doc = concat!("`", stringify!($value), "`: ", $cause, ".")]
            pub const $name: Hresult = Hresult($value);)*
        }
        pub(super) const TABLE: &[Entry] = &[
            $(Entry {
                code: Hresult($value),
                symbol: stringify!($name),
                source: Source::$source,
                cause: $cause,
                advice: $advice,
            },)*
        ];
    };
}

hresults! {
    S_OK = 0x0000_0000, SymbolOnly, "success", "nothing to do";
    NTE_BAD_DATA = 0x8009_0005, Documented, "stored data is damaged", "leave and join again";
    NTE_EXISTS = 0x8009_000F, Documented, "the container or key exists already", "remove it first, or sign in with it";
    NTE_PERM = 0x8009_0010, Documented, "access denied by the key provider", "run as the user who owns the key; else restart the device, or leave and join again";
    NTE_NOT_FOUND = 0x8009_0011, Documented, "the container or key is missing, or its TPM was cleared", "provision again";
    NTE_BAD_KEYSET = 0x8009_0016, SymbolOnly, "the key cannot be opened: it is missing, or of another TPM", "provision again";
    NTE_FAIL = 0x8009_0020, Documented, "the key provider failed", "read the event log, then try again; sign out and in; restart the device";
    NTE_INVALID_PARAMETER = 0x8009_0027, Documented, "invalid parameter", "correct the value named in the message; it is the caller's fault";
    NTE_NOT_SUPPORTED = 0x8009_0029, Documented, "the TPM is not set up", "make the TPM ready (tpm.msc, as an administrator), then sign out and in";
    NTE_NO_MORE_ITEMS = 0x8009_002A, Documented, "no more items by the symbol, no memory by Microsoft's page on PIN creation", "close programs that take up memory, then try again";
    NTE_INTERNAL_ERROR = 0x8009_002D, Documented, "internal error of the key provider", "read the event log, then restart the device and try again";
    NTE_DEVICE_NOT_READY = 0x8009_0030, SymbolOnly, "the TPM is not ready", "make the TPM ready, then try again";
    NTE_AUTHENTICATION_IGNORED = 0x8009_0031, Documented, "the TPM is locked out after wrong PINs", "wait for the lockout to heal, or reset it with the lockout authorization";
    NTE_INCORRECT_PASSWORD = 0x8009_0033, SymbolOnly, "wrong PIN", "try again with the right PIN; the TPM counts";
    NTE_DEVICE_NOT_FOUND = 0x8009_0035, Documented, "policy requires a TPM and there is no usable one", "give the device a TPM, or set RequireSecurityDevice to false";
    NTE_USER_CANCELLED = 0x8009_0036, Documented, "cancelled by the user", "start again";
    NTE_PASSWORD_CHANGE_REQUIRED = 0x8009_0037, SymbolOnly, "the PIN must be changed", "change the PIN";
    NTE_NOT_ACTIVE_CONSOLE = 0x8009_0038, SymbolOnly, "the session is not at the console", "sign in at the device itself, not by remote desktop";
    E_INVALIDARG = 0x8007_0057, Documented, "invalid argument", FIRST_AID;
    WININET_E_CLIENT_AUTH_CERT_NEEDED = 0x8007_2F0C, Documented, "unknown to Microsoft's page; by the symbol a server asked for a client certificate", "see whether a proxy or firewall on the way inspects TLS; then first aid: try again, restart the device";
    WININET_E_DECODING_FAILED = 0x8007_2F8F, Documented, "the clocks of device and server disagree", "set the device's clock, then try again";
    DSREG_E_RESPONSE_MALFORMED = 0x801C_0001, Documented, "the registration service's reply is malformed", "check that the address is a registration service and that no proxy answers for it";
    DSREG_E_USER_NOT_AUTHENTICATED = 0x801C_0002, Documented, "the server could not authenticate the user", "get a new token: sign out and in";
    DSREG_E_USER_NOT_AUTHORIZED = 0x801C_0003, Documented, "the user may not enroll", "let the user join devices, in the tenant's device settings";
    DSREG_E_SERVICE_EXCEPTION = 0x801C_0006, Documented, "unhandled exception of the registration service", FIRST_AID;
    DSREG_E_REDIRECT_NOT_TRUSTED = 0x801C_000B, Documented, "redirected to a server that is not well known", "check the name of the registration service, and what proxy and name resolution make of it";
    DSREG_E_DISCOVERY_FAILED = 0x801C_000C, Documented, "the registration service was not discovered", "check the network and that the user's domain is one of the tenant";
    DSREG_E_QUOTA = 0x801C_000E, Documented, "registration quota reached", "remove a device of this user, or raise the quota";
    DSREG_E_RESTART_NEEDED = 0x801C_000F, Documented, "done, but the device must restart", "restart the device";
    DSREG_E_AIK_CERTIFICATE_INVALID = 0x801C_0010, Documented, "the AIK certificate is not valid or not trusted", "enrol the AIK again";
    DSREG_E_TRANSPORT_KEY_STATEMENT_INVALID = 0x801C_0011, Documented, "the transport key's attestation statement is not valid", "join again";
    DSREG_E_DISCOVERY_MALFORMED = 0x801C_0012, Documented, "the discovery request is malformed", "sign out and in, then try again";
    DSREG_E_NO_TENANT_ID = 0x801C_0013, Documented, "the token has no tenant id", "get a new token: sign out and in; else leave and join again";
    DSREG_E_NO_USER_SID = 0x801C_0014, Documented, "the token has no SID of the user", "get a new token: sign out and in; else leave and join again";
    DSREG_E_NOT_DOMAIN_JOINED = 0x801C_0015, Documented, "the device must be joined to an Active Directory domain", "join it to the domain, or use the cloud-only deployment";
    DSREG_E_FEDERATION_CONFIG_EMPTY = 0x801C_0016, Documented, "the federation provider's configuration is empty", "read the provider's FPURL.xml: it must not be empty";
    DSREG_E_FEDERATION_DOMAIN_EMPTY = 0x801C_0017, Documented, "the federation provider's domain is empty", "read the provider's FPURL.xml: FPDOMAINNAME must not be empty";
    DSREG_E_CLIENT_CONFIG_URL_EMPTY = 0x801C_0018, Documented, "the federation provider's client configuration has no URL", "read the provider's FPURL.xml: CLIENTCONFIG must be a URL";
    DSREG_E_CLIENT_CONFIG_EMPTY = 0x801C_0019, Documented, "the federation provider's client configuration is empty", "read what the URL in CLIENTCONFIG gives; then first aid: try again, restart the device";
    DSREG_E_DRS_ENDPOINT_EMPTY = 0x801C_001A, Documented, "the client configuration names no registration service", "read what the URL in CLIENTCONFIG gives; then first aid: try again, restart the device";
    DSREG_E_NO_DEVICE_CERTIFICATE = 0x801C_001B, Documented, "device certificate not found", "join the device first: `whfb join`";
    DSREG_NO_DEFAULT_ACCOUNT = 0x801C_004D, Documented, "there is no default account of the web account manager to get the token with", "sign out and in with the work account; else leave and join again";
    DSREG_E_INVALID_RESPONSE = 0x801C_03E9, Documented, "the server's response message is invalid", "check that the address is a registration service";
    DSREG_E_NOT_AUTHORIZED = 0x801C_03EA, Documented, "the server refused the user or the device", "read the server's message";
    DSREG_E_HTTP_STATUS = 0x801C_03EB, Documented, "unexpected HTTP status", "read the server's message";
    DSREG_E_SERVER_EXCEPTION = 0x801C_03EC, Documented, "unhandled exception of the server", "read the server's log; else sign out and in";
    DSREG_E_MFA_REQUIRED = 0x801C_03ED, Documented, "fresh multi-factor authentication is needed and missing, or the request is invalid", "sign in with MFA again and repeat within ten minutes";
    DSREG_E_ATTESTATION_FAILED = 0x801C_03EE, Documented, "attestation failed", "read which check failed; a software key cannot be attested";
    DSREG_E_AIK_CERTIFICATE_EXPIRED = 0x801C_03EF, Documented, "the AIK certificate is no longer valid", "enrol the AIK again";
    DSREG_E_KEY_NOT_REGISTERED = 0x801C_03F0, Documented, "no key is registered for the user", "provision again";
    DSREG_E_NO_UPN = 0x801C_03F1, Documented, "the token has no UPN", "get a user token";
    DSREG_E_DIRECTORY = 0x801C_03F2, Documented, "the directory refused the key; two objects may share a proxyAddresses value", "read the server's message, then look for the duplicate";
    DSREG_E_NO_CORE_WINDOW = 0x801C_044C, Documented, "the thread has no core window to ask the user in", FIRST_AID;
    DSREG_E_NO_DEVICE_ID = 0x801C_044D, Documented, "the token has no device id", "join the device first, then get the token with its PRT";
    DSREG_E_NO_CREDENTIAL_INPUT = 0x801C_044E, Documented, "the user's credentials did not arrive", "sign out and in, then try again";
    DSREG_E_ACCOUNT_SWITCHED = 0x801C_0451, Documented, "the user's token is of another account", "remove the token broker's account files of this user, then restart the device";
    AAD_E_HTTP_FORBIDDEN = 0xCAA3_0193, Documented, "HTTP status 403, by the server or by a proxy or firewall on the way", "find out who answered, and let the request pass";
    STATUS_NOT_SUPPORTED = 0xC000_00BB, Documented, "the domain controller cannot do this sign-in; never in a cloud-only deployment", "sign in another way, and look at the certificate of the domain controller";
    TPM_20_E_LOCKOUT = 0x8028_0921, SymbolOnly, "the TPM is locked out", "wait for the lockout to heal, or reset it with the lockout authorization";
    TPM_20_E_AUTH_FAIL = 0x8028_008E, SymbolOnly, "wrong authorization; counted towards the lockout", "use the right PIN";
    TPM_20_E_BAD_AUTH = 0x8028_00A2, SymbolOnly, "wrong authorization; not counted", "the key blob and its authorization do not belong together";
    TPM_E_AUTHFAIL = 0x8028_0001, SymbolOnly, "wrong authorization, by a TPM 1.2", "use the right PIN";
    TPM_E_DEFEND_LOCK_RUNNING = 0x8028_0803, SymbolOnly, "a TPM 1.2 defends itself against guessing", "wait; how long is up to the TPM's maker";
    TPM_E_PCP_DEVICE_NOT_READY = 0x8029_0401, SymbolOnly, "the platform crypto provider has no TPM that is ready", "make the TPM ready, then try again";
    TPM_E_PCP_AUTHENTICATION_FAILED = 0x8029_0408, SymbolOnly, "the platform crypto provider was given a wrong PIN", "try again with the right PIN; the TPM counts";
    TPM_E_PCP_AUTHENTICATION_IGNORED = 0x8029_0409, SymbolOnly, "the platform crypto provider's TPM is locked out", "wait for the lockout to heal, or reset it with the lockout authorization";
    TPM_E_PCP_VALIDATION_FAILED = 0x8029_040C, SymbolOnly, "a signature or certificate did not verify in the platform crypto provider", "enrol the AIK again, or make the key again";
    TPM_E_PCP_KEY_NOT_AIK = 0x8029_0419, SymbolOnly, "the key is no AIK", "enrol the AIK again";
    TPM_E_PCP_IFX_RSA_KEY_CREATION_BLOCKED = 0x8029_041F, SymbolOnly, "the TPM makes weak RSA keys (CVE-2017-15361) and policy requires hardware", "update the TPM's firmware";
    TBS_E_TPM_NOT_FOUND = 0x8028_400F, SymbolOnly, "no TPM", "give the device a TPM";
}
