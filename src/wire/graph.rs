//! Microsoft Graph: the objects that tell of Hello keys, of devices and of whoever asks (protocol.md 5.5).

use serde::{Deserialize, Serialize};

use super::key_credential::{KeyStrength, SearchableDeviceKey};

/// `@odata.type` of a Hello key.
pub const HELLO_METHOD_TYPE: &str = "#microsoft.graph.windowsHelloForBusinessAuthenticationMethod";

/// One object, with the address of its description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity<T> {
    /// URL below `$metadata`.
    #[serde(rename = "@odata.context")]
    pub context: String,
    /// The object's members, beside the context.
    #[serde(flatten)]
    pub entity: T,
}

/// Several objects, all on one page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection<T> {
    /// URL below `$metadata`.
    #[serde(rename = "@odata.context")]
    pub context: String,
    /// The objects.
    pub value: Vec<T>,
}

/// A Hello key of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HelloMethod {
    /// [`HELLO_METHOD_TYPE`].
    #[serde(rename = "@odata.type")]
    pub kind: String,
    /// GUID; the `kid` of its registration. \[inferred\]
    pub id: String,
    /// Name of the device that registered it; null once that is deleted. \[inferred\]
    pub display_name: Option<String>,
    /// ISO 8601 in UTC, to the second.
    pub created_date_time: String,
    /// How strong it is.
    pub key_strength: KeyStrength,
    /// The device, only where it was asked for; null once it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Option<GraphDevice>>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphDevice {
    /// GUID of the object, which is not the device's own.
    pub id: String,
    /// GUID of the device, as its certificate has it.
    pub device_id: String,
    /// Name shown to people.
    pub display_name: String,
    /// Whether it may be used.
    pub account_enabled: bool,
    /// Operating system.
    pub operating_system: String,
    /// Its version.
    pub operating_system_version: String,
    /// `AzureAd` (joined) or `Workplace` (registered).
    pub trust_type: String,
    /// When it joined: ISO 8601 in UTC, to the second.
    pub registration_date_time: String,
}

/// A user. What `$select` leaves out is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphUser {
    /// GUID of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// UPN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    /// The user's Hello keys as the directory keeps them, only where `$select` names them. \[inferred\]: known from the
    /// retired Azure AD Graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searchable_device_key: Option<Vec<SearchableDeviceKey>>,
}

/// Error body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphError {
    /// Its only member.
    pub error: GraphErrorBody,
}

/// What is in an error body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphErrorBody {
    /// One of Graph's codes, of which each stands for many causes.
    pub code: String,
    /// Text; here it begins with the exact name of the refusal.
    pub message: String,
    /// Where and when.
    #[serde(rename = "innerError")]
    pub inner_error: InnerError,
}

/// The ids of a refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct InnerError {
    /// ISO 8601 in UTC without its Z.
    pub date: String,
    /// The server's GUID of the request.
    pub request_id: String,
    /// The client's, or the server's where the client gave none.
    pub client_request_id: String,
}
