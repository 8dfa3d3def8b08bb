//! Changes of a Windows registry as files hold them: the export format of the Registry Editor and the file of a Group Policy.
//!
//! Both give the same list of [`Entry`], in the order of the file, since a later change undoes an earlier one. What a key or a
//! value means is not known here.

pub mod pol;
pub mod reg;
#[cfg(test)]
mod samples;
mod utf16;

/// Number of `REG_SZ`.
pub const REG_SZ: u32 = 1;
/// Number of `REG_BINARY`.
pub const REG_BINARY: u32 = 3;
/// Number of `REG_DWORD`.
pub const REG_DWORD: u32 = 4;

/// The longest name of one key (Windows, Registry Element Size Limits).
const PART_LIMIT: usize = 255;
/// The longest path, in bytes of UTF-8. Ours: every entry carries its key, so a long one over many short values would take
/// far more memory than the file has bytes.
const PATH_LIMIT: usize = 1024;

/// Data of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_SZ`, without the NUL at its end.
    Text(String),
    /// Any other kind, and one of the above whose bytes are not of its form.
    Other {
        /// Number of the `REG_*` type.
        kind: u32,
        /// The raw bytes.
        bytes: Vec<u8>,
    },
}

impl Data {
    /// Data out of the number of its type and the bytes that the registry would hold.
    pub fn from_raw(kind: u32, bytes: Vec<u8>) -> Self {
        match (kind, bytes.as_slice()) {
            (REG_DWORD, &[a, b, c, d]) => Self::Dword(u32::from_le_bytes([a, b, c, d])),
            (REG_SZ, _) => utf16::from_sz(&bytes).map_or(Self::Other { kind, bytes }, Self::Text),
            _ => Self::Other { kind, bytes },
        }
    }

    /// The number of the type and the bytes that the registry would hold.
    pub fn to_raw(&self) -> (u32, Vec<u8>) {
        match self {
            Self::Dword(number) => (REG_DWORD, number.to_le_bytes().to_vec()),
            Self::Text(text) => (REG_SZ, utf16::to_sz(text)),
            Self::Other { kind, bytes } => (*kind, bytes.clone()),
        }
    }

    /// Whether it is an `Other` whose bytes are a number's or a text's, so that it would come back as that.
    fn is_disguised(&self) -> bool {
        matches!(self, Self::Other { kind, bytes } if !matches!(Self::from_raw(*kind, bytes.clone()), Self::Other { .. }))
    }
}

/// What happens to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A value is written.
    Set {
        /// Its name; empty for the key's default value.
        name: String,
        /// What is written.
        data: Data,
    },
    /// A value is deleted.
    DeleteValue {
        /// Its name; empty for the key's default value.
        name: String,
    },
    /// Every value of the key is deleted.
    DeleteValues,
    /// The key is deleted with all below it.
    DeleteKey,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands, counted from 1: the line of a `.reg`, the record of a `Registry.pol`.
    pub position: usize,
    /// The key as written, its parts apart by one backslash each and none at either end.
    pub key: String,
    /// What happens to it.
    pub change: Change,
}

/// Why an entry has no form in a file. `entry` counts from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum WriteFault {
    /// The key is no path, or holds what would be read as the end of it.
    #[error("entry {entry}: the key cannot be written in this format")]
    Key {
        /// Which entry.
        entry: usize,
    },
    /// The value's name holds what would be read as the end of it, or as a command.
    #[error("entry {entry}: the name of the value cannot be written in this format")]
    Name {
        /// Which entry.
        entry: usize,
    },
    /// A `.reg` deletes values one by one.
    #[error("entry {entry}: a .reg file cannot delete all values of a key")]
    DeleteValues {
        /// Which entry.
        entry: usize,
    },
    /// A `Registry.pol` deletes a key in the name of the one above, and there is none.
    #[error("entry {entry}: a Registry.pol cannot delete a key that has none above it")]
    Root {
        /// Which entry.
        entry: usize,
    },
    /// The bytes are not of the form that a `Registry.pol` has for their type, or would be read back as another kind of data.
    #[error("entry {entry}: the data and its type disagree")]
    Kind {
        /// Which entry.
        entry: usize,
    },
    /// No name and no data: in a `Registry.pol` this makes the key and sets nothing.
    #[error("entry {entry}: a default value without data cannot be written in a Registry.pol")]
    Empty {
        /// Which entry.
        entry: usize,
    },
    /// More data than a record holds.
    #[error("entry {entry}: more than 65535 bytes of data")]
    Size {
        /// Which entry.
        entry: usize,
    },
}

