//! The table: every switch with its kind, meaning, and its value in each profile that has one of its own.

use super::setting::{Kind, Setting};
use super::{
    AssertionAudience, AssertionNonce, Attestation, DuplicateKey, Freshness, JoinAttestation, KeyErrorForm, KnownEk,
    Pctx, Profile, PrtTokenType, RegistrationAmr, StrangerEk, Tag, VirtualTpm, WeakKey,
};
use crate::attest::VendorId;
use crate::base::SignedDuration;

/// A switch as rules files and `whfb serve --rules-help` know it.
#[derive(Clone, Copy)]
pub struct Switch {
    /// Its name.
    pub name: &'static str,
    /// What it decides.
    pub about: &'static str,
    /// What kind of value it has.
    pub kind: Kind,
    /// The longest time that it can be, seconds; 0 where it is no time.
    pub(super) longest: i64,
    /// Where its value comes from, in `entra` first, then in each profile that says something of its own.
    pub sources: &'static [(Profile, Tag)],
    pub(super) read: fn(&Rules) -> String,
    pub(super) turn: fn(&mut Rules, &str) -> bool,
}

/// Seconds of a column `[to ..]`, or none.
macro_rules! longest {
    () => {
        0
    };
    ($longest:expr) => {
        $longest
    };
}

