//! Every switch of the mock, each with the tag of its source.
//!
//! Tags: `[spec]` a published specification or official documentation, `[client]` seen in public clients, `[inferred]`
//! reasoned and unproven, `ours` the lab's own. A switch that no code reads does not exist.

use crate::base::SignedDuration;

/// What the server does with a key's attestation. Ours: Microsoft's own is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attestation {
    /// Statements are not looked at; every key is of level `none`.
    Ignore,
    /// A statement that is sent must verify and its level is stored; none is needed.
    Record,
    /// A key needs a statement by an attestation key that the lab's service certified.
    RequireAik,
    /// As [`Self::RequireAik`], and the TPM's endorsement certificate must have been verified.
    RequireEk,
}

/// Whether a statement must be made over a nonce of the server. Ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// A nonce of the registration service, good once.
    Required,
    /// A statement without a nonce is taken; one with a nonce is still checked.
    None,
}

/// What registering the same key twice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateKey {
    /// The same user, device and key again: the first `kid` is answered and nothing is added.
    Idempotent,
    /// Every registration adds a key.
    Append,
}

/// What the AIK service makes of an EK certificate by a vendor that the lab does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrangerEk {
    /// As of none: the attestation key is certified against the endorsement key alone, and reaches level `aik`.
    AsAbsent,
    /// No certificate for the attestation key.
    Refuse,
}

/// The switches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// `[spec]` How old a multi-factor authentication may be when a key is registered: ten minutes (Windows Hello for
    /// Business, "How provisioning works"). That it is counted from the authentication itself is `[inferred]`.
    pub mfa_freshness: SignedDuration,
    /// `[inferred]` Lifetime of an access token; Entra's varies between 60 and 90 minutes.
    pub access_token_lifetime: SignedDuration,
    /// `[client]` Lifetime of a PRT and of a refresh token: fourteen days less a second.
    pub prt_lifetime: SignedDuration,
    /// `[inferred]` Lifetime of an authorization code.
    pub code_lifetime: SignedDuration,
    /// `[spec]` Lifetime of a nonce: ten minutes (MS-OAPXBC section 3.2.5.1.1, for AD FS).
    pub nonce_lifetime: SignedDuration,
    /// `[spec]` Whether a Hello assertion needs a nonce (MS-OAPXBC section 3.2.5.1.2.3).
    pub require_assertion_nonce: bool,
    /// `[client]` Longest time between `iat` and `exp` of a Hello assertion; `None` admits any, as public clients show.
    pub assertion_window: Option<SignedDuration>,
    /// `[client]` Whether the audience of a Hello assertion must be `common` or the tenant; public tools say that Entra
    /// does not look.
    pub check_assertion_audience: bool,
    /// `[client]` Whether a Hello key signs in only from the device that registered it. Public tools use another one.
    pub require_same_device: bool,
    /// `[client]` Whether version 1 of the session-key derivation is taken; Microsoft announced its end, libhimmelblau
    /// speaks nothing else.
    pub accept_kdf_v1: bool,
    /// `[inferred]` What registering the same key twice does.
    pub duplicate_key: DuplicateKey,
    /// Ours. What is done with attestation statements.
    pub attestation: Attestation,
    /// `[inferred]` Whether an attested key must have exactly the attributes and scheme of the Windows template, which is
    /// known from samples of other keys.
    pub exact_template: bool,
    /// Ours. Whether a statement must be fresh.
    pub attestation_freshness: Freshness,
    /// `[inferred]` What an EK certificate is worth whose vendor is not among the lab's roots: a chip's, at first.
    pub stranger_ek: StrangerEk,
    /// Ours. How long a challenge of the AIK service can be answered.
    pub aik_ticket_lifetime: SignedDuration,
}

/// The name is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no profile is called {0:?}; there are entra, strict and hardware-required")]
pub struct UnknownProfile(pub String);

impl Rules {
    /// The names of the profiles.
    pub const PROFILES: &[&str] = &["entra", "strict", "hardware-required"];

    /// The default: strict in form, lenient exactly where public clients show Entra to be.
    pub fn entra() -> Self {
        Self {
            mfa_freshness: SignedDuration::from_mins(10),
            access_token_lifetime: SignedDuration::from_mins(60),
            prt_lifetime: SignedDuration::from_secs(1_209_599),
            code_lifetime: SignedDuration::from_mins(10),
            nonce_lifetime: SignedDuration::from_mins(10),
            require_assertion_nonce: true,
            assertion_window: None,
            check_assertion_audience: false,
            require_same_device: false,
            accept_kdf_v1: true,
            duplicate_key: DuplicateKey::Idempotent,
            attestation: Attestation::Record,
            exact_template: false,
            attestation_freshness: Freshness::Required,
            stranger_ek: StrangerEk::AsAbsent,
            aik_ticket_lifetime: SignedDuration::from_mins(5),
        }
    }

    /// Every switch at its tightest, but for attestation, which public clients do not send.
    pub fn strict() -> Self {
        Self {
            assertion_window: Some(SignedDuration::from_mins(20)),
            check_assertion_audience: true,
            require_same_device: true,
            accept_kdf_v1: false,
            exact_template: true,
            stranger_ek: StrangerEk::Refuse,
            ..Self::entra()
        }
    }

    /// [`Self::strict`], and a key needs a statement that it lives in a TPM.
    pub fn hardware_required() -> Self {
        Self { attestation: Attestation::RequireAik, ..Self::strict() }
    }

    /// The profile of a name.
    pub fn named(name: &str) -> Result<Self, UnknownProfile> {
        match name {
            "entra" => Ok(Self::entra()),
            "strict" => Ok(Self::strict()),
            "hardware-required" => Ok(Self::hardware_required()),
            _ => Err(UnknownProfile(name.to_owned())),
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::entra()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_its_name_and_no_two_are_the_same() {
        let profiles: Vec<_> = Rules::PROFILES.iter().map(|name| Rules::named(name).unwrap()).collect();
        assert_eq!(profiles[0], Rules::default());
        assert!(profiles[0] != profiles[1] && profiles[1] != profiles[2]);
        assert_eq!(Rules::named("entra "), Err(UnknownProfile("entra ".to_owned())));
    }

    #[test]
    fn hardware_required_is_strict_with_attestation() {
        let relaxed = Rules { attestation: Rules::strict().attestation, ..Rules::hardware_required() };
        assert_eq!(relaxed, Rules::strict());
        assert!(Rules::hardware_required().attestation >= Attestation::RequireAik);
    }
}
