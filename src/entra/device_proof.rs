//! How a device proves itself: by its certificate, and a signature of the key in it.

use crate::attest::LONGEST_PATH;
use crate::crypto::SignatureAlgorithm;
use crate::crypto::cert::Certificate;
use crate::wire::encoding::from_base64;
use crate::wire::jws::{CertificateChain, Jws};
use crate::wire::oauth::DeviceCredential;

use super::Entra;
use super::directory::Device;
use super::nonce::Purpose;
use super::refusal::{Failure, Refusal};

/// The device of an `x-ms-DeviceCredential` header: signed by its key, over a nonce of the server.
pub(crate) async fn by_header(entra: &Entra, compact: &str) -> Result<Device, Failure> {
    let jws = Jws::parse(compact).map_err(|_| Refusal::CredentialMalformed)?;
    let claims: DeviceCredential = jws.claims().map_err(|_| Refusal::CredentialMalformed)?;
    if claims.grant_type != "device_auth" {
        return Err(Refusal::CredentialMalformed.into());
    }
    let (device, _) = signer(entra, &jws, false).await?;
    let nonce = claims.request_nonce.as_deref().ok_or(Refusal::NonceMissing)?;
    entra.consume_nonce(Purpose::Token, nonce).await?.map_err(Refusal::from)?;
    Ok(device)
}

/// The device that signed: its certificate was issued by this tenant, is valid now, signed this request, and belongs to a
/// device that exists and is enabled.
pub(crate) async fn signer(entra: &Entra, jws: &Jws, by_hello: bool) -> Result<(Device, Certificate), Failure> {
    if jws.header.alg != "RS256" {
        return Err(Refusal::SignedRequestUnsupported.into());
    }
    let chain = jws.header.x5c.as_ref().ok_or(Refusal::CertificateMissing)?;
    let leaf = chain.leaf().ok_or(Refusal::CertificateMissing)?;
    // The authority is known, so the leaf alone is read; what follows may still be no heap.
    if matches!(chain, CertificateChain::List(list) if list.len() > LONGEST_PATH) {
        return Err(Refusal::CertificateMalformed.into());
    }
    let der = from_base64(leaf).map_err(|_| Refusal::CertificateMalformed)?;
    let certificate = certificate(entra, &der).map_err(|fault| match fault {
        CertificateFault::Malformed => Refusal::CertificateMalformed,
        CertificateFault::Foreign => Refusal::CertificateForeign,
        CertificateFault::Expired => Refusal::CertificateExpired,
    })?;
    certificate
        .public()
        .map_err(|_| Refusal::CertificateMalformed)?
        .verify(SignatureAlgorithm::RsaSha256, jws.signing_input.as_bytes(), &jws.signature)
        .map_err(|_| Refusal::SignedRequestSignature)?;
    let found = entra.directory().device_by_thumbprint(&certificate.thumbprint()).await?;
    match found {
        Some(device) if device.enabled => Ok((device, certificate)),
        Some(_) if by_hello => Err(Refusal::HelloDeviceDisabled.into()),
        Some(_) => Err(Refusal::DeviceDisabled.into()),
        None if by_hello => Err(Refusal::HelloDeviceNotFound.into()),
        None => Err(Refusal::DeviceUnknown.into()),
    }
}

/// What is wrong with a device certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateFault {
    /// No certificate.
    Malformed,
    /// Not issued by this tenant.
    Foreign,
    /// Not valid now.
    Expired,
}

/// A device certificate of this tenant that is valid now. Whether its device still exists is the directory's to say.
pub(crate) fn certificate(entra: &Entra, der: &[u8]) -> Result<Certificate, CertificateFault> {
    let certificate = Certificate::from_der(der).map_err(|_| CertificateFault::Malformed)?;
    let authority = entra.keys().devices.certificate();
    if certificate.issuer() != authority.subject() {
        return Err(CertificateFault::Foreign);
    }
    certificate.verify_issued_by(authority).map_err(|_| CertificateFault::Foreign)?;
    let validity = certificate.validity().map_err(|_| CertificateFault::Malformed)?;
    if validity.contains(entra.now()) { Ok(certificate) } else { Err(CertificateFault::Expired) }
}
