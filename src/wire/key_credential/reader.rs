//! From a blob to its key; every byte is accounted for.

use super::{CustomKeyInformation, Entry, KeyCredential, KeyCredentialFault, KeySource, KeyUsage, VERSION, time};
use crate::base::{Timestamp, Uuid};
use crate::crypto::digest::sha256;

/// The values by entry, and where what KeyHash covers begins.
#[derive(Default)]
struct Entries<'a> {
    values: [Option<&'a [u8]>; 9],
    behind_hash: &'a [u8],
}

impl KeyCredential {
    /// Reads a blob. In this order: version, the entries (whole, known, once, ascending), their lengths, the mandatory ones,
    /// KeyID, KeyHash if it is there, usage, material, source, custom key information, times.
    ///
    /// # Errors
    /// A [`KeyCredentialFault`] for the first check that fails.
    pub fn from_bytes(blob: &[u8]) -> Result<Self, KeyCredentialFault> {
        let (version, rest) = blob.split_first_chunk().ok_or(KeyCredentialFault::Truncated)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(KeyCredentialFault::Version(version));
        }
        let entries = Entries::split(rest)?;
        entries.check_lengths()?;
        let key_id = entries.mandatory(Entry::KeyId)?;
        let material = entries.mandatory(Entry::KeyMaterial)?;
        let usage = entries.mandatory(Entry::KeyUsage)?;
        if key_id != sha256(material) {
            return Err(KeyCredentialFault::KeyId);
        }
        if entries.value(Entry::KeyHash).is_some_and(|hash| hash != sha256(entries.behind_hash)) {
            return Err(KeyCredentialFault::KeyHash);
        }
        let mut key = Self::new(read_usage(usage)?, material.to_vec())?;
        key.source = entries.value(Entry::KeySource).map(read_source).transpose()?;
        key.device_id =
            entries.value(Entry::DeviceId).and_then(|value| Some(Uuid::from_bytes_le(value.try_into().ok()?)));
        let custom = entries.value(Entry::CustomKeyInformation).map(CustomKeyInformation::from_bytes);
        key.custom = custom.transpose().map_err(KeyCredentialFault::Custom)?;
        key.last_logon = entries.time(Entry::LastLogon, key.dialect())?;
        key.created = entries.time(Entry::KeyCreation, key.dialect())?;
        Ok(key)
    }
}

impl<'a> Entries<'a> {
    fn split(bytes: &'a [u8]) -> Result<Self, KeyCredentialFault> {
        let mut entries = Self::default();
        let mut rest = bytes;
        let mut before = None;
        while let [first, second, identifier, behind @ ..] = rest {
            let length = usize::from(u16::from_le_bytes([*first, *second]));
            let cut = KeyCredentialFault::EntryTruncated(size_of::<u32>() + bytes.len() - rest.len());
            let (value, after) = behind.split_at_checked(length).ok_or(cut)?;
            let entry = Entry::of(*identifier).ok_or(KeyCredentialFault::Identifier(*identifier))?;
            if entries.value(entry).is_some() {
                return Err(KeyCredentialFault::Repeated(entry));
            }
            if before.is_some_and(|before| before > entry) {
                return Err(KeyCredentialFault::Order(entry));
            }
            entries.values[entry as usize - 1] = Some(value);
            if entry == Entry::KeyHash {
                entries.behind_hash = after;
            }
            (before, rest) = (Some(entry), after);
        }
        if rest.is_empty() {
            return Ok(entries);
        }
        Err(KeyCredentialFault::EntryTruncated(size_of::<u32>() + bytes.len() - rest.len()))
    }

    fn value(&self, entry: Entry) -> Option<&'a [u8]> {
        self.values[entry as usize - 1]
    }

    fn mandatory(&self, entry: Entry) -> Result<&'a [u8], KeyCredentialFault> {
        self.value(entry).ok_or(KeyCredentialFault::Absent(entry))
    }

    /// Material and custom key information have lengths of their own.
    fn check_lengths(&self) -> Result<(), KeyCredentialFault> {
        let wrong = |entry: &Entry| {
            let fixed = match entry {
                Entry::KeyId | Entry::KeyHash => 32,
                Entry::KeyUsage | Entry::KeySource => 1,
                Entry::DeviceId => 16,
                Entry::LastLogon | Entry::KeyCreation => 8,
                Entry::KeyMaterial | Entry::CustomKeyInformation => return false,
            };
            self.value(*entry).is_some_and(|value| value.len() != fixed)
        };
        Entry::ALL.into_iter().find(wrong).map_or(Ok(()), |entry| Err(KeyCredentialFault::Length(entry)))
    }

    fn time(&self, entry: Entry, dialect: KeySource) -> Result<Option<Timestamp>, KeyCredentialFault> {
        let Some(value) = self.value(entry) else { return Ok(None) };
        let at = value.try_into().ok().and_then(|bytes| time::read(bytes, dialect));
        at.map(Some).ok_or(KeyCredentialFault::Time(entry))
    }
}

fn read_usage(value: &[u8]) -> Result<KeyUsage, KeyCredentialFault> {
    let code = value.first().copied().unwrap_or_default();
    KeyUsage::ALL.into_iter().find(|usage| usage.code() == code).ok_or(KeyCredentialFault::Usage(code))
}

fn read_source(value: &[u8]) -> Result<KeySource, KeyCredentialFault> {
    match value {
        [0] => Ok(KeySource::Ad),
        [1] => Ok(KeySource::AzureAd),
        _ => Err(KeyCredentialFault::Source(value.first().copied().unwrap_or_default())),
    }
}
