//! DRS discovery, Entra flavour: `GET /{tenant}/Discover?api-version=1.9` (protocol.md 3.2).

use serde::{Deserialize, Serialize};

/// A service of the registration host: endpoint, resource id, version; every member is text.
macro_rules! service {
    ($(#[$doc:meta])* $name:ident, $endpoint:literal, $resource:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// Its URL.
            #[serde(rename = $endpoint)]
            pub endpoint: String,
            /// The audience of its tokens.
            #[serde(rename = $resource)]
            pub resource: String,
            /// Its version, which is the `api-version` of requests.
            #[serde(rename = "ServiceVersion")]
            pub version: String,
        }
    };
}

service!(
    /// Device join.
    DeviceJoinService, "JoinEndpoint", "JoinResourceId"
);
service!(
    /// Key registration.
    KeyProvisioningService, "KeyProvisionEndpoint", "KeyProvisionResourceId"
);
service!(
    /// The nonce for attestation.
    NonceService, "Endpoint", "ResourceId"
);

/// The token endpoints of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth2 {
    /// Authorization endpoint.
    #[serde(rename = "AuthCodeEndpoint")]
    pub authorization: String,
    /// Token endpoint.
    #[serde(rename = "TokenEndpoint")]
    pub token: String,
}

/// Wrapper of [`OAuth2`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationService {
    /// The endpoints.
    #[serde(rename = "OAuth2")]
    pub oauth2: OAuth2,
}

/// The tenant as discovery tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TenantInfo {
    /// Display name.
    pub display_name: String,
    /// Tenant id.
    pub tenant_id: String,
    /// Default domain.
    pub tenant_name: String,
}

/// The reply. Members that this crate does not serve are left out; clients take each as optional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Discovery {
    /// Token endpoints.
    pub authentication_service: AuthenticationService,
    /// Device join.
    pub device_join_service: DeviceJoinService,
    /// Key registration.
    pub key_provisioning_service: KeyProvisioningService,
    /// Nonces.
    pub nonce_service: NonceService,
    /// The tenant.
    pub tenant_info: TenantInfo,
}

/// Reply of the nonce service: `GET /EnrollmentServer/nonce/{tenant}/?api-version=1.0` (protocol.md 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrsNonceReply {
    /// The nonce; opaque to the client.
    #[serde(rename = "Value")]
    pub value: String,
}
