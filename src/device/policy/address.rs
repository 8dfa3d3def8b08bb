//! OMA-URIs: where a node is in the tree, and which node an address names.

use super::PolicyFault;
use super::node::{Node, Place, TABLE};
use super::source::Channel;
use super::switches::Switches;
use crate::base::Uuid;

const ROOT: &str = "Vendor/MSFT/PassportForWork";
const POLICY_CSP: &str = "Vendor/MSFT/Policy/Config";
const POLICIES: &str = "Policies";
/// Where one page of Microsoft's puts `EnablePinRecovery`. The DDF has no such tree.
const MISPRINT: &str = "Vendor/MSFT/Policy/PassportForWork";

/// Whose tree addresses are read in, and how strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// The tenant of the device.
    pub tenant: Uuid,
    /// As [`Switches::tenant_in_braces`].
    pub braces: bool,
    /// As [`Switches::misprinted_tree`].
    pub misprint: bool,
}

impl Tree {
    /// The tree of a device.
    pub fn of(tenant: Uuid, switches: &Switches) -> Self {
        Self { tenant, braces: switches.tenant_in_braces, misprint: switches.misprinted_tree }
    }
}

/// With every switch at its default.
impl From<Uuid> for Tree {
    fn from(tenant: Uuid) -> Self {
        Self::of(tenant, &Switches::default())
    }
}

/// What an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A leaf.
    Leaf(Node),
    /// A branch of the tree: every leaf whose address goes on from here.
    Branch,
    /// Something that whfb does not model: another CSP.
    Elsewhere,
}

/// The address of a node for a tenant in the tree of a channel.
pub(super) fn address(node: Node, channel: Channel, tenant: Uuid) -> String {
    let tree = if channel == Channel::UserCsp { "User" } else { "Device" };
    let path = node.path();
    match node.row().place {
        Place::Tenant => format!("./{tree}/{ROOT}/{tenant}/{POLICIES}/{path}"),
        Place::Root | Place::Registry => format!("./{tree}/{ROOT}/{path}"),
        Place::PolicyCsp => format!("./{tree}/{POLICY_CSP}/{path}"),
    }
}

/// Reads a full address: the channel that its tree belongs to, and what it names there.
///
/// The old form `./Vendor` means the device tree.
///
/// # Errors
/// [`PolicyFault::UnknownNode`], [`PolicyFault::NotATenant`], [`PolicyFault::OtherTenant`], [`PolicyFault::NotInSource`].
pub(super) fn parse(address: &str, tree: impl Into<Tree>) -> Result<(Channel, Target), PolicyFault> {
    let tree = tree.into();
    let unknown = || PolicyFault::UnknownNode(shorten(address));
    let (channel, below) = channel(address).ok_or_else(unknown)?;
    if let Some(path) = below.strip_prefix(POLICY_CSP).and_then(|rest| rest.strip_prefix('/')) {
        let known = find(Place::PolicyCsp, path);
        return match known {
            Some(node) => leaf(node, channel),
            None if branches(Place::PolicyCsp).any(|branch| branch == path.trim_end_matches('/')) => {
                Ok((channel, Target::Branch))
            }
            None => Ok((channel, Target::Elsewhere)),
        };
    }
    let inside = |root: &str| below.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = match (inside(ROOT), inside(MISPRINT)) {
        (Some(path), _) => path,
        (None, Some(path)) if tree.misprint => path,
        (None, Some(_)) => return Err(unknown()),
        (None, None) => return Ok((channel, Target::Elsewhere)),
    };
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Ok((channel, Target::Branch));
    }
    if let Some(node) = find(Place::Root, path) {
        return leaf(node, channel);
    }
    if branches(Place::Root).any(|branch| branch == path) {
        return Ok((channel, Target::Branch));
    }
    below_tenant(path, tree, channel, unknown)
}

fn below_tenant(
    path: &str,
    tree: Tree,
    channel: Channel,
    unknown: impl Fn() -> PolicyFault,
) -> Result<(Channel, Target), PolicyFault> {
    let (owner, rest) = path.split_once('/').unwrap_or((path, ""));
    let found = parse_tenant(owner)?;
    if owner.starts_with('{') && !tree.braces {
        return Err(PolicyFault::NotATenant(shorten(owner)));
    }
    if found != tree.tenant {
        return Err(PolicyFault::OtherTenant { found, expected: tree.tenant });
    }
    let policies = rest.strip_prefix(POLICIES).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = match policies {
        Some(path) => path.trim_start_matches('/'),
        None if rest.is_empty() => return Ok((channel, Target::Branch)),
        None => return Err(unknown()),
    };
    if path.is_empty() || branches(Place::Tenant).any(|branch| branch == path) {
        return Ok((channel, Target::Branch));
    }
    leaf(find(Place::Tenant, path).ok_or_else(unknown)?, channel)
}

