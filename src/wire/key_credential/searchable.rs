//! The JSON form in Entra's own directory: the property `searchableDeviceKey` of a user. \[client\]
//!
//! It has no KeySource and no last sign-in, and holds the key itself, not the blob around it.

use serde::{Deserialize, Serialize};

use super::{CustomKeyFault, CustomKeyInformation, KeyCredential, KeyCredentialFault, KeySource, KeyUsage};
use crate::base::{Timestamp, Uuid, filetime, from_filetime};
use crate::wire::encoding::{base64, from_base64};

/// One element of the property. Members of FIDO keys are always there, and empty here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchableDeviceKey {
    /// `NGC`, `STK`, `FIDO`, `FEK`.
    pub usage: String,
    /// base64 of the KeyID.
    pub key_identifier: String,
    /// base64 of the material.
    pub key_material: String,
    /// ISO 8601 in UTC, seven digits of fraction.
    pub creation_time: String,
    /// GUID of the device.
    pub device_id: String,
    /// base64 of CUSTOM_KEY_INFORMATION.
    pub custom_key_information: String,
    /// Of FIDO keys alone.
    pub fido_aa_guid: Option<String>,
    /// Of FIDO keys alone.
    pub fido_authenticator_version: Option<String>,
    /// Of FIDO keys alone.
    pub fido_attestation_certificates: Vec<String>,
}

/// What is wrong with an element, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SearchableKeyFault {
    /// A usage that is not known.
    #[error("usage is none that is known")]
    Usage,
    /// `keyMaterial` is not base64.
    #[error("keyMaterial is not base64")]
    MaterialEncoding,
    /// The material is no key.
    #[error(transparent)]
    Material(#[from] KeyCredentialFault),
    /// `keyIdentifier` is not the hash of the material.
    #[error("keyIdentifier is not the hash of keyMaterial")]
    KeyIdentifier,
    /// `creationTime` is no instant in UTC.
    #[error("creationTime is no instant in UTC")]
    CreationTime,
    /// `deviceId` is no GUID.
    #[error("deviceId is no GUID")]
    DeviceId,
    /// `customKeyInformation` is not base64.
    #[error("customKeyInformation is not base64")]
    CustomEncoding,
    /// `customKeyInformation` is none.
    #[error(transparent)]
    Custom(#[from] CustomKeyFault),
}

impl SearchableDeviceKey {
    /// The JSON form of a key; `None` when it lacks time, device or custom key information.
    pub fn of(key: &KeyCredential) -> Option<Self> {
        Some(Self {
            usage: key.usage().name().to_owned(),
            key_identifier: base64(&key.key_id()),
            key_material: base64(key.material()),
            creation_time: key.created?.strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string(),
            device_id: key.device_id?.to_string(),
            custom_key_information: base64(&key.custom.as_ref()?.to_bytes()),
            fido_aa_guid: None,
            fido_authenticator_version: None,
            fido_attestation_certificates: Vec::new(),
        })
    }

    /// The key of the JSON form, as one of Entra's. The members of FIDO keys are not looked at.
    ///
    /// # Errors
    /// A [`SearchableKeyFault`] for the first check that fails.
    pub fn read(&self) -> Result<KeyCredential, SearchableKeyFault> {
        let usage = KeyUsage::ALL.into_iter().find(|usage| usage.name() == self.usage);
        let usage = usage.ok_or(SearchableKeyFault::Usage)?;
        let material = from_base64(&self.key_material).map_err(|_| SearchableKeyFault::MaterialEncoding)?;
        let mut key = KeyCredential::new(usage, material)?;
        if self.key_identifier != base64(&key.key_id()) {
            return Err(SearchableKeyFault::KeyIdentifier);
        }
        key.created = Some(instant(&self.creation_time).ok_or(SearchableKeyFault::CreationTime)?);
        key.device_id = Some(Uuid::parse_str(&self.device_id).map_err(|_| SearchableKeyFault::DeviceId)?);
        let custom = from_base64(&self.custom_key_information).map_err(|_| SearchableKeyFault::CustomEncoding)?;
        key.custom = Some(CustomKeyInformation::from_bytes(&custom)?);
        key.source = Some(KeySource::AzureAd);
        Ok(key)
    }
}

/// An instant that ends with `Z` and that a blob can hold: from 1601 on, and in whole ticks.
fn instant(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.strip_suffix('Z').and_then(|_| text.parse().ok())?;
    (from_filetime(filetime(at)) == Some(at)).then_some(at)
}
