//! Device deletion by the device itself, which proves to be there by its certificate in the TLS handshake.

use crate::base::Uuid;

use super::Entra;
use super::device_proof::{self, CertificateFault};
use super::refusal::{Failure, Refusal};

/// Answers `DELETE /EnrollmentServer/device/{id}` . Checks in this order: certificate, device, path. The
/// device's PRTs are revoked with it, its Hello keys stay. A device that is disabled may still leave.
pub(crate) async fn leave(entra: &Entra, path: &str, certificate: Option<&[u8]>) -> Result<(), Failure> {
    let der = certificate.ok_or(Refusal::LeaveCertificateMissing)?;
    let certificate = device_proof::certificate(entra, der).map_err(|fault| match fault {
        CertificateFault::Malformed => Refusal::LeaveCertificateMalformed,
        CertificateFault::Foreign => Refusal::LeaveCertificateForeign,
        CertificateFault::Expired => Refusal::LeaveCertificateExpired,
    })?;
    let device = entra.directory().device_by_thumbprint(&certificate.thumbprint()).await?;
    let device = device.ok_or(Refusal::LeaveDeviceUnknown)?;
    if Uuid::parse_str(path) != Ok(device.id) {
        return Err(Refusal::LeaveOtherDevice.into());
    }
    entra.delete_device(device.id).await?;
    Ok(())
}
