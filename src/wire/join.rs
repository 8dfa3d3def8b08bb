//! Device join: `POST /EnrollmentServer/device/?api-version=2.0` (MS-DVRJ, and protocol.md 3.4 for Entra's dialect).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

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
    /// The attestation key's certificate; absent and `""` are alike (protocol.md 3.4). What Windows puts there is not public:
    /// base64 DER here. \[ours\]
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub aik_certificate: Option<String>,
    /// A statement about the transport key; absent and `""` are alike. Its form is not public either: here it is base64 of a
    /// key attestation statement of the subject alone, whose `extraData` is SHA-256 of the certification request's DER.
    /// \[ours\]
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub attestation_data: Option<String>,
}

/// A text that is there and says something.
fn filled<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(reader)?.filter(|text| !text.is_empty()))
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
    /// The HRESULT that a Windows device shows for it, where there is one. Ours.
    #[serde(rename = "hresult", default, skip_serializing_if = "Option::is_none")]
    pub hresult: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// As roadtx sends it, which writes `attributes` small.
    fn sent() -> Value {
        json!({
            "CertificateRequest": { "Type": "pkcs10", "Data": "AAAA" }, "TransportKey": "UlNBMQ==",
            "TargetDomain": "contoso.example", "DeviceType": "Windows", "OSVersion": "10.0.26100.1",
            "DeviceDisplayName": "LAB-01", "JoinType": 0, "attributes": { "ReuseDevice": "true" },
        })
    }

    #[test]
    fn absent_empty_and_null_attestation_is_none() {
        let plain: JoinRequest = serde_json::from_value(sent()).unwrap();
        assert_eq!((&plain.aik_certificate, &plain.attestation_data), (&None, &None));
        for unused in [json!(""), Value::Null] {
            let mut body = sent();
            (body["AikCertificate"], body["AttestationData"]) = (unused.clone(), unused);
            assert_eq!(serde_json::from_value::<JoinRequest>(body).unwrap(), plain);
        }
        let text = serde_json::to_string(&plain).unwrap();
        assert!(!text.contains("Aik") && !text.contains("AttestationData"), "{text}");
    }

    #[test]
    fn attestation_travels_as_text_and_as_nothing_else() {
        let mut body = sent();
        (body["AikCertificate"], body["AttestationData"]) = (json!("MIIB"), json!("S0FTVA=="));
        let request: JoinRequest = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(request.aik_certificate.as_deref(), Some("MIIB"));
        let again = serde_json::to_value(&request).unwrap();
        assert_eq!((&again["AikCertificate"], &again["AttestationData"]), (&json!("MIIB"), &json!("S0FTVA==")));
        body["AikCertificate"] = json!(["MIIB"]);
        assert!(serde_json::from_value::<JoinRequest>(body).is_err());
    }
}
