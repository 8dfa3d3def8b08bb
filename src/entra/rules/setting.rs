//! What a switch can be (a flag, a time, one of several words), and how each is written and read.

use crate::attest::VendorId;
use crate::base::SignedDuration;
use jiff::{Span, SpanRelativeTo};
use serde::Deserialize as _;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

/// The kind of a switch's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A time of whole seconds, in words such as `10m` or `1h 30m`.
    Time,
    /// A time, or `any` for no limit.
    TimeOrAny,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Vendors of TPMs with commas between them, or `any`.
    Vendors,
}

/// The value of a switch.
pub(super) trait Setting: Sized {
    /// Its kind.
    const KIND: Kind;

    /// Reads it; a time is at least a second and at most `longest` seconds.
    fn read(text: &str, longest: i64) -> Option<Self>;

    /// Writes it so that [`Self::read`] reads it.
    fn text(&self) -> String;
}

impl Setting for bool {
    const KIND: Kind = Kind::Flag;

    fn read(text: &str, _: i64) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Setting for SignedDuration {
    const KIND: Kind = Kind::Time;

    fn read(text: &str, longest: i64) -> Option<Self> {
        let span: Span = text.parse().ok()?;
        // Months and years have no length of their own and are refused here.
        let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        let whole = time.subsec_nanos() == 0 && (1..=longest).contains(&time.as_secs());
        whole.then_some(time)
    }

    fn text(&self) -> String {
        format!("{self:#}")
    }
}

/// The word for no limit.
const ANY: &str = "any";

impl Setting for Option<SignedDuration> {
    const KIND: Kind = Kind::TimeOrAny;

    fn read(text: &str, longest: i64) -> Option<Self> {
        if text == ANY { Some(None) } else { SignedDuration::read(text, longest).map(Some) }
    }

    fn text(&self) -> String {
        self.as_ref().map_or_else(|| ANY.to_owned(), Setting::text)
    }
}

impl Setting for Vec<VendorId> {
    const KIND: Kind = Kind::Vendors;

    /// A vendor is written by the characters that the registry has for it, so that a misspelt one is refused, or by its number.
    fn read(text: &str, _: i64) -> Option<Self> {
        let one = |text: &str| {
            let id = VendorId::deserialize(IntoDeserializer::<ValueError>::into_deserializer(text)).ok()?;
            (text.starts_with("id:") || id.name().is_some()).then_some(id)
        };
        if text == ANY { Some(Self::new()) } else { text.split(',').map(|each| one(each.trim())).collect() }
    }

    fn text(&self) -> String {
        if self.is_empty() {
            return ANY.to_owned();
        }
        let word = |id: &VendorId| {
            let bytes = id.0.to_be_bytes();
            let text = std::str::from_utf8(&bytes).unwrap_or_default().trim_end_matches(['\0', ' ']);
            let known = id.name().is_some() && VendorId::from_text(text) == Some(*id);
            if known { text.to_owned() } else { format!("id:{:08X}", id.0) }
        };
        self.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

impl Kind {
    /// What is allowed, as it is written in a rules file; times go up to `longest` seconds.
    pub(super) fn allowed(self, longest: i64) -> String {
        let times = || format!("\"1s\" to \"{:#}\"", SignedDuration::from_secs(longest));
        match self {
            Self::Flag => "true, false".to_owned(),
            Self::Time => times(),
            Self::TimeOrAny => format!("{}, or \"{ANY}\"", times()),
            Self::Vendors => format!("\"{ANY}\", or vendors of TPMs such as \"IFX, STM, id:4E544300\""),
            Self::Words(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "),
        }
    }
}

macro_rules! words {
    ($($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$meaning])* $variant,)*
        }

        impl Setting for $name {
            const KIND: Kind = Kind::Words(&[$($word),*]);

            fn read(text: &str, _: i64) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }

            fn text(&self) -> String {
                match self { $(Self::$variant => $word,)* }.to_owned()
            }
        }
    )*};
}

