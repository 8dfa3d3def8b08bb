//! From a key to its blob.

use super::{Entry, KeyCredential, VERSION, time};
use crate::crypto::digest::sha256;

impl KeyCredential {
    /// The blob, with KeyHash; 414 bytes for an RSA-2048 key as AD keeps it, 427 as Entra does.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut hashed = Vec::new();
        put(&mut hashed, Entry::KeyMaterial, &self.material);
        put(&mut hashed, Entry::KeyUsage, &[self.usage.code()]);
        if let Some(source) = self.source {
            put(&mut hashed, Entry::KeySource, &[source.code()]);
        }
        if let Some(device) = self.device_id {
            put(&mut hashed, Entry::DeviceId, &device.to_bytes_le());
        }
        if let Some(custom) = &self.custom {
            put(&mut hashed, Entry::CustomKeyInformation, &custom.to_bytes());
        }
        for (entry, at) in [(Entry::LastLogon, self.last_logon), (Entry::KeyCreation, self.created)] {
            if let Some(at) = at {
                put(&mut hashed, entry, &time::write(at, self.dialect()));
            }
        }
        let mut out = VERSION.to_le_bytes().to_vec();
        put(&mut out, Entry::KeyId, &self.key_id());
        put(&mut out, Entry::KeyHash, &sha256(&hashed));
        out.extend(hashed);
        out
    }
}

fn put(out: &mut Vec<u8>, entry: Entry, value: &[u8]) {
    // The material was measured when the key was made; everything else is short.
    out.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.push(entry as u8);
    out.extend(value);
}
