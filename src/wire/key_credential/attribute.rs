//! A value of the attribute `msDS-KeyCredentialLink`: the blob as DN-Binary, `B:<hex characters>:<hex>:<DN>`
//! (MS-ADTS section 3.1.1.2.2.2.1).

use super::{KeyCredential, KeyCredentialFault};

/// What is wrong with a value, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AttributeFault {
    /// Not four parts, the first of which is `B`.
    #[error("the value is not of the form B:<count>:<hex>:<DN>")]
    Form,
    /// The count is not that of the hexadecimal characters.
    #[error("the count of the value is not that of its hexadecimal characters")]
    Count,
    /// Not hexadecimal.
    #[error("the value is not hexadecimal")]
    Hex,
    /// No distinguished name.
    #[error("the value names no object")]
    Dn,
    /// The blob is none.
    #[error(transparent)]
    Credential(#[from] KeyCredentialFault),
}

impl KeyCredential {
    /// The value for the object of that distinguished name; hexadecimal in upper case, as directories show it.
    pub fn to_attribute(&self, dn: &str) -> String {
        let hex: String = self.to_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        format!("B:{}:{hex}:{dn}", hex.len())
    }
}

/// Reads a value: the key and the distinguished name, which is not looked into.
///
/// # Errors
/// An [`AttributeFault`] for the first check that fails.
pub fn from_attribute(value: &str) -> Result<(KeyCredential, &str), AttributeFault> {
    let mut parts = value.splitn(4, ':');
    let (Some("B"), Some(count), Some(hex), Some(dn)) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(AttributeFault::Form);
    };
    if count != hex.len().to_string() {
        return Err(AttributeFault::Count);
    }
    let blob = from_hex(hex).ok_or(AttributeFault::Hex)?;
    if dn.is_empty() {
        return Err(AttributeFault::Dn);
    }
    Ok((KeyCredential::from_bytes(&blob)?, dn))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
