//! Keys as a directory keeps them. Hashes are in them that no fuzzer guesses, so they are also set right and tried again.

use whfb::crypto::digest::sha256;
use whfb::wire::encoding::base64;
use whfb::wire::json;
use whfb::wire::key_credential::{KeyCredential, SearchableDeviceKey, from_attribute};

use super::{check_growth, check_json, must, same, taken};

/// Length of version, KeyID and KeyHash with their heads.
const HASHES: usize = 4 + 2 * 35;
/// Where the identifier of the second entry stands behind a KeyID.
const SECOND: usize = 4 + 35 + 2;

/// Whether any of the three forms is taken.
pub(super) fn judge(bytes: &[u8]) -> Result<bool, String> {
    let mut all = blob(bytes)?;
    if let Some(right) = set_right(bytes) {
        blob(&right)?;
    }
    let text = String::from_utf8_lossy(bytes);
    all |= attribute(&text)?;
    Ok(all | searchable(bytes)?)
}

/// A blob with a KeyHash is written to the same bytes, one without becomes the same key.
fn blob(bytes: &[u8]) -> Result<bool, String> {
    let Some(key) = taken(KeyCredential::from_bytes(bytes))? else { return Ok(false) };
    let written = key.to_bytes();
    check_growth(written.len(), bytes.len(), 1, "a blob")?;
    if bytes.get(SECOND) == Some(&2) {
        same(written.as_slice(), bytes, "a blob written")?;
    }
    check_key(&key)?;
    Ok(true)
}

/// A key survives each form that can hold it.
fn check_key(key: &KeyCredential) -> Result<(), String> {
    same(&must(KeyCredential::from_bytes(&key.to_bytes()), "a blob")?, key, "a key as a blob")?;
    let dn = "CN=Alice,DC=contoso,DC=example";
    let value = key.to_attribute(dn);
    let read = must(from_attribute(&value), "an attribute")?;
    same(&(&read.0, read.1), &(key, dn), "a key as an attribute")?;
    let Some(element) = SearchableDeviceKey::of(key) else { return Ok(()) };
    let read = must(element.read(), "an element")?;
    same(&must(SearchableDeviceKey::of(&read).ok_or("none"), "an element again")?, &element, "a key as an element")?;
    same(&(read.usage(), read.material(), &read.custom), &(key.usage(), key.material(), &key.custom), "its key")
}

/// The blob with KeyID and KeyHash of what stands behind them, if it has both entries and a material.
fn set_right(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, hashed) = bytes.split_at_checked(HASHES)?;
    let mut rest = hashed;
    let material = loop {
        let [low, high, identifier, behind @ ..] = rest else { return None };
        let (value, after) = behind.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))?;
        if *identifier == 3 {
            break value;
        }
        rest = after;
    };
    let entry = |at: usize, hash: [u8; 32]| [head.get(at..at + 3).unwrap_or_default(), &hash].concat();
    Some([&head[..4], &entry(4, sha256(material)), &entry(39, sha256(hashed)), hashed].concat())
}

fn attribute(text: &str) -> Result<bool, String> {
    let Some((key, dn)) = taken(from_attribute(text))? else { return Ok(false) };
    let written = key.to_attribute(dn);
    check_growth(written.len(), text.len(), 2, "an attribute")?;
    let again = must(from_attribute(&written), "an attribute that was written")?;
    same(&again, &(key, dn), "an attribute written and read")?;
    check_key(&again.0)?;
    Ok(true)
}

/// An element, and the same with the identifier of its material.
fn searchable(bytes: &[u8]) -> Result<bool, String> {
    let Ok(mut element) = json::object::<SearchableDeviceKey>(bytes) else { return Ok(false) };
    check_json(&element, bytes.len())?;
    let all = taken(element.read())?;
    if let Ok(material) = whfb::wire::encoding::from_base64(&element.key_material) {
        element.key_identifier = base64(&sha256(&material));
    }
    if let Some(key) = taken(element.read())? {
        check_key(&key)?;
    }
    Ok(all.is_some())
}
