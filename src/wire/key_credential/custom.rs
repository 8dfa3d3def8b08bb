//! CUSTOM_KEY_INFORMATION (MS-ADTS section 2.2.20.4). Which form it has is told by its length alone.

/// Version of the structure.
const VERSION: u8 = 1;
/// Version, flags and the four fields behind them.
const HEAD: usize = 6;

/// How strong a key is, as Graph tells it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStrength {
    /// 0: nobody looked.
    Unknown,
    /// 1: a key that can be broken.
    Weak,
    /// 2: a good key.
    Normal,
}

impl KeyStrength {
    /// The word of Graph.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Weak => "weak",
            Self::Normal => "normal",
        }
    }
}

/// The volume that a file-encryption key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Volume {
    /// 0: none.
    None,
    /// 1: that of the operating system.
    System,
    /// 2: a fixed one.
    Fixed,
    /// 3: a removable one.
    Removable,
}

/// What is wrong with the structure, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CustomKeyFault {
    /// Of none of the lengths that the forms have.
    #[error("CUSTOM_KEY_INFORMATION of {0} bytes has no known form")]
    Length(usize),
    /// Another version than 1.
    #[error("CUSTOM_KEY_INFORMATION is of version {0}")]
    Version(u8),
    /// Flags that are not known.
    #[error("CUSTOM_KEY_INFORMATION has the unknown flags {0:#04x}")]
    Flags(u8),
    /// A volume type above 3.
    #[error("there is no volume type {0}")]
    Volume(u8),
    /// A boolean above 1.
    #[error("SupportsNotification is {0}")]
    Notification(u8),
    /// Another version of file-encryption keys than 0 (none) and 1.
    #[error("there is no version {0} of file-encryption keys")]
    FekKeyVersion(u8),
    /// A strength above 2.
    #[error("there is no key strength {0}")]
    Strength(u8),
    /// Reserved bytes that are not zero.
    #[error("reserved bytes of CUSTOM_KEY_INFORMATION are in use")]
    Reserved,
    /// An extension of another version than 0.
    #[error("the extended CUSTOM_KEY_INFORMATION is of version {0}")]
    ExtensionVersion(u8),
    /// An extension whose size is not that of its bytes.
    #[error("the size of the extended CUSTOM_KEY_INFORMATION is wrong")]
    ExtensionSize,
}

/// The structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomKeyInformation {
    /// The key came with an attestation; reserved.
    pub attestation: bool,
    /// Multi-factor authentication was not used.
    pub mfa_not_used: bool,
    /// What the long form has beside.
    pub tail: Option<CustomKeyTail>,
}

/// The fields of the long form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomKeyTail {
    /// The volume.
    pub volume: Volume,
    /// Whether the key is told of.
    pub supports_notification: bool,
    /// Version of a file-encryption key; 0 for other keys. \[client\]
    pub fek_key_version: u8,
    /// How strong the key is.
    pub strength: KeyStrength,
    /// How many zeros follow: ten, or nine as Entra writes them.
    reserved: usize,
    /// CBOR of the extension, at most 255 bytes; only behind ten zeros.
    extension: Option<Vec<u8>>,
}

impl CustomKeyInformation {
    /// `01 02`: what AD FS writes.
    pub const MFA_NOT_USED: Self = Self { attestation: false, mfa_not_used: true, tail: None };

    /// What Entra writes: no flag, the strength, nine zeros. \[client\]
    pub fn azure(strength: KeyStrength) -> Self {
        let (volume, supports_notification, fek_key_version) = (Volume::None, false, 0);
        let tail =
            CustomKeyTail { volume, supports_notification, fek_key_version, strength, reserved: 9, extension: None };
        Self { attestation: false, mfa_not_used: false, tail: Some(tail) }
    }

    /// How strong the key is; the short form does not say.
    pub fn strength(&self) -> KeyStrength {
        self.tail.as_ref().map_or(KeyStrength::Unknown, |tail| tail.strength)
    }

    /// Writes it: 2 bytes, 15 as Entra does, 16, or more with an extension.
    pub fn to_bytes(&self) -> Vec<u8> {
        let flags = u8::from(self.attestation) | u8::from(self.mfa_not_used) << 1;
        let mut out = vec![VERSION, flags];
        let Some(tail) = &self.tail else { return out };
        let notification = u8::from(tail.supports_notification);
        out.extend([tail.volume as u8, notification, tail.fek_key_version, tail.strength as u8]);
        out.resize(HEAD + tail.reserved, 0);
        if let Some(cbor) = &tail.extension {
            // What was read is at most 255 bytes long, and nothing else makes an extension.
            out.extend([0, u8::try_from(cbor.len()).unwrap_or(u8::MAX)]);
            out.extend(cbor);
        }
        out
    }

    /// Reads it; every byte is accounted for.
    ///
    /// # Errors
    /// A [`CustomKeyFault`] for the first check that fails.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustomKeyFault> {
        let [version, flags, tail @ ..] = bytes else { return Err(CustomKeyFault::Length(bytes.len())) };
        let reserved = match tail.len().checked_sub(4) {
            None if tail.is_empty() => None,
            Some(9) => Some(9),
            Some(rest) if rest == 10 || rest >= 12 => Some(10),
            _ => return Err(CustomKeyFault::Length(bytes.len())),
        };
        if *version != VERSION {
            return Err(CustomKeyFault::Version(*version));
        }
        if flags & !3 != 0 {
            return Err(CustomKeyFault::Flags(*flags));
        }
        let tail = reserved.map(|reserved| CustomKeyTail::read(tail, reserved)).transpose()?;
        Ok(Self { attestation: flags & 1 != 0, mfa_not_used: flags & 2 != 0, tail })
    }
}

impl CustomKeyTail {
    fn read(tail: &[u8], reserved: usize) -> Result<Self, CustomKeyFault> {
        let short = || CustomKeyFault::Length(2 + tail.len());
        let ([volume, notification, fek_key_version, strength], rest) = tail.split_first_chunk().ok_or_else(short)?;
        let (zeros, extension) = rest.split_at_checked(reserved).ok_or_else(short)?;
        let volume = match volume {
            0 => Volume::None,
            1 => Volume::System,
            2 => Volume::Fixed,
            3 => Volume::Removable,
            other => return Err(CustomKeyFault::Volume(*other)),
        };
        if *notification > 1 {
            return Err(CustomKeyFault::Notification(*notification));
        }
        if *fek_key_version > 1 {
            return Err(CustomKeyFault::FekKeyVersion(*fek_key_version));
        }
        let strength = match strength {
            0 => KeyStrength::Unknown,
            1 => KeyStrength::Weak,
            2 => KeyStrength::Normal,
            other => return Err(CustomKeyFault::Strength(*other)),
        };
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(CustomKeyFault::Reserved);
        }
        let extension = extended(extension)?;
        let (supports_notification, fek_key_version) = (*notification == 1, *fek_key_version);
        Ok(Self { volume, supports_notification, fek_key_version, strength, reserved, extension })
    }
}

/// EncodedExtendedCKI: version, size, CBOR, which is kept as it is.
fn extended(bytes: &[u8]) -> Result<Option<Vec<u8>>, CustomKeyFault> {
    match bytes {
        [] => Ok(None),
        [0, size, cbor @ ..] if usize::from(*size) == cbor.len() => Ok(Some(cbor.to_vec())),
        [0, ..] => Err(CustomKeyFault::ExtensionSize),
        [version, ..] => Err(CustomKeyFault::ExtensionVersion(*version)),
    }
}