macro_rules! rules {
    ($($name:literal = $field:ident: $kind:ty $([to $longest:expr])? {
        $about:literal;
        Entra: $value:expr, $tag:expr;
        $($profile:ident: $other:expr, $source:expr;)*
    })*) => {
        /// The switches. What each takes, and where it comes from, is in [`SWITCHES`].
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Rules {
            $(#[doc = $about] pub $field: $kind,)*
        }

        /// Every switch, in the order in which a device meets them.
        pub static SWITCHES: &[Switch] = &[
            $(Switch {
                name: $name,
                about: $about,
                kind: <$kind as Setting>::KIND,
                longest: longest!($($longest)?),
                sources: &[(Profile::Entra, $tag), $((Profile::$profile, $source)),*],
                read: |rules| rules.$field.text(),
                turn: |rules, text| {
                    let value = <$kind as Setting>::read(text, longest!($($longest)?));
                    value.map(|value| rules.$field = value).is_some()
                },
            },)*
        ];

        impl Profile {
            /// The switches as this profile has them.
            pub fn rules(self) -> Rules {
                let mut rules = Rules { $($field: $value,)* };
                for step in self.lineage() {
                    $($(if *step == Self::$profile {
                        rules.$field = $other;
                    })*)*
                }
                rules
            }
        }
    };
}

const fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

rules! {
    "join-attestation" = join_attestation: JoinAttestation {
        "whether AikCertificate and AttestationData of a device join must hold where they are sent, in the lab's encoding";
        Entra: JoinAttestation::Judge, Tag::Ours;
        Adfs: JoinAttestation::Ignore, Tag::Spec("MS-DVRJ has no members for them");
    }
    "registration-amr" = registration_amr: RegistrationAmr {
        "which amr of a token is good for registering a key";
        Entra: RegistrationAmr::Ngcmfa, Tag::Client("roadtx, AADInternals and libhimmelblau ask for it");
        Adfs: RegistrationAmr::AnyMfa, Tag::Spec("MS-KPP section 3.1.5.1.1.3");
        Entra2022: RegistrationAmr::AnyMfa, Tag::Inferred;
    }
    "mfa-freshness" = mfa_freshness: Option<SignedDuration> [to DAY] {
        "how old the multi-factor authentication may be when a key is registered; that it counts from there is inferred";
        Entra: Some(minutes(10)), Tag::Spec("Windows Hello for Business, how provisioning works");
        Adfs: None, Tag::Spec("MS-KPP section 3.1.5.1.1.3 asks for no age");
        Entra2022: None, Tag::Client("HackTricks Cloud, device registration: closed in May 2023");
    }
    "weak-key" = weak_key: WeakKey {
        "what is done with a key that has the fingerprint of CVE-2017-15361 (ROCA)";
        Entra: WeakKey::StoreAsWeak, Tag::Inferred;
        Strict: WeakKey::Refuse, Tag::Ours;
        Adfs: WeakKey::Refuse, Tag::Ours;
    }
    "duplicate-key" = duplicate_key: DuplicateKey {
        "what registering the same key of the same user and device again does";
        Entra: DuplicateKey::Idempotent, Tag::Inferred;
        Adfs: DuplicateKey::Append, Tag::Spec("MS-KPP section 3.1.5.1.1.3");
    }
    "key-error" = key_error: KeyErrorForm {
        "the form of a refused registration: MS-KPP's flat object, or that with Entra's nested error in it";
        Entra: KeyErrorForm::Both, Tag::Client("AADInternals reads error.message");
        Adfs: KeyErrorForm::Flat, Tag::Spec("MS-KPP section 2.2.3.1");
    }
    "pctx" = pctx: Pctx {
        "whether the reply to a registered key has a signed context, which names a domain controller of the lab's making";
        Entra: Pctx::Absent, Tag::Inferred;
        Adfs: Pctx::Signed, Tag::Spec("MS-KPP section 3.1.5.1.1.2");
    }
    "attestation" = attestation: Attestation {
        "what is done with a key's attestation";
        Entra: Attestation::Record, Tag::Ours;
        HardwareRequired: Attestation::RequireAik, Tag::Ours;
        Adfs: Attestation::Ignore, Tag::Spec("MS-KPP section 3.1.5.1.1 has no member for one");
    }
    "attestation-freshness" = attestation_freshness: Freshness {
        "whether a statement must be made over a nonce of the server";
        Entra: Freshness::Required, Tag::Ours;
    }
    "require-hardware" = require_hardware: bool {
        "a key whose registration says that it is in software is refused, whatever attestation says; a silent one is not";
        Entra: false, Tag::Ours;
        HardwareRequired: true, Tag::Ours;
    }
    "known-ek" = known_ek: KnownEk {
        "what becomes of a statement by a TPM whose endorsement key vouches for another device that still exists";
        Entra: KnownEk::Report, Tag::Ours;
        Strict: KnownEk::Refuse, Tag::Ours;
    }
    "vendors" = vendors: Vec<VendorId> {
        "whose TPMs vouch for keys; a TPM whose endorsement key nobody vouches for is of no vendor";
        Entra: Vec::new(), Tag::Ours;
    }
    "virtual-tpm" = virtual_tpm: VirtualTpm {
        "whether TPMs that are software do, by their vendor: every profile allows them, since swtpm of the lab's devices is one";
        Entra: VirtualTpm::Allow, Tag::Ours;
    }
    "exact-template" = exact_template: bool {
        "an attested key must have exactly the attributes and scheme of the Windows template";
        Entra: false, Tag::Inferred;
        Strict: true, Tag::Inferred;
    }
    "stranger-ek" = stranger_ek: StrangerEk {
        "what an EK certificate is worth whose vendor is not among the lab's roots";
        Entra: StrangerEk::AsAbsent, Tag::Inferred;
        Strict: StrangerEk::Refuse, Tag::Ours;
    }
    "aik-ticket-lifetime" = aik_ticket_lifetime: SignedDuration [to HOUR] {
        "how long a challenge of the AIK service can be answered";
        Entra: minutes(5), Tag::Ours;
    }
    "nonce-lifetime" = nonce_lifetime: SignedDuration [to DAY] {
        "lifetime of a nonce";
        Entra: minutes(10), Tag::Spec("MS-OAPXBC section 3.2.5.1.1, of AD FS");
    }
    "assertion-nonce" = assertion_nonce: AssertionNonce {
        "which nonce a Hello assertion needs: none, one of this server, or that of the request around it";
        Entra: AssertionNonce::Required, Tag::Client("roadtx, libhimmelblau and AADInternals use two nonces");
        Adfs: AssertionNonce::Same, Tag::Spec("MS-OAPXBC section 3.2.5.1.2.3, whose condition is unclear");
        Entra2022: AssertionNonce::Optional, Tag::Spec("MS-OAPXBC before the fix of CVE-2023-35348");
    }
    "assertion-window" = assertion_window: Option<SignedDuration> [to DAY] {
        "longest time between iat and exp of a Hello assertion";
        Entra: None, Tag::Client("roadtx makes two hours");
        Strict: Some(minutes(20)), Tag::Ours;
    }
    "assertion-audience" = assertion_audience: AssertionAudience {
        "whom a Hello assertion must be for: anybody, common or the tenant, or the issuer identifier";
        Entra: AssertionAudience::Any, Tag::Client("roadtx notes that Entra does not look");
        Strict: AssertionAudience::Tenant, Tag::Client("roadtx, libhimmelblau and AADInternals send these");
        Adfs: AssertionAudience::Issuer, Tag::Spec("MS-OAPXBC section 3.2.5.1.2.1.2");
    }
    "require-same-device" = require_same_device: bool {
        "a Hello key signs in from the device that registered it, and from no other";
        Entra: false, Tag::Client("public tools use another one");
        Strict: true, Tag::Ours;
    }
    "accept-kdf-v1" = accept_kdf_v1: bool {
        "version 1 of the session-key derivation is taken; where it is not, AADSTS5000611 is the answer";
        Entra: true, Tag::Client("libhimmelblau speaks nothing else");
        Strict: false, Tag::Spec("Entra, deprecation of key derivation function version 1");
        Adfs: true, Tag::Spec("MS-OIDCE: version 2 is a capability beside it");
    }
    "prt-lifetime" = prt_lifetime: SignedDuration [to 90 * DAY] {
        "lifetime of a PRT and of a refresh token";
        Entra: SignedDuration::from_secs(1_209_599), Tag::Client("samples of Entra's replies");
        Adfs: SignedDuration::from_secs(604_800), Tag::Spec("MS-OAPXBC, sample of section 3.2.5.1.2.2");
    }
    "prt-token-type" = prt_token_type: PrtTokenType {
        "the token_type of the reply that brings a PRT";
        Entra: PrtTokenType::Bearer, Tag::Client("samples of Entra's replies");
        Adfs: PrtTokenType::Pop, Tag::Spec("MS-OAPXBC, sample of section 3.2.5.1.2.2");
    }
    "access-token-lifetime" = access_token_lifetime: SignedDuration [to DAY] {
        "lifetime of an access token; Entra's varies between 60 and 90 minutes";
        Entra: minutes(60), Tag::Inferred;
    }
    "device-code-lifetime" = device_code_lifetime: SignedDuration [to DAY] {
        "how long a device code waits for its user";
        Entra: minutes(15), Tag::Spec("Microsoft identity platform, device authorization grant flow");
    }
    "code-lifetime" = code_lifetime: SignedDuration [to HOUR] {
        "lifetime of an authorization code";
        Entra: minutes(10), Tag::Inferred;
    }
}
