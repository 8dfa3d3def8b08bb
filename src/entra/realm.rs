//! Where a user signs in: realm discovery, which clients ask before they send a password.

use serde_json::{Value, json};

use crate::wire::http::{Request, decoded_segment};
use crate::wire::oauth::field;

use super::Entra;
use super::refusal::Failure;

/// Answers `GET /{tenant}/UserRealm/{user}`. A user of another domain is `Unknown`; whether a user exists is not told. The two
/// versions name things differently \[client\]; in either, `Federated` would send roadtx to WS-Trust.
pub(crate) fn find(entra: &Entra, tenant: &str, user: &str, request: &Request) -> Result<Value, Failure> {
    entra.check_tenant(tenant)?;
    let user = decoded_segment(user);
    let domain = user.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default();
    let kind = if domain == entra.tenant().domain { "Managed" } else { "Unknown" };
    if field(&request.query(), "api-version") == Some("2.0") {
        return Ok(json!({
            "Login": user,
            "NameSpaceType": kind,
            "DomainName": domain,
            "FederationBrandName": entra.tenant().display_name,
            "CloudInstanceName": "microsoftonline.com",
        }));
    }
    Ok(json!({
        "ver": "1.0",
        "account_type": kind,
        "domain_name": domain,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }))
}
