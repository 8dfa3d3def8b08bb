//! `.reg`: what the Registry Editor exports and imports (Microsoft support article 310516).
//!
//! The editor passes over what it does not understand; here that is refused, since a policy that is silently not set is the
//! worst outcome. The first line says which of two dialects it is. Version 5.00 is Unicode: the editor writes UTF-16, and UTF-8
//! is taken as well. `REGEDIT4` is in the code page of the machine that wrote it, which the file does not name, so only ASCII is
//! taken; its `hex(1)`, `hex(2)` and `hex(7)` hold that text in bytes, and become UTF-16 as they do on import.

mod decode;
mod fault;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use super::WriteFault;
pub use fault::RegFault;
pub use reader::parse;
pub use writer::write;

/// First line of the Unicode dialect.
const VERSION_5: &str = "Windows Registry Editor Version 5.00";
/// First line of the 8-bit dialect.
const REGEDIT4: &str = "REGEDIT4";

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-16LE with a byte order mark, as the Registry Editor does.
    Utf16,
    /// UTF-8 without one, for version control. The Registry Editor reads only the ASCII of it right.
    Utf8,
}
