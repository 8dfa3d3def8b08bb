//! The table: name, status, dialect with its code, text.

use super::{Dialect, Entry};
use crate::base::{Aadsts, Hresult};

macro_rules! refusals {
    ($($name:ident = $status:literal $dialect:ident $(($($argument:expr),*))?, $text:literal;)*) => {
        /// A check that failed, by its exact name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $(#[doc = $text] $name,)*
        }

        impl Refusal {
            /// Every refusal.
            pub const ALL: &[Refusal] = &[$(Self::$name,)*];

            /// Its exact name, which is also the machine-readable code of every dialect but OAuth's and Graph's.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// How it is answered.
            pub fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry { status: $status, dialect: $dialect($($($argument),*)?), text: $text },)*
                }
            }
        }
    };
}

#[expect(non_snake_case, reason = "reads as the dialect in the table below")]
const fn Oauth(error: &'static str, number: Aadsts) -> Dialect {
    Dialect::Oauth { error, number }
}

#[expect(non_snake_case, reason = "reads as the dialect in the table below")]
const fn Key(hresult: Hresult) -> Dialect {
    Dialect::Key { hresult }
}

#[expect(non_snake_case, reason = "reads as the dialect in the table below")]
const fn Join() -> Dialect {
    Dialect::Join { hresult: None }
}

#[expect(non_snake_case, reason = "reads as the dialect in the table below")]
const fn JoinAttestation(hresult: Hresult) -> Dialect {
    Dialect::Join { hresult: Some(hresult) }
}

#[expect(non_snake_case, reason = "reads as the dialect in the table below")]
const fn Graph(code: &'static str) -> Dialect {
    Dialect::Graph { code }
}

#[expect(non_snake_case, reason = "reads as the dialect in the table below")]
const fn Lab() -> Dialect {
    Dialect::Lab
}

/// Device used during the authentication is disabled.
const DEVICE_DISABLED: Aadsts = Aadsts(135_011);
/// The user's session is not known: nobody is signed in.
const NO_SESSION: Aadsts = Aadsts(50_058);
/// The first version of the key derivation is no longer taken.
const KDF_V1: Aadsts = Aadsts(5_000_611);
/// The redirect address does not match.
const REDIRECT: Aadsts = Aadsts(50_011);
/// The client is not known, or not the one that the grant is for.
const CLIENT: Aadsts = Aadsts(700_016);
/// The assertion is malformed or not valid now.
const ASSERTION: Aadsts = Aadsts(50_013);
/// Response type not supported.
const RESPONSE_TYPE: Aadsts = Aadsts(70_005);