words! {
    /// Which `amr` of a token is good for registering a key.
    RegistrationAmr {
        /// `ngcmfa` alone.
        Ngcmfa = "ngcmfa",
        /// `ngcmfa`, `mfa`, or `http://schemas.microsoft.com/claims/multipleauthn`.
        AnyMfa = "any-mfa",
    }

    /// What a PRT is called in the reply that brings it.
    PrtTokenType {
        /// `Bearer`.
        Bearer = "bearer",
        /// `pop`.
        Pop = "pop",
    }

    /// Which nonce a Hello assertion needs.
    AssertionNonce {
        /// None; one that is there must be good.
        Optional = "optional",
        /// One of this server, which may be another than that of the request around it.
        Required = "required",
        /// That of the request around it.
        Same = "same",
    }

    /// Whom a Hello assertion must be for.
    AssertionAudience {
        /// Anybody: nobody looks.
        Any = "any",
        /// `common` or the tenant's id.
        Tenant = "tenant",
        /// The issuer identifier of the server, as its tokens have it.
        Issuer = "issuer",
    }

    /// What registering the same key twice does.
    DuplicateKey {
        /// The same user, device and key again: the first `kid` is answered and nothing is added.
        Idempotent = "idempotent",
        /// Every registration adds a key.
        Append = "append",
    }

    /// The form of a refused key registration.
    KeyErrorForm {
        /// MS-KPP's flat object, with Entra's nested `error` in it.
        Both = "both",
        /// MS-KPP's flat object.
        Flat = "flat",
    }

    /// Whether the reply to a registered key has a provisioning context, `pctx`.
    Pctx {
        /// There is none.
        Absent = "absent",
        /// CMS SignedData by the issuer of device certificates, over the name of a domain controller.
        Signed = "signed",
    }

    /// What is done with a key of a known weakness (CVE-2017-15361).
    WeakKey {
        /// It is registered, with strength `weak`.
        StoreAsWeak = "store-as-weak",
        /// It is refused.
        Refuse = "refuse",
    }

    /// What the server does with a key's attestation.
    Attestation {
        /// Statements are not looked at; every key is of level `none`.
        Ignore = "ignore",
        /// A statement that is sent must verify and its level is stored; none is needed.
        Record = "record",
        /// A key needs a statement by an attestation key that the lab's service certified.
        RequireAik = "require-aik",
        /// As [`Self::RequireAik`], and the TPM's endorsement certificate must have been verified.
        RequireEk = "require-ek",
    }

    /// Whether a statement must be made over a nonce of the server.
    Freshness {
        /// A nonce of the registration service, good once.
        Required = "required",
        /// A statement without a nonce is taken; one with a nonce is still checked.
        None = "none",
    }

    /// What becomes of a statement by a TPM that vouches for another device already.
    KnownEk {
        /// The key is registered, and its report, the reply and the audit say `EK_ALREADY_KNOWN`.
        Report = "report",
        /// It is refused.
        Refuse = "refuse",
    }

    /// Whether a TPM may be software.
    VirtualTpm {
        /// It may.
        Allow = "allow",
        /// A TPM that is software, or that no certificate names, vouches for no key.
        Refuse = "refuse",
    }

    /// What is done with `AikCertificate` and `AttestationData` of a device join.
    JoinAttestation {
        /// They are not looked at.
        Ignore = "ignore",
        /// What is sent must hold; none is needed.
        Judge = "judge",
    }

    /// What the AIK service makes of an EK certificate by a vendor that the lab does not know.
    StrangerEk {
        /// As of none: the attestation key is certified against the endorsement key alone, and reaches level `aik`.
        AsAbsent = "as-absent",
        /// No certificate for the attestation key.
        Refuse = "refuse",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_whole_seconds_within_its_range() {
        for (text, seconds) in [
            ("10m", Some(600)),
            ("1h 30m", Some(5400)),
            ("600s", Some(600)),
            ("10 minutes", Some(600)),
            ("PT10M", Some(600)),
            ("1d", Some(86_400)),
            ("25h", None),
            ("0s", None),
            ("-10m", None),
            ("1500ms", None),
            ("1mo", None),
            ("600", None),
            ("", None),
            ("any", None),
        ] {
            assert_eq!(SignedDuration::read(text, 86_400).map(|time| time.as_secs()), seconds, "{text:?}");
        }
        assert_eq!(<Option<SignedDuration>>::read("any", 1), Some(None));
    }

    #[test]
    fn vendors_are_known_by_name_and_all_others_by_number() {
        let read = |text: &str| Vec::<VendorId>::read(text, 0);
        for text in ["any", "IFX", "IFX, STM", "IBM, id:58595A00", "id:53544D20"] {
            let vendors = read(text).unwrap();
            assert_eq!(read(&vendors.text()), Some(vendors), "{text}");
        }
        assert_eq!(read("STM").unwrap()[0].name(), Some("STMicroelectronics"));
        for wrong in ["", "IFX,", "INTEL", "XYZ", "ifx", "any, IFX", "id:5859", "IFX STM"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for seconds in [1, 59, 600, 3600, 5430, 1_209_599] {
            let time = SignedDuration::from_secs(seconds);
            assert_eq!(SignedDuration::read(&time.text(), seconds), Some(time), "{}", time.text());
        }
    }
}
