//! What a directory tells of a Hello key: how strong it is, and its KEYCREDENTIALLINK in both dialects.

use crate::base::{Timestamp, Uuid};
use crate::wire::encoding::from_base64;
use crate::wire::key_credential::{KeyCredential, KeyStrength};

use super::Entra;
use super::directory::Key;
use super::refusal::Broken;

/// A registered Hello key, as a directory keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The server's GUID of it.
    pub kid: Uuid,
    /// The device that registered it.
    pub device_id: Uuid,
    /// `none`, `software`, `aik`, `aik+ek`.
    pub level: String,
    /// How strong it is.
    pub strength: KeyStrength,
    /// As Active Directory would keep it.
    pub ad: KeyCredential,
    /// As Entra keeps it.
    pub azure: KeyCredential,
}

impl Entra {
    /// The Hello keys of a user, oldest first; `None` if there is no user of that name.
    ///
    /// # Errors
    /// [`Broken::Directory`] when the database fails, [`Broken::Encoding`] when it holds no key where one should be.
    pub async fn key_records(&self, upn: &str) -> Result<Option<Vec<KeyRecord>>, Broken> {
        let Some(user) = self.directory().user_by_upn(upn).await? else { return Ok(None) };
        let keys = self.directory().keys_of_user(user.id).await?;
        keys.iter().map(Key::record).collect::<Result<_, _>>().map(Some)
    }
}

impl Key {
    /// How strong the key was found to be when it was registered.
    pub(crate) fn strength(&self) -> KeyStrength {
        match self.strength.as_str() {
            "normal" => KeyStrength::Normal,
            "weak" => KeyStrength::Weak,
            _ => KeyStrength::Unknown,
        }
    }

    /// As Entra keeps it.
    pub(crate) fn azure(&self) -> Result<KeyCredential, Broken> {
        KeyCredential::azure(self.material()?, self.strength(), self.device, self.registered()?)
            .map_err(|_| Broken::Encoding)
    }

    /// When it was registered.
    pub(crate) fn registered(&self) -> Result<Timestamp, Broken> {
        Timestamp::from_second(self.created).map_err(|_| Broken::Encoding)
    }

    fn record(&self) -> Result<KeyRecord, Broken> {
        let ad = KeyCredential::ad(self.material()?, self.device, self.registered()?);
        Ok(KeyRecord {
            kid: self.kid,
            device_id: self.device,
            level: self.level.clone(),
            strength: self.strength(),
            ad: ad.map_err(|_| Broken::Encoding)?,
            azure: self.azure()?,
        })
    }

    fn material(&self) -> Result<Vec<u8>, Broken> {
        from_base64(&self.blob).map_err(|_| Broken::Encoding)
    }
}
