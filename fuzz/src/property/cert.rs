//! Certificates and certification requests, which come from strangers: in `x5c`, in a join, in a TPM's statement.

use whfb::crypto::PublicKey;
use whfb::crypto::cert::{Certificate, Name, SignedRequest, pem};
use x509_cert::der::{Decode as _, Encode as _};

use super::{check_growth, must, same, taken};

/// Signatures are checked over what was read and is written again, so only what is written to the same bytes may be taken.
pub(super) fn judge(bytes: &[u8]) -> Result<bool, String> {
    let certificate = taken(Certificate::from_der(bytes))?;
    if let Some(certificate) = &certificate {
        let written = must(x509_cert::Certificate::from_der(bytes).and_then(|read| read.to_der()), "a certificate")?;
        same(written.as_slice(), bytes, "a certificate written")?;
        check_certificate(certificate)?;
    }
    let request = taken(SignedRequest::from_der(bytes))?;
    if let Some(request) = &request {
        let written = must(x509_cert::request::CertReq::from_der(bytes).and_then(|read| read.to_der()), "a request")?;
        same(written.as_slice(), bytes, "a request written")?;
        check_key(&request.public)?;
        check_name(&request.subject, bytes.len())?;
    }
    Ok(certificate.is_some() || request.is_some())
}

fn check_certificate(certificate: &Certificate) -> Result<(), String> {
    let length = certificate.der().len();
    check_key(certificate.public())?;
    check_name(&certificate.subject(), length)?;
    check_name(&certificate.issuer(), length)?;
    if let Some(name) = taken(certificate.san_directory_name())?.flatten() {
        check_name(&name, length)?;
    }
    same(&certificate.thumbprint().len(), &40, "a thumbprint")?;
    check_growth(pem(certificate.der()).len(), length, 2, "PEM")?;
    taken(certificate.validity())?;
    taken(certificate.verify_signed_by(certificate.public()))?;
    taken(certificate.is_authority())?;
    taken(certificate.may_sign_certificates())?;
    taken(certificate.key_uses())?;
    taken(certificate.path_length())?;
    let usages = taken(certificate.extended_key_usage())?.unwrap_or_default();
    let policies = taken(certificate.policies())?.unwrap_or_default();
    check_growth(usages.len() + policies.len(), length, 1, "usages and policies")?;
    for critical in certificate.critical_extensions() {
        let found = certificate.criticality(critical).is_some() && certificate.extension(critical).is_some();
        same(&found, &true, "a critical extension is there")?;
    }
    Ok(())
}

fn check_key(key: &PublicKey) -> Result<(), String> {
    same(&must(PublicKey::from_spki(&key.to_spki()), "reading a key")?, key, "a key written and read")
}

fn check_name(name: &Name, length: usize) -> Result<(), String> {
    check_growth(must(name.to_der(), "a name")?.len(), length, 1, "a name")?;
    // Attributes that have no text are shown as hexadecimal, and each character may have an escape before it.
    check_growth(name.to_string().len(), length, 8, "a name that is shown")?;
    let text = name.text(whfb::crypto::cert::oid::COMMON_NAME).unwrap_or_default();
    check_growth(text.len(), length, 1, "a common name")
}
