//! Peer-to-peer certificates: what a device shows to another of its tenant, as in Remote Desktop \[client: libhimmelblau\].

use crate::base::OsRng;
use crate::crypto::PublicKey;
use crate::crypto::cert::{CertificateError, Extension, Leaf, Name, SignedRequest, Text, Validity, oid};
use crate::wire::encoding::{base64, from_base64};
use crate::wire::oauth::{PeerCertificateReply, PeerCertificateRequest};

use super::Entra;
use super::directory::Device;
use super::refusal::{Failure, Refusal};

/// The kind of certification request that there is.
const PKCS10: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10";
/// Days that a certificate lasts \[inferred\].
const DAYS: i64 = 1;
/// How many names a device has at most. Ours.
const NAMES: usize = 16;

/// Answers a `device_auth` request whose signature, device and nonce were checked: a certificate for the device's own key. Checks in
/// this order: use, kind of request, request and its signature, key, names.
pub(crate) fn issue(
    entra: &Entra,
    device: &Device,
    key: &PublicKey,
    request: &PeerCertificateRequest,
) -> Result<PeerCertificateReply, Failure> {
    if request.cert_token_use != "device_cert" || request.csr_type != PKCS10 {
        return Err(Refusal::PeerRequestUnsupported.into());
    }
    let der = from_base64(&request.csr).map_err(|_| Refusal::PeerRequestMalformed)?;
    let signed = SignedRequest::from_der(&der).map_err(|_| Refusal::PeerRequestMalformed)?;
    if signed.public != *key {
        return Err(Refusal::PeerRequestOtherKey.into());
    }
    let names: Vec<&str> = request.dns_names.iter().map(String::as_str).collect();
    if names.is_empty() || names.len() > NAMES || !names.iter().all(|name| is_host_name(name)) {
        return Err(Refusal::PeerNamesInvalid.into());
    }
    let certificate = certify(entra, device, &signed, &names)?;
    let authority = entra.keys().peers.certificate();
    Ok(PeerCertificateReply { x5c: base64(&certificate), x5c_ca: base64(authority.der()) })
}

fn certify(
    entra: &Entra,
    device: &Device,
    signed: &SignedRequest,
    names: &[&str],
) -> Result<Vec<u8>, CertificateError> {
    let leaf = Leaf {
        subject: Name::common_name(&device.id.to_string(), Text::Printable)?,
        public: &signed.public,
        validity: Validity::days_from(entra.now(), DAYS),
        extensions: vec![
            Extension::basic_constraints(false)?,
            Extension::key_usage_signature()?,
            Extension::extended_key_usage(false, &[oid::CLIENT_AUTH, oid::SERVER_AUTH])?,
            Extension::dns_names(names)?,
        ],
    };
    Ok(entra.keys().peers.issue(&leaf, &mut OsRng)?.der().to_vec())
}

/// Letters, digits and hyphens between dots (RFC 1123 section 2.1), and underscores, which NetBIOS names may have.
fn is_host_name(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_labels_between_dots() {
        for name in ["pc", "PC-1", "pc_1.contoso.example"] {
            assert!(is_host_name(name), "{name}");
        }
        for name in ["", ".", "a..b", "a b", "a/b", "é", &"a".repeat(64), &"a.".repeat(130)] {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