/// Every node whose address in the tree of `channel` goes on from that of a branch.
pub(super) fn below(branch: &str, channel: Channel, tenant: Uuid) -> impl Iterator<Item = Node> {
    let branch = canonical(branch);
    TABLE.iter().map(|row| row.node).filter(move |node| {
        let address = address(*node, channel, tenant);
        node.row().format_in(channel).is_some()
            && address.strip_prefix(&branch).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// The form in which addresses compare: with the tree in front, the tenant bare and one slash between two segments.
fn canonical(address: &str) -> String {
    let address = address.trim_end_matches('/').replace(['{', '}'], "");
    match address.strip_prefix("./Vendor/") {
        Some(rest) => format!("./Device/Vendor/{rest}"),
        None => address,
    }
    .split('/')
    .filter(|segment| !segment.is_empty())
    .map(|segment| Uuid::parse_str(segment).map_or_else(|_| segment.to_owned(), |tenant| tenant.to_string()))
    .collect::<Vec<_>>()
    .join("/")
}

fn channel(address: &str) -> Option<(Channel, &str)> {
    let below = address.strip_prefix("./")?;
    if below.starts_with("Vendor/") {
        return Some((Channel::DeviceCsp, below));
    }
    let (tree, rest) = below.split_once('/')?;
    match tree {
        "Device" => Some((Channel::DeviceCsp, rest)),
        "User" => Some((Channel::UserCsp, rest)),
        _ => None,
    }
}

fn find(place: Place, path: &str) -> Option<Node> {
    TABLE.iter().find(|row| row.place == place && row.path == path).map(|row| row.node)
}

fn branches(place: Place) -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .filter(move |row| row.place == place)
        .filter_map(|row| row.path.rsplit_once('/').map(|(branch, _)| branch))
}

fn leaf(node: Node, channel: Channel) -> Result<(Channel, Target), PolicyFault> {
    match node.row().format_in(channel) {
        Some(_) => Ok((channel, Target::Leaf(node))),
        None => Err(PolicyFault::NotInSource { node, channel }),
    }
}

/// Reads a tenant id, with or without braces.
pub(super) fn parse_tenant(text: &str) -> Result<Uuid, PolicyFault> {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let tenant = Uuid::parse_str(bare).ok().filter(|_| bare.len() == 36);
    tenant.ok_or_else(|| PolicyFault::NotATenant(shorten(text)))
}

/// A foreign text is not repeated at any length.
pub(super) fn shorten(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether the text has the form of a security identifier: `S-1-` and numbers.
pub(super) fn is_sid(text: &str) -> bool {
    let mut parts = text.split('-');
    let head = parts.next().is_some_and(|part| part.eq_ignore_ascii_case("S")) && parts.next() == Some("1");
    let numbers: Vec<&str> = parts.collect();
    let number = |part: &&str| !part.is_empty() && part.len() <= 14 && part.bytes().all(|byte| byte.is_ascii_digit());
    head && (2..=16).contains(&numbers.len()) && numbers.iter().all(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::policy::LAB_USER;

    const TENANT: Uuid = Uuid::from_u128(0x6d1f4cd0_1b2f_4a43_9a36_7c7a5f0e2b11);
    const BASE: &str = "/Vendor/MSFT/PassportForWork/6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11";

    #[test]
    fn every_address_is_read_as_the_node_that_it_was_made_for() {
        for channel in [Channel::DeviceCsp, Channel::UserCsp] {
            for node in Node::all().filter(|node| node.row().format_in(channel).is_some()) {
                let text = address(node, channel, TENANT);
                assert_eq!(parse(&text, TENANT), Ok((channel, Target::Leaf(node))), "{text}");
            }
        }
    }

    #[test]
    fn the_old_form_and_braces_are_taken() {
        let text =
            "./Vendor/MSFT/PassportForWork/{6D1F4CD0-1B2F-4A43-9A36-7C7A5F0E2B11}/Policies/RequireSecurityDevice";
        assert_eq!(parse(text, TENANT), Ok((Channel::DeviceCsp, Target::Leaf(Node::RequireSecurityDevice))));
    }

    #[test]
    fn braces_and_the_misprinted_tree_are_switches() {
        let strict = Tree { braces: false, ..TENANT.into() };
        let braces = format!("./Device/Vendor/MSFT/PassportForWork/{{{TENANT}}}/Policies/EnablePinRecovery");
        assert_eq!(parse(&braces, strict), Err(PolicyFault::NotATenant(format!("{{{TENANT}}}"))));
        let misprint = format!("./Device/Vendor/MSFT/Policy/PassportForWork/{TENANT}/Policies/EnablePinRecovery");
        assert_eq!(parse(&misprint, TENANT), Err(PolicyFault::UnknownNode(misprint.clone())));
        let lenient = Tree { misprint: true, ..TENANT.into() };
        assert_eq!(parse(&misprint, lenient), Ok((Channel::DeviceCsp, Target::Leaf(Node::EnablePinRecovery))));
    }

    #[test]
    fn branches_name_what_is_below_them() {
        let below = |text: &str| {
            let (channel, target) = parse(text, TENANT).unwrap();
            assert_eq!(target, Target::Branch, "{text}");
            below(text, channel, TENANT).count()
        };
        assert_eq!(below(&format!("./User{BASE}/Policies/PINComplexity")), 8);
        assert_eq!(below("./Device/Vendor/MSFT/PassportForWork/DeviceUnlock"), 3);
        let braces = "./Vendor/MSFT/PassportForWork/{6D1F4CD0-1B2F-4A43-9A36-7C7A5F0E2B11}";
        assert_eq!(below(braces), below(&format!("./Device{BASE}/Policies")));
        assert_eq!(below("./Device/Vendor/MSFT/PassportForWork//DeviceUnlock/"), 3);
        assert_eq!(below("./Vendor/MSFT/Policy/Config/DeviceLock/"), 3);
        assert!(below("./Device/Vendor/MSFT/PassportForWork") > below(&format!("./Device{BASE}")));
    }

    #[test]
    fn what_is_not_in_the_tree_is_refused_by_name() {
        let unknown = |text: &str| Err(PolicyFault::UnknownNode(text.to_owned()));
        for text in ["", "RequireSecurityDevice", "./Phone/Vendor/MSFT/PassportForWork", "/Device", "./Device"] {
            assert_eq!(parse(text, TENANT), unknown(text), "{text}");
        }
        let text = format!("./Device{BASE}/RequireSecurityDevice");
        assert_eq!(parse(&text, TENANT), unknown(&text));
        let text = format!("./Device{BASE}/Policies/requiresecuritydevice");
        assert_eq!(parse(&text, TENANT), unknown(&text), "an address is exact");
        let other = "./Device/Vendor/MSFT/PassportForWork/00000000-0000-0000-0000-000000000001/Policies/Digits";
        let fault = PolicyFault::OtherTenant { found: Uuid::from_u128(1), expected: TENANT };
        assert_eq!(parse(other, TENANT), Err(fault));
        let none = "./Device/Vendor/MSFT/PassportForWork/contoso/Policies/UsePassportForWork";
        assert_eq!(parse(none, TENANT), Err(PolicyFault::NotATenant("contoso".to_owned())));
        let fault = PolicyFault::NotInSource { node: Node::ExcludeTpm12, channel: Channel::UserCsp };
        assert_eq!(parse(&format!("./User{BASE}/Policies/ExcludeSecurityDevices/TPM12"), TENANT), Err(fault));
    }

    #[test]
    fn other_csps_are_somebody_elses() {
        for text in ["./Device/Vendor/MSFT/BitLocker/RequireDeviceEncryption", "./Vendor/MSFT/PassportForWorkX/y"] {
            assert_eq!(parse(text, TENANT).unwrap().1, Target::Elsewhere, "{text}");
        }
    }

    #[test]
    fn knows_a_security_identifier() {
        assert!(is_sid(LAB_USER) && is_sid("S-1-5-21-1-2-3-1001"));
        for text in ["", "S-1", "S-1-5", "S-2-5-21", "S-1-5-x", "S-1-5--1", "Device"] {
            assert!(!is_sid(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_address_panics(text in ".{0,120}", rooted in proptest::bool::ANY) {
            let text = if rooted { format!("./Device/Vendor/MSFT/PassportForWork/{text}") } else { text };
            if let Ok((channel, Target::Branch)) = parse(&text, TENANT) {
                let _ = below(&text, channel, TENANT).count();
            }
        }
    }
}
