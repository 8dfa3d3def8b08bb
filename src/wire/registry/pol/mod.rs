//! `Registry.pol`: the file of a Group Policy (MS-GPREG section 2.2.1; "Registry Policy File Format" of the Windows SDK).
//!
//! Eight bytes of header, then records `[key;value;type;size;data]`: brackets and semicolons are UTF-16 characters, key and value
//! name end with a NUL, type and size are 32-bit numbers, all little-endian. The data is raw and may hold any of those signs, so
//! a record is followed by its lengths, never searched. A name that begins with `**` is a command:
//!
//! | Name | Data | Read as |
//! |---|---|---|
//! | `**Del.NAME` | not looked at | the value is deleted |
//! | `**DelVals.`, `**DelVals` | not looked at | every value of the key is deleted |
//! | `**DeleteValues` | names, `;` between two | each value is deleted |
//! | `**DeleteKeys` | keys below this one, `;` between two | each key is deleted with all below it |
//! | `**Soft.NAME` | any | refused: whether it is set depends on the registry |
//! | `**SecureKey` | any | refused: it is about access rights |
//!
//! A record with neither name nor data makes a key and sets nothing; it gives no entry, as does a key without values in a `.reg`.

mod fault;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use super::WriteFault;
pub use fault::PolFault;
pub use reader::parse;
pub use writer::write;

const SIGNATURE: [u8; 4] = *b"PReg";
const VERSION: u32 = 1;

/// What every command begins with.
const COMMAND: &str = "**";
/// Deletes one value, whose name follows.
const DELETE_VALUE: &str = "**del.";
/// Deletes all values, as the editor writes it. The documentation has it without the dot.
const DELETE_ALL_VALUES: &str = "**delvals.";
/// Deletes the values that the data lists.
const DELETE_LISTED_VALUES: &str = "**DeleteValues";
/// Deletes the keys that the data lists.
const DELETE_KEYS: &str = "**DeleteKeys";
/// Sets a value that is not there yet.
const SOFT: &str = "**soft.";
/// Changes the access rights of the key.
const SECURE_KEY: &str = "**SecureKey";
/// Between two items of a list.
const LIST: char = ';';