impl WriteFault {
    /// Which entry it is about, counted from 1.
    pub fn position(&self) -> Option<usize> {
        match *self {
            Self::Key { entry }
            | Self::Name { entry }
            | Self::DeleteValues { entry }
            | Self::Root { entry }
            | Self::Kind { entry }
            | Self::Empty { entry }
            | Self::Size { entry } => Some(entry),
        }
    }
}

/// The path of a key without a backslash at either end; none if a part is empty or anything is too long.
fn path(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\\').unwrap_or(text);
    let text = text.strip_suffix('\\').unwrap_or(text);
    let is_name = |part: &str| !part.is_empty() && part.chars().count() <= PART_LIMIT;
    (text.len() <= PATH_LIMIT && text.split('\\').all(is_name)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_named_only_when_its_bytes_are_of_its_form() {
        for (kind, bytes, data) in [
            (REG_DWORD, vec![1, 2, 0, 0], Data::Dword(0x201)),
            (REG_SZ, vec![0, 0], Data::Text(String::new())),
            (REG_SZ, b"a\0\0\0b\0\0\0".to_vec(), Data::Text("a\0b".into())),
            (REG_DWORD, vec![1, 2, 0], Data::Other { kind: 4, bytes: vec![1, 2, 0] }),
            (REG_SZ, vec![], Data::Other { kind: 1, bytes: vec![] }),
            (REG_SZ, b"a\0".to_vec(), Data::Other { kind: 1, bytes: b"a\0".to_vec() }),
            (REG_SZ, b"a\0\0".to_vec(), Data::Other { kind: 1, bytes: b"a\0\0".to_vec() }),
            (REG_SZ, b"\0\xd8\0\0".to_vec(), Data::Other { kind: 1, bytes: b"\0\xd8\0\0".to_vec() }),
            (5, vec![0, 0, 0, 1], Data::Other { kind: 5, bytes: vec![0, 0, 0, 1] }),
        ] {
            assert_eq!(Data::from_raw(kind, bytes.clone()), data);
            assert_eq!(data.to_raw(), (kind, bytes.clone()));
            let disguised = Data::Other { kind, bytes };
            assert_eq!(disguised.is_disguised(), disguised != data);
        }
    }

    #[test]
    fn a_path_has_no_empty_part_and_no_endless_one() {
        for (text, expected) in [(r"A\B", Some(r"A\B")), (r"\A\B\", Some(r"A\B")), ("A", Some("A"))] {
            assert_eq!(path(text), expected);
        }
        let long = "a".repeat(PART_LIMIT);
        assert!(path(&long).is_some());
        assert!(path(&[long.as_str(); 4].join("\\")).is_some());
        let too_long = [long.as_str(); 5].join("\\");
        for text in ["", r"\", r"\\", r"A\\B", r"A\\", r"\\A", &format!("{long}a"), &too_long] {
            assert_eq!(path(text), None, "{text}");
        }
    }

    #[test]
    fn a_refused_entry_is_named() {
        let entry = 3;
        for fault in [
            WriteFault::Key { entry },
            WriteFault::Name { entry },
            WriteFault::DeleteValues { entry },
            WriteFault::Root { entry },
            WriteFault::Kind { entry },
            WriteFault::Empty { entry },
            WriteFault::Size { entry },
        ] {
            assert_eq!(fault.position(), Some(3));
            assert!(fault.to_string().starts_with("entry 3: "));
        }
    }
}
