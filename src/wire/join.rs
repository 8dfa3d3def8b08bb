//! Device join: `POST /EnrollmentServer/device/?api-version=2.0` (MS-DVRJ, and protocol.md 3.4 for Entra's dialect).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Common name of every join request's subject.
pub const REQUEST_SUBJECT: &str = "7E980AD9-B86D-4306-9425-9AC066FB014A";

/// `JoinType` of an Entra join.
pub const JOIN_TYPE_ENTRA: u32 = 0;
/// `JoinType` of a registered (workplace joined) device.
pub const JOIN_TYPE_REGISTERED: u32 = 4;

/// The certification request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateRequest {
    /// `pkcs10`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// base64 DER.
    pub data: String,
}

/// The request's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinRequest {
    /// The certification request of the device key.
    #[serde(deserialize_with = "super::json::member")]
    pub certificate_request: CertificateRequest,
    /// base64 `RSA1` blob of the transport key.
    pub transport_key: String,
    /// The user's domain.
    pub target_domain: String,
    /// `Windows`, `Linux`, `MacOS`, `Android`.
    pub device_type: String,
    /// Version of the operating system.
    #[serde(rename = "OSVersion")]
    pub os_version: String,
    /// Name shown in the directory.
    pub device_display_name: String,
    /// [`JOIN_TYPE_ENTRA`] or [`JOIN_TYPE_REGISTERED`].
    pub join_type: u32,
    /// Options as text; clients write the member with either case.
    #[serde(default, alias = "attributes")]
    pub attributes: BTreeMap<String, String>,
}

/// The reply's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinReply {
    /// The device certificate.
    pub certificate: JoinCertificate,
    /// The joining user.
    pub user: JoinUser,
    /// Local group changes.
    pub membership_changes: Vec<MembershipChange>,
}

/// The device certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinCertificate {
    /// Upper-case hexadecimal SHA-1.
    pub thumbprint: String,
    /// base64 DER, one line.
    pub raw_body: String,
}

/// The joining user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinUser {
    /// User principal name.
    pub upn: String,
}

/// Accounts that join a local group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipChange {
    /// The local group.
    #[serde(rename = "LocalSID")]
    pub local_sid: String,
    /// Who joins it.
    #[serde(rename = "AddSIDs")]
    pub add_sids: Vec<String>,
}

/// Error body (MS-DVRJ section 2.2.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinError {
    /// Machine-readable name.
    pub error_type: String,
    /// Text.
    pub message: String,
    /// Trace id.
    pub trace_id: String,
    /// `MM-dd-yyyy HH:mm:ssZ`.
    pub time: String,
}
