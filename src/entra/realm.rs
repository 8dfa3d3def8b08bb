//! Where a user signs in: realm discovery, which clients ask before they send a password.

use serde::Serialize;

use crate::wire::http::decoded_segment;

use super::Entra;
use super::refusal::{Failure, Refusal};

/// What clients read of the answer; roadtx needs `account_type`, `Federated` would send it to WS-Trust.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Realm {
    ver: &'static str,
    account_type: &'static str,
    domain_name: String,
    cloud_instance_name: &'static str,
    cloud_audience_urn: &'static str,
}

/// Answers `GET /{tenant}/UserRealm/{user}`. A user of another domain is `Unknown`; whether a user exists is not told.
pub(crate) fn find(entra: &Entra, tenant: &str, user: &str) -> Result<Realm, Failure> {
    if !entra.is_named(tenant) {
        return Err(Refusal::TenantUnknown.into());
    }
    let user = decoded_segment(user);
    let domain = user.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default();
    let managed = domain == entra.tenant().domain;
    Ok(Realm {
        ver: "1.0",
        account_type: if managed { "Managed" } else { "Unknown" },
        domain_name: domain,
        cloud_instance_name: "microsoftonline.com",
        cloud_audience_urn: "urn:federation:MicrosoftOnline",
    })
}
