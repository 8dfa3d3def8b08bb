//! What is wrong with a `.reg`.

/// What is wrong with a `.reg`. `line` counts from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RegFault {
    /// The byte order mark of big-endian UTF-16.
    #[error("the file is UTF-16 in big-endian order; little-endian is what the Registry Editor writes")]
    Utf16BigEndian,
    /// UTF-16 that does not say so.
    #[error("the file is UTF-16 without a byte order mark")]
    Utf16WithoutMark,
    /// UTF-16 that ends within a unit.
    #[error("the file is UTF-16 with an odd number of bytes")]
    OddLength,
    /// Half a surrogate pair.
    #[error("line {line}: half of a UTF-16 surrogate pair")]
    Surrogate {
        /// Which line.
        line: usize,
    },
    /// Neither mark nor UTF-8.
    #[error("line {line}: not UTF-8")]
    Utf8 {
        /// Which line.
        line: usize,
    },
    /// A character in a code page that the file does not name.
    #[error("line {line}: a character beyond ASCII in a REGEDIT4 file, whose code page is unknown")]
    CodePage {
        /// Which line.
        line: usize,
    },
    /// The first line is not a header.
    #[error("line {line}: neither \"Windows Registry Editor Version 5.00\" nor \"REGEDIT4\"")]
    Header {
        /// Always 1.
        line: usize,
    },
    /// The 8-bit dialect in UTF-16.
    #[error("line {line}: a REGEDIT4 file is 8-bit, and this one is UTF-16")]
    WideRegedit4 {
        /// Always 1.
        line: usize,
    },
    /// A NUL, or a carriage return that ends no line.
    #[error("line {line}: a NUL, or a carriage return within the line")]
    Control {
        /// Which line.
        line: usize,
    },
    /// No key, value or comment.
    #[error("line {line}: neither a key nor a value nor a comment")]
    Line {
        /// Which line.
        line: usize,
    },
    /// The bracket is open, or what it holds is no path.
    #[error("line {line}: no key in brackets, or one with a part that is empty or too long")]
    Key {
        /// Which line.
        line: usize,
    },
    /// A value and no key above it.
    #[error("line {line}: a value before any key")]
    NoKey {
        /// Which line.
        line: usize,
    },
    /// A value below a key that is deleted.
    #[error("line {line}: a value below a key that is deleted")]
    DeletedKey {
        /// Which line.
        line: usize,
    },
    /// A quotation mark has no other. The Registry Editor exports a text with line breaks so; it is not taken.
    #[error("line {line}: the quotation mark is not closed")]
    Unterminated {
        /// Which line.
        line: usize,
    },
    /// A backslash before anything but a backslash or a quotation mark.
    #[error("line {line}: a backslash that stands before neither a backslash nor a quotation mark")]
    Escape {
        /// Which line.
        line: usize,
    },
    /// The name is followed by something else.
    #[error("line {line}: no = directly after the name")]
    Equals {
        /// Which line.
        line: usize,
    },
    /// More after the closing quotation mark.
    #[error("line {line}: something follows the text")]
    Trailing {
        /// Which line.
        line: usize,
    },
    /// Data of no known form.
    #[error("line {line}: the data is not \"...\", dword:, hex:, hex(N): or -")]
    Data {
        /// Which line.
        line: usize,
    },
    /// Not 1 to 8 hexadecimal digits.
    #[error("line {line}: dword: without 1 to 8 hexadecimal digits")]
    Dword {
        /// Which line.
        line: usize,
    },
    /// The type is not 1 to 8 hexadecimal digits.
    #[error("line {line}: hex(N): without 1 to 8 hexadecimal digits as N")]
    Kind {
        /// Which line.
        line: usize,
    },
    /// Not bytes of 1 or 2 digits with a comma between two.
    #[error("line {line}: not hexadecimal bytes separated by commas")]
    Hex {
        /// Which line.
        line: usize,
    },
    /// The file ends after a backslash.
    #[error("line {line}: the backslash at the end promises a line that is not there")]
    Continuation {
        /// Which line.
        line: usize,
    },
}

impl RegFault {
    /// Which line it is about, counted from 1.
    pub fn position(&self) -> Option<usize> {
        match *self {
            Self::Utf16BigEndian | Self::Utf16WithoutMark | Self::OddLength => None,
            Self::Surrogate { line }
            | Self::Utf8 { line }
            | Self::CodePage { line }
            | Self::Header { line }
            | Self::WideRegedit4 { line }
            | Self::Control { line }
            | Self::Line { line }
            | Self::Key { line }
            | Self::NoKey { line }
            | Self::DeletedKey { line }
            | Self::Unterminated { line }
            | Self::Escape { line }
            | Self::Equals { line }
            | Self::Trailing { line }
            | Self::Data { line }
            | Self::Dword { line }
            | Self::Kind { line }
            | Self::Hex { line }
            | Self::Continuation { line } => Some(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_tells_its_place_first() {
        let line = 7;
        let placed = [
            RegFault::Surrogate { line },
            RegFault::Utf8 { line },
            RegFault::CodePage { line },
            RegFault::Header { line },
            RegFault::WideRegedit4 { line },
            RegFault::Control { line },
            RegFault::Line { line },
            RegFault::Key { line },
            RegFault::NoKey { line },
            RegFault::DeletedKey { line },
            RegFault::Unterminated { line },
            RegFault::Escape { line },
            RegFault::Equals { line },
            RegFault::Trailing { line },
            RegFault::Data { line },
            RegFault::Dword { line },
            RegFault::Kind { line },
            RegFault::Hex { line },
            RegFault::Continuation { line },
        ];
        for fault in placed {
            assert_eq!(fault.position(), Some(7));
            assert!(fault.to_string().starts_with("line 7: "), "{fault}");
        }
        for fault in [RegFault::Utf16BigEndian, RegFault::Utf16WithoutMark, RegFault::OddLength] {
            assert_eq!(fault.position(), None);
        }
    }
}