refusals! {
    // --- no service at all
    HostUnknown = 404 Lab, "no service answers under this host name";
    PathUnknown = 404 Lab, "no service answers under this path";
    BodyTooLarge = 413 Lab, "the request body is larger than one mebibyte";
    RequestTooSlow = 408 Lab, "the request took too long";
    BodyUnreadable = 400 Lab, "the request body ended too early";

    // --- the token service
    TenantUnknown = 400 Oauth("invalid_request", Aadsts::TENANT_NOT_FOUND), "the tenant does not exist";
    GrantTypeMissing = 400 Oauth("invalid_request", Aadsts::MISSING_PARAMETER), "grant_type is missing";
    GrantTypeUnsupported = 400 Oauth("unsupported_grant_type", Aadsts::UNSUPPORTED_GRANT), "this grant_type is not supported";
    ParameterMissing = 400 Oauth("invalid_request", Aadsts::MISSING_PARAMETER), "a required parameter is missing";
    ParameterRepeated = 400 Oauth("invalid_request", Aadsts(90_100)), "a parameter is given twice";
    ResourceUnknown = 400 Oauth("invalid_resource", Aadsts::INVALID_RESOURCE), "the resource is not registered in the tenant";
    UserUnknown = 400 Oauth("invalid_grant", Aadsts::USER_NOT_FOUND), "the user does not exist in the tenant";
    PasswordWrong = 400 Oauth("invalid_grant", Aadsts::INVALID_PASSWORD), "wrong user name or password";
    CodeMalformed = 400 Oauth("invalid_grant", Aadsts::INVALID_GRANT), "the authorization code is not one of this server";
    CodeExpired = 400 Oauth("invalid_grant", Aadsts::EXPIRED_GRANT), "the authorization code has expired";
    CodeRedeemed = 400 Oauth("invalid_grant", Aadsts::CODE_REDEEMED), "the authorization code was used already";
    CodeOfAnotherClient = 400 Oauth("invalid_grant", CLIENT), "the authorization code is for another client";
    CodeRedirectDiffers = 400 Oauth("invalid_grant", REDIRECT), "the redirect address is not that of the authorization code";
    ScopeUnreadable = 400 Oauth("invalid_scope", Aadsts(70_011)), "the scope names no resource, or more than one";
    ClaimsMalformed = 400 Oauth("invalid_request", Aadsts::MALFORMED_REQUEST), "the claims parameter is not a JSON object";
    RefreshTokenMalformed = 400 Oauth("invalid_grant", Aadsts::INVALID_GRANT), "the refresh token is not one of this server";
    RefreshTokenExpired = 400 Oauth("invalid_grant", Aadsts::EXPIRED_GRANT), "the refresh token has expired";
    RefreshTokenRevoked = 400 Oauth("invalid_grant", Aadsts::INVALID_GRANT), "the refresh token was revoked";
    RefreshTokenOfAnotherClient = 400 Oauth("invalid_grant", CLIENT), "the refresh token is for another client";
    RefreshTokenOfAnotherDevice = 400 Oauth("invalid_grant", Aadsts::INVALID_GRANT), "the refresh token is of another device";
    CodeVerifierWrong = 400 Oauth("invalid_grant", Aadsts(501_481)), "the code_verifier does not match the code_challenge of the authorization code";
    ChallengeMethodUnsupported = 400 Oauth("invalid_request", Aadsts(501_491)), "the code_challenge is not of the method S256, or not 43 characters long";
    ResponseModeUnsupported = 400 Oauth("invalid_request", Aadsts(70_007)), "this response_mode is not supported";
    MfaRequired = 400 Oauth("interaction_required", Aadsts::MFA_REQUIRED), "fresh multi-factor authentication is asked for, and there was none";
    MfaExpired = 400 Oauth("interaction_required", Aadsts(50_078)), "fresh multi-factor authentication is asked for, and the one there was is too long ago";
    CodeResourceDiffers = 400 Oauth("invalid_grant", Aadsts::INVALID_RESOURCE), "the resource is not that of the authorization code";

    // --- device codes (RFC 8628 section 3.5)
    DeviceCodePending = 400 Oauth("authorization_pending", Aadsts(70_016)), "the user has not approved the device code yet";
    DeviceCodeExpired = 400 Oauth("expired_token", Aadsts(70_019)), "the device code has expired";
    DeviceCodeDeclined = 400 Oauth("authorization_declined", Aadsts(65_004)), "the user declined the device code";
    DeviceCodeUnknown = 400 Oauth("bad_verification_code", Aadsts(70_018)), "the device code is not one of this server";
    DeviceCodeOfAnotherClient = 400 Oauth("invalid_grant", CLIENT), "the device code is for another client";
    DeviceCodeRedeemed = 400 Oauth("invalid_grant", Aadsts::CODE_REDEEMED), "the device code was used already";
    UserCodeMissing = 400 Oauth("invalid_request", Aadsts(90_119)), "no code was typed";
    UserCodeUnknown = 400 Oauth("invalid_request", Aadsts(70_018)), "no device shows this code";
    DeviceCodeAnswered = 400 Oauth("invalid_request", Aadsts(90_120)), "the device code was approved or declined already";

    // --- signing in on a page
    LoginMalformed = 400 Oauth("invalid_request", Aadsts::MALFORMED_REQUEST), "the page's hidden field is not one of this server";
    LoginExpired = 400 Oauth("invalid_grant", Aadsts(50_089)), "the page was open for too long";
    MfaAnswerMissing = 400 Oauth("invalid_request", Aadsts::MISSING_PARAMETER), "the second factor was neither approved nor denied, and no code was typed";
    MfaDenied = 400 Oauth("interaction_required", Aadsts(50_074)), "the user denied the second factor";
    MfaCodeWrong = 400 Oauth("interaction_required", Aadsts(50_074)), "the code of the second factor is wrong";

    // --- signed requests of a device
    SignedRequestMalformed = 400 Oauth("invalid_request", Aadsts::MALFORMED_REQUEST), "the signed request is not a compact JWS of the right shape";
    SignedRequestUnsupported = 400 Oauth("invalid_request", Aadsts::UNSUPPORTED_GRANT), "a signed request needs RS256 with x5c";
    CertificateMissing = 400 Oauth("invalid_grant", Aadsts::DEVICE_AUTHENTICATION_REQUIRED), "the signed request has no x5c";
    CertificateMalformed = 400 Oauth("invalid_grant", Aadsts::DEVICE_AUTHENTICATION_FAILED), "the certificate in x5c cannot be read, or x5c holds too many";
    CertificateForeign = 400 Oauth("invalid_grant", Aadsts::DEVICE_AUTHENTICATION_FAILED), "the certificate in x5c was not issued by this tenant";
    CertificateExpired = 400 Oauth("invalid_grant", Aadsts::DEVICE_AUTHENTICATION_FAILED), "the certificate in x5c is not valid now";
    SignedRequestSignature = 400 Oauth("invalid_grant", Aadsts::DEVICE_AUTHENTICATION_FAILED), "the signed request's signature does not verify under its certificate";
    DeviceUnknown = 400 Oauth("invalid_grant", Aadsts::DEVICE_AUTHENTICATION_FAILED), "the device does not exist";
    DeviceDisabled = 400 Oauth("invalid_grant", DEVICE_DISABLED), "the device is disabled";
    PeerRequestUnsupported = 400 Oauth("invalid_request", Aadsts::MALFORMED_REQUEST), "a peer-to-peer certificate needs cert_token_use device_cert and a PKCS#10 request";
    PeerRequestMalformed = 400 Oauth("invalid_request", Aadsts::MALFORMED_REQUEST), "csr is not a base64 certification request that its own key signed";
    PeerRequestOtherKey = 400 Oauth("invalid_grant", Aadsts::DEVICE_AUTHENTICATION_FAILED), "the certification request is for another key than the device's";
    PeerNamesInvalid = 400 Oauth("invalid_request", Aadsts::MALFORMED_REQUEST), "dns_names holds no host names, none, or too many";
    DeviceTokenUnsupported = 400 Oauth("invalid_resource", Aadsts(221_000)), "the resource takes no token for a device alone";
    TransportKeyMissing = 400 Oauth("invalid_grant", Aadsts::NGC_TRANSPORT_KEY_NOT_FOUND), "the device has no usable transport key";
    NonceMissing = 400 Oauth("invalid_grant", Aadsts::INVALID_REQUEST_NONCE), "request_nonce is missing";
    NonceForeign = 400 Oauth("invalid_grant", Aadsts::INVALID_REQUEST_NONCE), "the nonce is not one of this server";
    NonceExpired = 400 Oauth("invalid_grant", Aadsts::INVALID_REQUEST_NONCE), "the nonce is too old";
    NonceReplayed = 400 Oauth("invalid_grant", Aadsts::INVALID_REQUEST_NONCE), "the nonce was used already";
    ScopeWrong = 400 Oauth("invalid_scope", Aadsts(70_011)), "a PRT request needs the scopes aza and openid";

    // --- the Hello assertion
    AssertionMissing = 400 Oauth("invalid_grant", ASSERTION), "the Hello assertion is missing";
    AssertionMalformed = 400 Oauth("invalid_grant", ASSERTION), "the Hello assertion is not a compact JWS of the right shape";
    AssertionNotForHello = 400 Oauth("invalid_grant", ASSERTION), "the assertion's header is not RS256 with use ngc and a kid";
    AssertionNotYetValid = 400 Oauth("invalid_grant", ASSERTION), "the Hello assertion is not valid yet";
    AssertionExpired = 400 Oauth("invalid_grant", ASSERTION), "the Hello assertion has expired";
    AssertionWindowTooWide = 400 Oauth("invalid_grant", ASSERTION), "the Hello assertion is valid for too long";
    AssertionAudienceWrong = 400 Oauth("invalid_grant", ASSERTION), "the Hello assertion is for another audience";
    HelloKeyUnknown = 400 Oauth("invalid_grant", Aadsts::NGC_KEY_NOT_FOUND), "no Hello key of that id is registered for the user";
    HelloSignatureWrong = 400 Oauth("invalid_grant", Aadsts::NGC_INVALID_SIGNATURE), "the Hello assertion's signature does not verify under the registered key";
    HelloDeviceDisabled = 400 Oauth("invalid_grant", Aadsts::NGC_DEVICE_DISABLED), "the device of the Hello key is disabled";
    HelloDeviceNotFound = 400 Oauth("invalid_grant", Aadsts::NGC_DEVICE_NOT_FOUND), "the device of the Hello key does not exist";
    HelloDeviceDiffers = 400 Oauth("invalid_grant", Aadsts::NGC_KEY_NOT_FOUND), "the Hello key was registered from another device";

    // --- authorization by PRT
    ResponseTypeUnsupported = 400 Oauth("unsupported_response_type", RESPONSE_TYPE), "only response_type=code is supported";
    RedirectInvalid = 400 Oauth("invalid_request", REDIRECT), "the redirect address is not an absolute URI";
    NobodySignedIn = 401 Oauth("login_required", NO_SESSION), "neither header nor cookie x-ms-RefreshTokenCredential proves a user";
    CredentialMalformed = 400 Oauth("invalid_request", Aadsts::MALFORMED_REQUEST), "the PRT credential is not an HS256 JWS with ctx";
    KdfVersionRefused = 400 Oauth("invalid_grant", KDF_V1), "version 1 of the key derivation is not taken";
    KdfVersionUnknown = 400 Oauth("invalid_request", Aadsts::MALFORMED_REQUEST), "the version of the key derivation is unknown";
    PrtMalformed = 400 Oauth("invalid_grant", Aadsts::INVALID_GRANT), "the PRT is not one of this server";
    PrtExpired = 400 Oauth("invalid_grant", Aadsts::EXPIRED_GRANT), "the PRT has expired";
    PrtRevoked = 400 Oauth("invalid_grant", Aadsts(50_173)), "the PRT was revoked";
    SessionKeyWrong = 400 Oauth("invalid_grant", Aadsts::INVALID_SESSION_KEY), "the request is not signed with the session key of its PRT";
    MfaEnrolmentRequired = 400 Oauth("interaction_required", Aadsts::MFA_ENROLMENT_REQUIRED), "the user must enrol a second factor first";

    // --- under switches of the rules
    AssertionNonceDiffers = 400 Oauth("invalid_grant", Aadsts::INVALID_REQUEST_NONCE), "the assertion's nonce is not that of the request around it";

    // --- discovery and join
    DiscoveryTenantUnknown = 400 Join, "the tenant does not exist";
    JoinApiVersionMissing = 400 Join, "api-version is missing";
    JoinApiVersionUnsupported = 400 Join, "this api-version is not supported";
    JoinTokenMissing = 401 Join, "there is no bearer token";
    JoinTokenMalformed = 401 Join, "the bearer token is malformed";
    JoinTokenSignature = 401 Join, "the bearer token's signature does not verify";
    JoinTokenIssuer = 401 Join, "the bearer token is of another issuer";
    JoinTokenTenant = 401 Join, "the bearer token is of another tenant";
    JoinTokenAudience = 401 Join, "the bearer token is for another audience";
    JoinTokenEarly = 401 Join, "the bearer token is not valid yet";
    JoinTokenExpired = 401 Join, "the bearer token has expired";
    JoinUserUnknown = 400 Join, "the token's user does not exist";
    JoinBodyMalformed = 400 Join, "the body is not a join request";
    JoinTypeUnsupported = 400 Join, "JoinType is neither 0 (joined) nor 4 (registered)";
    JoinNameInvalid = 400 Join, "DeviceDisplayName is empty, or it, DeviceType or OSVersion is longer than 256 characters";
    JoinRequestKind = 400 Join, "CertificateRequest.Type is not pkcs10";
    JoinRequestMalformed = 400 Join, "CertificateRequest.Data is not a base64 certification request";
    JoinRequestSignature = 400 Join, "the certification request is not signed by its own key";
    JoinRequestKey = 400 Join, "the certification request's key is not RSA-2048";
    JoinRequestSubject = 400 Join, "the certification request's subject is not the one that join requests have";
    JoinTransportKeyInvalid = 400 Join, "TransportKey is not a base64 RSA1 blob of 2048 bits";
    JoinAikCertificateMalformed = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate is not a base64 DER certificate";
    JoinAikVersion = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate is not version 3";
    JoinAikSubject = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate has a subject";
    JoinAikAlternativeName = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate names no TPM";
    JoinAikExtendedKeyUsage = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate lacks its extended key usage";
    JoinAikAuthority = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate is not marked CA:FALSE";
    JoinAikStrength = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate is of a key that is neither RSA-2048 nor P-256, or weak";
    JoinAikChain = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate has no path to the tenant's attestation authority";
    JoinAikExpired = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate has expired";
    JoinAikAssurance = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate does not say how the EK was verified";
    JoinAikVendor = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate names a TPM of a vendor that the tenant does not take";
    JoinAikVirtual = 400 JoinAttestation(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "AikCertificate names a TPM that is software, or none, and the tenant takes chips alone";
    JoinAttestationAlone = 400 JoinAttestation(Hresult::DSREG_E_TRANSPORT_KEY_STATEMENT_INVALID), "AttestationData comes without an AikCertificate";
    JoinAttestationMalformed = 400 JoinAttestation(Hresult::DSREG_E_TRANSPORT_KEY_STATEMENT_INVALID), "AttestationData is not base64 of a key attestation statement";
    JoinAttestationExtraData = 400 JoinAttestation(Hresult::DSREG_E_TRANSPORT_KEY_STATEMENT_INVALID), "the statement is not made over this certification request";
    JoinAttestationSubjectKey = 400 JoinAttestation(Hresult::DSREG_E_TRANSPORT_KEY_STATEMENT_INVALID), "the statement is about another key than the transport key";
    JoinAttestationSignature = 400 JoinAttestation(Hresult::DSREG_E_TRANSPORT_KEY_STATEMENT_INVALID), "the statement's signature is not by the key of AikCertificate";
    JoinAttestationInvalid = 400 JoinAttestation(Hresult::DSREG_E_TRANSPORT_KEY_STATEMENT_INVALID), "the statement about the transport key does not hold";

    // --- device deletion
    LeaveCertificateMissing = 401 Join, "the TLS connection has no client certificate";
    LeaveCertificateMalformed = 401 Join, "the TLS client certificate cannot be read";
    LeaveCertificateForeign = 401 Join, "the TLS client certificate was not issued by this tenant";
    LeaveCertificateExpired = 401 Join, "the TLS client certificate is not valid now";
    LeaveDeviceUnknown = 404 Join, "the certificate's device does not exist";
    LeaveOtherDevice = 403 Join, "the device in the path is not the one of the TLS client certificate";

    // --- key registration, step 1 (MS-KPP section 3.1.5.1.1.3)
    KeyApiVersionMissing = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "api-version is missing";
    KeyApiVersionTwice = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "api-version is given both in query and header, or twice";
    KeyApiVersionUnsupported = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "api-version is not 1.0";
    KeyAcceptMissing = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "there is no Accept header";
    KeyAcceptNotJson = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the Accept header does not admit application/json";
    KeyBodyNotJson = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the body is not a JSON object";
    KngcAbsent = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the member kngc is absent";
    KngcNotString = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the member kngc is not a string";
    KngcBase64Url = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the member kngc is base64url, not base64";
    KngcNotBase64 = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the member kngc is not base64";
    KngcEmpty = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the key blob is empty";
    KngcTruncated = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the key blob is shorter than its header";
    KngcMagic = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the key blob's magic is not RSA1";
    KngcPrimes = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the key blob has primes in it";
    KngcLengths = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the key blob's lengths disagree with its size";
    KngcBitLength = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the key blob's bit length is not its modulus' length";
    KngcNumbers = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the key blob's numbers are no RSA key";
    KngcKeySize = 400 Key(Hresult::DSREG_E_MFA_REQUIRED), "the key is not RSA-2048";
    KeyAttestationMalformed = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the attestation member is malformed";

    // --- step 2: the token
    KeyTokenMissing = 401 Key(Hresult::DSREG_E_MFA_REQUIRED), "there is no bearer token";
    KeyTokenMalformed = 401 Key(Hresult::DSREG_E_USER_NOT_AUTHENTICATED), "the bearer token is malformed";
    KeyTokenSignature = 401 Key(Hresult::DSREG_E_USER_NOT_AUTHENTICATED), "the bearer token's signature does not verify";
    KeyTokenIssuer = 401 Key(Hresult::DSREG_E_USER_NOT_AUTHENTICATED), "the bearer token is of another issuer";
    KeyTokenTenant = 401 Key(Hresult::DSREG_E_USER_NOT_AUTHENTICATED), "the bearer token is of another tenant";
    KeyTokenAudience = 401 Key(Hresult::DSREG_E_USER_NOT_AUTHENTICATED), "the bearer token is for another audience";
    KeyTokenEarly = 401 Key(Hresult::DSREG_E_USER_NOT_AUTHENTICATED), "the bearer token is not valid yet";
    KeyTokenExpired = 401 Key(Hresult::DSREG_E_USER_NOT_AUTHENTICATED), "the bearer token has expired";
    KeyDeviceIdMissing = 401 Key(Hresult::DSREG_E_NO_DEVICE_ID), "the token has no device id";
    KeyDeviceUnknown = 401 Key(Hresult::DSREG_E_NOT_AUTHORIZED), "the token's device does not exist";
    KeyDeviceDisabled = 401 Key(Hresult::DSREG_E_NOT_AUTHORIZED), "the token's device is disabled";
    KeyUpnMissing = 401 Key(Hresult::DSREG_E_NO_UPN), "the token has no UPN";
    KeyNgcmfaMissing = 401 Key(Hresult::DSREG_E_MFA_REQUIRED), "the token's amr has no ngcmfa";
    KeyMfaMissing = 401 Key(Hresult::DSREG_E_MFA_REQUIRED), "the token's amr names no multi-factor authentication";
    KeyMfaStale = 401 Key(Hresult::DSREG_E_MFA_REQUIRED), "the multi-factor authentication is too long ago";

    // --- steps 3 and 4: the user and the key
    KeyUserUnknown = 400 Key(Hresult::DSREG_E_DIRECTORY), "the token's user does not exist";
    KeyWeak = 400 Key(Hresult::DSREG_E_DIRECTORY), "the key has the fingerprint of a known weakness (CVE-2017-15361)";
    KeyInSoftware = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the tenant requires keys in hardware, and this one is said to be in software";
    AttestationMissing = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the tenant requires attested keys, and no statement was sent";
    AttestationLevelTooLow = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement's level is below what the tenant requires";
    AttestationNonceMissing = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement is not made over a nonce";
    AttestationNonceForeign = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement's nonce is not one of this server";
    AttestationNonceExpired = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement's nonce is too old";
    AttestationNonceReplayed = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement's nonce was used already";

    // --- the statement, check by check (attest::Check)
    AttestationPublicArea = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement's public area is no whole TPMT_PUBLIC";
    AttestationCertifyInfo = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement's certify information is no whole TPMS_ATTEST";
    AttestationMagic = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the certify information was not made by a TPM";
    AttestationType = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement is not a certification";
    AttestationExtraData = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "extraData does not bind the nonce and the key";
    AttestationName = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the certified Name is not that of the public area";
    AttestationQualifiedName = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the key is not below the storage key that the statement names";
    AttestationSubjectKey = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement is about another key";
    AttestationFixedTpm = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the key may leave its TPM";
    AttestationFixedParent = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the key may be duplicated";
    AttestationSensitiveDataOrigin = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the key was not made by the TPM";
    AttestationNotRestricted = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the key is restricted";
    AttestationAuthPolicy = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the key's authorization policy is not that of the Windows provider";
    AttestationAttributes = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the key's attributes are not those of the Windows template";
    AttestationScheme = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the key is bound to a scheme or a symmetric algorithm";
    AttestationStrength = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the attested key is not RSA-2048 with exponent 65537";
    AttestationCertificates = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement's certificates cannot be read, or are none or too many";
    AttestationSignature = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the statement's signature is not by the attestation key";
    AttestationAikTemplate = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the attestation key's public area is not that of its certificate, or of no attestation key";
    AttestationQualifiedSigner = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the attestation key is not below the storage key that the statement names";
    AttestationAikVersion = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "the AIK certificate is not version 3";
    AttestationAikSubject = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "the AIK certificate has a subject";
    AttestationAikAlternativeName = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "the AIK certificate names no TPM";
    AttestationAikExtendedKeyUsage = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "the AIK certificate lacks its extended key usage";
    AttestationAikAuthority = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "the AIK certificate is not marked CA:FALSE";
    AttestationAikStrength = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "the attestation key is neither RSA-2048 nor P-256, or weak";
    AttestationChain = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "the AIK certificate has no path to the tenant's attestation authority";
    AttestationAssurance = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID), "the AIK certificate does not say how the EK was verified";
    AttestationAikExpired = 400 Key(Hresult::DSREG_E_AIK_CERTIFICATE_EXPIRED), "the AIK certificate, or one above it, has expired";
    AttestationVendor = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the TPM is of a vendor that the tenant does not take";
    AttestationVirtual = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the TPM is software, or nobody says which it is, and the tenant takes chips alone";
    EkAlreadyKnown = 400 Key(Hresult::DSREG_E_ATTESTATION_FAILED), "the TPM behind the statement vouches for another device already";

    // --- Microsoft Graph; which code belongs to which case is [inferred]
    GraphVersionUnknown = 400 Graph("BadRequest"), "the path begins with neither v1.0 nor beta";
    GraphTokenMissing = 401 Graph("InvalidAuthenticationToken"), "there is no bearer token";
    GraphTokenMalformed = 401 Graph("InvalidAuthenticationToken"), "the bearer token is malformed";
    GraphTokenSignature = 401 Graph("InvalidAuthenticationToken"), "the bearer token's signature does not verify";
    GraphTokenIssuer = 401 Graph("InvalidAuthenticationToken"), "the bearer token is of another issuer";
    GraphTokenTenant = 401 Graph("InvalidAuthenticationToken"), "the bearer token is of another tenant";
    GraphTokenAudience = 401 Graph("InvalidAuthenticationToken"), "the bearer token is for another audience";
    GraphTokenEarly = 401 Graph("InvalidAuthenticationToken"), "the bearer token is not valid yet";
    GraphTokenExpired = 401 Graph("InvalidAuthenticationToken"), "the bearer token has expired";
    GraphTokenUserUnknown = 401 Graph("InvalidAuthenticationToken"), "the token's user does not exist";
    GraphPathUnknown = 404 Graph("ResourceNotFound"), "nothing is served under this path and method";
    GraphOptionUnsupported = 400 Graph("BadRequest"), "the query has an option that is not supported here";
    GraphSelectUnknown = 400 Graph("BadRequest"), "$select names a property that the mock does not have";
    GraphUserUnknown = 404 Graph("Request_ResourceNotFound"), "the user does not exist";
    GraphUserDiffers = 403 Graph("Authorization_RequestDenied"), "only an administrator may do this to another user, and the tenant has none";
    GraphMethodIdMalformed = 400 Graph("BadRequest"), "the id of the authentication method is not a GUID";
    GraphMethodUnknown = 404 Graph("ResourceNotFound"), "the user has no Hello key of that id";
    GraphDeviceIdMalformed = 400 Graph("BadRequest"), "the id of the device is not a GUID";
    GraphDeviceUnknown = 404 Graph("Request_ResourceNotFound"), "no device has that id";
    GraphPropertyReadOnly = 400 Graph("BadRequest"), "no property of a user can be written, searchableDeviceKey included";

    // --- the lab's certificate service for attestation keys
    AikBodyMalformed = 400 Lab, "the body is not a request of the AIK service";
    AikEkPublicMalformed = 400 Lab, "ekPublic is no TPMT_PUBLIC of an RSA or P-256 key";
    AikPublicMalformed = 400 Lab, "aikPublic is no TPMT_PUBLIC";
    AikNotBoundToTpm = 400 Lab, "the attestation key could leave its TPM, or came from outside";
    AikNotRestricted = 400 Lab, "the attestation key is not restricted";
    AikNotSigning = 400 Lab, "the attestation key is no pure signing key";
    AikScheme = 400 Lab, "the attestation key's scheme is not RSASSA or ECDSA with SHA-256";
    AikStrength = 400 Lab, "the attestation key is neither RSA-2048 nor P-256";
    AikEkUnsuitable = 400 Lab, "no credential can be made for this endorsement key";
    EkCertificateMalformed = 400 Lab, "ekCertificate is not a base64 DER certificate";
    EkCertificateOtherKey = 400 Lab, "the EK certificate is for another key";
    EkCertificateVersion = 400 Lab, "the EK certificate is not version 3";
    EkCertificateAlternativeName = 400 Lab, "the EK certificate has no subjectAltName as the profile wants it";
    EkCertificateIdentity = 400 Lab, "the EK certificate does not say which TPM it is for";
    EkCertificateAuthority = 400 Lab, "the EK certificate is not marked CA:FALSE";
    EkCertificateKeyUsage = 400 Lab, "the EK certificate's key usage does not fit its key";
    EkCertificateExtendedKeyUsage = 400 Lab, "the EK certificate lacks its extended key usage";
    EkCertificateExpired = 400 Lab, "the EK certificate, or one above it, has expired";
    EkCertificateUntrusted = 400 Lab, "the EK certificate has no path to a trusted vendor root";
    AikTicketForeign = 400 Lab, "the ticket is not one of this server";
    AikTicketExpired = 400 Lab, "the ticket is too old";
    AikTicketReplayed = 400 Lab, "the ticket was used already";
    AikSecretWrong = 403 Lab, "the secret is not the one in the credential";
}
