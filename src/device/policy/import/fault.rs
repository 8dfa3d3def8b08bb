//! Why a file was not taken, and where in it.

use std::fmt;

use super::LARGEST_FILE;
use crate::device::policy::PolicyFault;
use crate::device::policy::node::Node;
use crate::device::policy::source::{Channel, Source};
use crate::wire::registry::pol::PolFault;
use crate::wire::registry::reg::RegFault;
use crate::wire::syncml::SyncmlFault;

/// Where in a file something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// A line of a text, counted from 1.
    Line(usize),
    /// A record of a Registry.pol, counted from 1.
    Record(usize),
    /// A member of a JSON object.
    Member(String),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Record(record) => write!(f, "record {record}"),
            Self::Member(path) => f.write_str(path),
        }
    }
}

/// Why a file was not taken. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportFault {
    /// A setting is wrong.
    #[error("{position}: {fault}")]
    Policy {
        /// Where it is.
        position: Position,
        /// What is wrong with it.
        fault: PolicyFault,
    },
    /// The file has more than [`LARGEST_FILE`] bytes.
    #[error("the file has {0} bytes; at most {LARGEST_FILE} are read")]
    TooLarge(usize),
    /// OMA-URI lines are not UTF-8.
    #[error("line {0}: not UTF-8")]
    NotUtf8(usize),
    /// Not a `.reg` file.
    #[error(transparent)]
    Reg(#[from] RegFault),
    /// Not a Registry.pol.
    #[error(transparent)]
    Pol(#[from] PolFault),
    /// Not SyncML.
    #[error(transparent)]
    Syncml(#[from] SyncmlFault),
    /// Not JSON.
    #[error("line {line}, column {column}: not JSON")]
    NotJson {
        /// Where the parser gave up.
        line: usize,
        /// And at which character.
        column: usize,
    },
    /// JSON of another type.
    #[error("{0}")]
    NotIntune(&'static str),
    /// A member of an Intune object is not what it should be.
    #[error("{position}: expected {expected}")]
    Member {
        /// Which member.
        position: Position,
        /// What it should be.
        expected: &'static str,
    },
    /// A Registry.pol does not say whose it is.
    #[error(
        "a Registry.pol does not say whether it belongs to a computer or a user: name the source computer-gpo or user-gpo"
    )]
    WhoseGpo,
    /// The file belongs to another source than the one that was named.
    #[error("the file sets {node} in a {channel}, which {source} does not deliver", channel = .channel.words(), source = .named.words())]
    OtherSource {
        /// The first node that does not fit.
        node: Node,
        /// Where the file sets it.
        channel: Channel,
        /// The source that was named.
        named: Source,
    },
    /// A registry file has rows of two users.
    #[error("{position}: a row of user {second} after one of user {first}; a lab device has one user at a time")]
    TwoUsers {
        /// Where the second is.
        position: Position,
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
}
