//! The part of OMA DM 1.2 SyncML in which administrators hand around settings of configuration service providers.
//!
//! Such a text is a whole `SyncML` message (OMA-TS-DM_RepPro-V1_2), its `SyncBody`, or bare commands one after another, the way
//! documentation and answers in forums show them. Read are `Add`, `Replace` and `Delete` with their items, also inside of
//! `Atomic` and `Sequence`; `Get`, `SyncHdr`, `CmdID`, `Cred` and `Final` are passed over, since they set nothing. Everything
//! else is refused by its name. Namespace prefixes may be any or none.
//!
//! XML itself is taken as strictly as MSXML takes it, and without a DOCTYPE: nothing is ever expanded.

mod document;
mod encoding;
mod markup;
mod write;

use std::fmt;

pub use document::parse;
pub use write::{Unwritable, write};

/// What a command does to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `Add`: makes a node that is not there.
    Add,
    /// `Replace`: sets a node, there or not.
    Replace,
    /// `Delete`: removes a node.
    Delete,
}

impl Verb {
    const ALL: [Verb; 3] = [Verb::Add, Verb::Replace, Verb::Delete];

    /// The element's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Replace => "Replace",
            Self::Delete => "Delete",
        }
    }
}

/// One item of a command: what to do to which node. Nothing is known about the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Line of the item's `LocURI`, counted from 1. [`write`](fn@write) does not look at it.
    pub line: usize,
    /// The command.
    pub verb: Verb,
    /// `Target/LocURI`, never empty.
    pub uri: String,
    /// `Meta/Format`: `bool`, `int`, `chr`, `node`, ... That of the item, else that of its command.
    pub format: Option<String>,
    /// `Data`; `None` without the element, as for an interior node.
    pub data: Option<String>,
}

/// Why a text is not taken, and the line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncmlFault {
    line: Option<usize>,
    reason: Reason,
}

impl SyncmlFault {
    fn at(line: usize, reason: Reason) -> Self {
        Self { line: Some(line), reason }
    }

    fn of_the_whole(reason: Reason) -> Self {
        Self { line: None, reason }
    }

    /// The line, counted from 1; `None` where the fault is that of the text as a whole.
    pub fn position(&self) -> Option<usize> {
        self.line
    }

    /// The exact name of the fault.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl fmt::Display for SyncmlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => self.reason.fmt(f),
        }
    }
}

impl std::error::Error for SyncmlFault {}

/// What is wrong. Names out of the text are shortened to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Not UTF-8, and no byte order mark of UTF-16LE.
    #[error("not UTF-8; UTF-16LE needs its byte order mark")]
    NotUtf8,
    /// A surrogate alone, or half a code unit.
    #[error("not UTF-16LE, in spite of its byte order mark")]
    NotUtf16,
    /// The byte order mark of UTF-16BE.
    #[error("UTF-16BE is not taken; save it as UTF-8 or as UTF-16LE")]
    Utf16Be,
    /// The XML declaration names another encoding than that of the bytes.
    #[error("the XML declaration says {0:?}, and the bytes are not that")]
    Declared(String),
    /// An XML declaration after the beginning.
    #[error("an XML declaration that is not at the very beginning")]
    Declaration,
    /// A character outside of XML 1.0 section 2.2, plain or as a reference.
    #[error("U+{:04X} may not stand in XML 1.0", u32::from(*.0))]
    Character(char),
    /// A document type, and with it every way to define an entity.
    #[error("a DOCTYPE is not taken")]
    Doctype,
    /// An entity other than the five that need no definition.
    #[error("entity {0:?} is not taken; only lt, gt, amp, apos and quot are")]
    Entity(String),
    /// `&#...;` with something else than the number of a character.
    #[error("a character reference that names no character")]
    Reference,
    /// `&` without a name and `;` behind it.
    #[error("an & that begins no reference; write &amp;")]
    Ampersand,
    /// `--` within a comment (XML 1.0 section 2.5).
    #[error("-- inside of a comment")]
    Comment,
    /// An end tag of another name, or without a start tag.
    #[error("</{0}> ends an element that was not begun")]
    EndTag(String),
    /// A tag, comment, CDATA section or instruction that is not one, or does not end.
    #[error("markup that is not well-formed")]
    Markup,
    /// An attribute that is malformed or given twice.
    #[error("an attribute that is malformed, or given twice")]
    Attribute,
    /// More attributes than any such document has.
    #[error("more than {} attributes", markup::MAX_ATTRIBUTES)]
    Attributes,
    /// Deeper than commands in four of `Atomic` and `Sequence`.
    #[error("elements more than {} deep", markup::MAX_DEPTH)]
    Depth,
    /// The text ends within an element.
    #[error("the text ends before its elements do")]
    Unclosed,
    /// No element at all.
    #[error("there is no element in it")]
    Empty,
    /// An element after `SyncML` or `SyncBody` has ended.
    #[error("element {0:?} after the end of the message")]
    SecondRoot(String),
    /// An element that is unknown, sets nothing we could set, or stands in the wrong place.
    #[error("element {0:?} is not taken here")]
    Element(String),
    /// Text between elements.
    #[error("text where none may be")]
    Text,
    /// A command that is about nothing.
    #[error("a command without an Item")]
    NoItem,
    /// An item that is about nothing.
    #[error("an Item without Target/LocURI")]
    NoUri,
    /// A second one where one may be.
    #[error("a second {0} for one Item")]
    Twice(&'static str),
}

/// What stands in a fault for a name of any length.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
