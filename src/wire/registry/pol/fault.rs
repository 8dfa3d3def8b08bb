//! What is wrong with a `Registry.pol`.

/// What is wrong with a `Registry.pol`. `record` counts from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PolFault {
    /// The first four bytes are others, or absent.
    #[error("the file does not begin with PReg")]
    Signature,
    /// The version is another one, or absent.
    #[error("the version of the file is not 1")]
    Version,
    /// The file ends within a record, before its data.
    #[error("record {record}: the file ends within it")]
    Truncated {
        /// Which record.
        record: usize,
    },
    /// It does not begin with a bracket.
    #[error("record {record}: no [ where it begins")]
    Open {
        /// Which record.
        record: usize,
    },
    /// Its parts are not separated by semicolons.
    #[error("record {record}: no ; between two of its parts")]
    Separator {
        /// Which record.
        record: usize,
    },
    /// Its data is not followed by a bracket.
    #[error("record {record}: no ] after its data")]
    Close {
        /// Which record.
        record: usize,
    },
    /// Key or name hold half a surrogate pair.
    #[error("record {record}: half of a UTF-16 surrogate pair in the key or the name")]
    Surrogate {
        /// Which record.
        record: usize,
    },
    /// The key, or one that is to be deleted below it, is no path.
    #[error("record {record}: the key is empty, has an empty part or is too long")]
    Key {
        /// Which record.
        record: usize,
    },
    /// More data than the rest of the file has bytes.
    #[error("record {record}: its size is larger than what is left of the file")]
    Size {
        /// Which record.
        record: usize,
    },
    /// A `REG_DWORD` of another size.
    #[error("record {record}: a REG_DWORD that has not 4 bytes")]
    Dword {
        /// Which record.
        record: usize,
    },
    /// A `REG_SZ` that is not UTF-16, or has no NUL at its end.
    #[error("record {record}: a REG_SZ that is not UTF-16 with a NUL at its end")]
    Text {
        /// Which record.
        record: usize,
    },
    /// The data of `**DeleteValues` or `**DeleteKeys` is no list.
    #[error("record {record}: not a REG_SZ of names with a ; between two")]
    List {
        /// Which record.
        record: usize,
    },
    /// `**soft.`
    #[error("record {record}: **soft. sets a value only if there is none, which is not supported")]
    Soft {
        /// Which record.
        record: usize,
    },
    /// `**SecureKey`
    #[error("record {record}: **SecureKey changes access rights, which is not supported")]
    SecureKey {
        /// Which record.
        record: usize,
    },
    /// Another name that begins with `**`.
    #[error("record {record}: an unknown command, as the name begins with **")]
    Command {
        /// Which record.
        record: usize,
    },
}

impl PolFault {
    /// Which record it is about, counted from 1.
    pub fn position(&self) -> Option<usize> {
        match *self {
            Self::Signature | Self::Version => None,
            Self::Truncated { record }
            | Self::Open { record }
            | Self::Separator { record }
            | Self::Close { record }
            | Self::Surrogate { record }
            | Self::Key { record }
            | Self::Size { record }
            | Self::Dword { record }
            | Self::Text { record }
            | Self::List { record }
            | Self::Soft { record }
            | Self::SecureKey { record }
            | Self::Command { record } => Some(record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_tells_its_place_first() {
        let record = 3;
        for fault in [
            PolFault::Truncated { record },
            PolFault::Open { record },
            PolFault::Separator { record },
            PolFault::Close { record },
            PolFault::Surrogate { record },
            PolFault::Key { record },
            PolFault::Size { record },
            PolFault::Dword { record },
            PolFault::Text { record },
            PolFault::List { record },
            PolFault::Soft { record },
            PolFault::SecureKey { record },
            PolFault::Command { record },
        ] {
            assert_eq!(fault.position(), Some(3));
            assert!(fault.to_string().starts_with("record 3: "), "{fault}");
        }
        assert_eq!((PolFault::Signature.position(), PolFault::Version.position()), (None, None));
    }
}
