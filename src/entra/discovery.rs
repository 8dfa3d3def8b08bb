//! Where a device finds the services, and the registration service's nonce.

use crate::wire::discovery::{
    AuthenticationService, DeviceJoinService, Discovery, DrsNonceReply, KeyProvisioningService, NonceService, OAuth2,
    TenantInfo,
};
use crate::wire::host;
use crate::wire::token::DRS_AUDIENCE;

use super::Entra;
use super::nonce::Purpose;
use super::refusal::{Failure, Refusal};

/// Answers `GET /{tenant}/Discover` (protocol.md 3.2).
pub(crate) fn discover(entra: &Entra, tenant: &str) -> Result<Discovery, Failure> {
    if !entra.is_named(tenant) {
        return Err(Refusal::DiscoveryTenantUnknown.into());
    }
    let (login, registration) = (host::LOGIN, host::REGISTRATION);
    let id = entra.tenant().id;
    let resource = || DRS_AUDIENCE.to_owned();
    Ok(Discovery {
        authentication_service: AuthenticationService {
            oauth2: OAuth2 {
                authorization: format!("https://{login}/{id}/oauth2/authorize"),
                token: format!("https://{login}/{id}/oauth2/token"),
            },
        },
        device_join_service: DeviceJoinService {
            endpoint: format!("https://{registration}/EnrollmentServer/device/"),
            resource: resource(),
            version: "2.0".to_owned(),
        },
        key_provisioning_service: KeyProvisioningService {
            endpoint: format!("https://{registration}/EnrollmentServer/key/"),
            resource: resource(),
            version: "1.0".to_owned(),
        },
        nonce_service: NonceService {
            endpoint: format!("https://{registration}/EnrollmentServer/nonce/{id}/"),
            resource: resource(),
            version: "1.0".to_owned(),
        },
        tenant_info: TenantInfo {
            display_name: entra.tenant().display_name.clone(),
            tenant_id: id.to_string(),
            tenant_name: entra.tenant().domain.clone(),
        },
    })
}

/// Answers `GET /EnrollmentServer/nonce/{tenant}/` (protocol.md 3.3).
pub(crate) fn nonce(entra: &Entra, tenant: &str) -> Result<DrsNonceReply, Failure> {
    if !entra.is_named(tenant) {
        return Err(Refusal::DiscoveryTenantUnknown.into());
    }
    Ok(DrsNonceReply { value: entra.issue_nonce(Purpose::Registration) })
}
