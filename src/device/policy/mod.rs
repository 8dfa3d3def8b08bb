//! Windows Hello for Business policy: who set what, and what it amounts to.
//!
//! ```text
//! files ----> import ----> Policy (layers by source) ----> resolve ----> Resolution ----> Effective: what the device obeys
//!      <---- export <----                                                           ----> explain:   who won, who lost, why
//! ```
//!
//! Nodes, formats and ranges are those of the PassportForWork CSP and of Passport.admx, in one [table](node). Merging is pure:
//! time is an argument, and what was imported first does not show. What Microsoft leaves open or says twice is one of the
//! [`Switches`].

mod address;
mod effective;
mod explain;
mod export;
mod import;
mod intune;
mod merge;
pub mod node;
mod registry;
mod source;
mod switches;
mod tag;
mod value;

pub use address::Tree;
pub use effective::{Effective, Origin, Setting};
pub use explain::{Enrollment, automatic_enrollment, describe};
pub use export::{ExportFault, export};
pub use import::{FileFormat, Filing, Import, ImportFault, LARGEST_FILE, Position, import};
pub use merge::{Lost, Offer, Resolution, Rule, Verdict};
pub use node::{Group, Node};
pub use source::{Changes, Channel, Layer, LayerKey, Policy, Source};
pub use switches::{DeviceLock, Grouping, Switches, UnsetClasses};
pub use tag::Tag;
pub use value::{Format, LONGEST_TEXT, Value};

use crate::base::Uuid;

/// The security identifier under which rows of the user's registry are written. A lab device has one user at a time, and no
/// Windows gives it an identifier; on import every identifier is taken, if it is the same all over the file.
pub const LAB_USER: &str = "S-1-12-1-1834896593-1246964527-2080020634-287973983";

/// Why a policy setting was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// The text has no `=`.
    #[error("expected NODE=VALUE, such as RequireSecurityDevice=true")]
    NotAnAssignment,
    /// No such node.
    #[error("unknown policy node {0}")]
    UnknownNode(String),
    /// The node exists, but not in this source.
    #[error("{node} does not exist in a {channel}; it does in: {others}", channel = .channel.words(), others = homes(*.node))]
    NotInSource {
        /// The node.
        node: Node,
        /// Where it was looked for.
        channel: Channel,
    },
    /// The tenant part of the address is not a GUID.
    #[error("{0} is not a tenant id (a GUID, with or without braces)")]
    NotATenant(String),
    /// The address names another tenant than the one the device belongs to.
    #[error("the node belongs to tenant {found}, this device to {expected}")]
    OtherTenant {
        /// Tenant in the address.
        found: Uuid,
        /// Tenant of the device.
        expected: Uuid,
    },
    /// The value is of another type than the node's.
    #[error("{node} does not take {value:?} as {found}; it takes {expected}: {format}")]
    WrongType {
        /// The node.
        node: Node,
        /// The value as given.
        value: String,
        /// Its type, such as `REG_SZ` or `chr`.
        found: String,
        /// The node's type there.
        expected: &'static str,
        /// What it takes in this source.
        format: Format,
    },
    /// The value does not have the node's format, or lies outside its range.
    #[error("{node} does not take {value:?}; allowed: {format}")]
    NotAllowed {
        /// The node.
        node: Node,
        /// The value as given.
        value: String,
        /// What it takes in this source.
        format: Format,
    },
}

/// The channels that have a node, for a message.
fn homes(node: Node) -> String {
    let has = |channel: &Channel| node.row().format_in(*channel).is_some();
    let names: Vec<_> = Channel::ALL.into_iter().filter(has).map(Channel::words).collect();
    names.join(", ")
}

/// Reads one `NODE=VALUE`, where NODE is a full OMA-URI or a short name, for the device whose tree is `tree`. A short name is looked for in
/// `channel`.
///
/// # Errors
/// Every [`PolicyFault`].
pub fn read_assignment(
    text: &str,
    tree: impl Into<Tree>,
    channel: Channel,
) -> Result<(Channel, Node, Value), PolicyFault> {
    let (name, value) = text.split_once('=').ok_or(PolicyFault::NotAnAssignment)?;
    let (name, value) = (name.trim(), value.trim());
    let (named, node) = find(name, tree.into())?;
    let channel = named.unwrap_or(channel);
    let format = node.row().format_in(channel).ok_or(PolicyFault::NotInSource { node, channel })?;
    let value =
        format.read(value).ok_or_else(|| PolicyFault::NotAllowed { node, value: address::shorten(value), format })?;
    Ok((channel, node, value))
}

/// Reads the name of a node: a full OMA-URI or a short name.
///
/// # Errors
/// [`PolicyFault::UnknownNode`], and for an address those about the tenant and the tree.
pub fn read_node(name: &str, tree: impl Into<Tree>) -> Result<Node, PolicyFault> {
    find(name.trim(), tree.into()).map(|(_, node)| node)
}

/// A node, and its channel where the name is an address.
fn find(name: &str, tree: Tree) -> Result<(Option<Channel>, Node), PolicyFault> {
    let unknown = || PolicyFault::UnknownNode(address::shorten(name));
    if !name.starts_with("./") {
        return Ok((None, Node::named(name).ok_or_else(unknown)?));
    }
    match address::parse(name, tree)? {
        (channel, address::Target::Leaf(node)) => Ok((Some(channel), node)),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests;
