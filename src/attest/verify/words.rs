//! How findings put values. What a good statement holds has its words at hand: they are asked for in every report.

use std::borrow::Cow;

use crate::crypto::PublicKey;
use crate::crypto::cert::oid::{self, ObjectIdentifier};
use crate::wire::encoding::hex;
use crate::wire::tpm::Attributes;

pub(super) type Words = Cow<'static, str>;

/// A report must not leave a side blank: an empty field is a finding too.
pub(super) fn shown(text: impl Into<Words>) -> Words {
    let text = text.into();
    if text.is_empty() { "(empty)".into() } else { text }
}

/// Kind and the first bytes of the public value: enough to tell two keys apart.
pub(super) fn describe(key: &PublicKey) -> String {
    match key {
        PublicKey::Rsa(rsa) => format!("RSA-{} {}...", rsa.bits(), hex(rsa.modulus().get(..8).unwrap_or_default())),
        PublicKey::P256(ec) => format!("P-256 {}...", hex(&ec.x[..8])),
    }
}

/// Kind and size.
pub(super) fn describe_strength(key: &PublicKey) -> Words {
    match key {
        PublicKey::Rsa(rsa) => format!("RSA-{} with exponent {}", rsa.bits(), hex(rsa.exponent())).into(),
        PublicKey::P256(_) => "P-256".into(),
    }
}

/// Number and names.
pub(super) fn attributes(attributes: Attributes) -> Words {
    match attributes {
        Attributes::WINDOWS_KEY => WINDOWS_KEY.into(),
        Attributes::WINDOWS_AIK => WINDOWS_AIK.into(),
        other => other.to_string().into(),
    }
}

const WINDOWS_KEY: &str = "0x00060472 fixedTPM|fixedParent|sensitiveDataOrigin|userWithAuth|noDA|decrypt|sign";
const WINDOWS_AIK: &str = "0x00050472 fixedTPM|fixedParent|sensitiveDataOrigin|userWithAuth|noDA|restricted|sign";

/// Object identifiers as they are read in a certificate.
pub(super) fn listed(ids: &[ObjectIdentifier]) -> Words {
    match ids {
        [] => "none".into(),
        [oid::AIK_CERTIFICATE] => AIK_CERTIFICATE.into(),
        [oid::POLICY_EK_CERTIFICATE] => POLICY_EK_CERTIFICATE.into(),
        ids => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ").into(),
    }
}

pub(super) const AIK_CERTIFICATE: &str = "2.23.133.8.3";
const POLICY_EK_CERTIFICATE: &str = "1.3.6.1.4.1.311.21.31";
/// [`oid::POLICY_EK_CERTIFICATE`] or [`oid::POLICY_EK_UNVERIFIED`].
pub(super) const ASSURANCES: &str = "1.3.6.1.4.1.311.21.31 or 1.3.6.1.4.1.311.21.32";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{RsaPublic, SigningKey};

    #[test]
    fn words_at_hand_are_those_of_the_value() {
        for known in [Attributes::WINDOWS_KEY, Attributes::WINDOWS_AIK, Attributes::ENDORSEMENT] {
            assert_eq!(attributes(known), known.to_string());
        }
        for known in [oid::AIK_CERTIFICATE, oid::POLICY_EK_CERTIFICATE, oid::POLICY_EK_UNVERIFIED] {
            assert_eq!(listed(&[known]), known.to_string());
            assert_eq!(listed(&[known, known]), format!("{known}, {known}"));
        }
        assert_eq!(listed(&[]), "none");
        assert_eq!(AIK_CERTIFICATE, oid::AIK_CERTIFICATE.to_string());
        assert_eq!(ASSURANCES, format!("{} or {}", oid::POLICY_EK_CERTIFICATE, oid::POLICY_EK_UNVERIFIED));
    }
    #[test]
    fn a_key_is_told_by_its_kind_its_size_and_its_first_bytes() {
        let mut modulus = [0xab; 256];
        modulus[7] = 0xc1;
        let rsa = PublicKey::Rsa(RsaPublic::new(&modulus, &[1, 0, 1]).unwrap());
        assert_eq!(describe(&rsa), "RSA-2048 abababababababc1...");
        assert_eq!(describe_strength(&rsa), "RSA-2048 with exponent 010001");
        let p256 = SigningKey::generate_p256().unwrap().public().clone();
        let PublicKey::P256(point) = &p256 else { panic!("P-256") };
        assert_eq!(describe(&p256), format!("P-256 {}...", hex(&point.x[..8])));
        assert_eq!(describe_strength(&p256), "P-256");
    }
}
