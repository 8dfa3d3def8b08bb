//! What the tests of both formats write.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{Change, Data, Entry};

/// A path that either format holds.
fn key() -> impl Strategy<Value = String> {
    let part = r"[^\r\n\x00\\;\]]{1,8}";
    vec(part, 2..5)
        .prop_map(|parts| parts.join("\\"))
        .prop_filter("a sign at the front", |key| !key.starts_with('-') && !key.starts_with("**"))
}

fn data() -> impl Strategy<Value = Data> {
    let raw = (0..12_u32, vec(any::<u8>(), 0..90)).prop_map(|(kind, bytes)| Data::from_raw(kind, bytes));
    prop_oneof![
        any::<u32>().prop_map(Data::Dword),
        r#"[a-z"\\;é𝄞 ]{0,20}"#.prop_map(Data::Text),
        "(?s:.){0,40}".prop_map(Data::Text),
        raw,
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let name = || r"[^\r\n\x00]{0,12}";
    prop_oneof![
        4 => (name(), data()).prop_map(|(name, data)| Change::Set { name, data }),
        1 => name().prop_map(|name| Change::DeleteValue { name }),
        1 => Just(Change::DeleteValues),
        1 => Just(Change::DeleteKey),
    ]
}

/// Changes of few keys, so that some follow each other in one.
pub(super) fn entries() -> impl Strategy<Value = Vec<Entry>> {
    (vec(key(), 1..4), vec((any::<Index>(), change()), 0..12)).prop_map(|(keys, changes)| {
        let entry = |(at, change): (Index, Change)| Entry { position: 0, key: at.get(&keys).clone(), change };
        changes.into_iter().map(entry).collect()
    })
}

/// The entries without their places, which no writer keeps.
pub(super) fn placeless(entries: Vec<Entry>) -> Vec<Entry> {
    entries.into_iter().map(|entry| Entry { position: 0, ..entry }).collect()
}

/// An entry.
pub(super) fn entry(position: usize, key: &str, change: Change) -> Entry {
    Entry { position, key: key.to_owned(), change }
}

/// A value that is set.
pub(super) fn set(name: &str, data: Data) -> Change {
    Change::Set { name: name.to_owned(), data }
}

/// A value that is deleted.
pub(super) fn delete(name: &str) -> Change {
    Change::DeleteValue { name: name.to_owned() }
}

/// A value of a kind without a name of its own.
pub(super) fn other(kind: u32, bytes: &[u8]) -> Data {
    Data::Other { kind, bytes: bytes.to_vec() }
}
