//! Reads policy from the files in which administrators keep it.
//!
//! | Format | Says whose policy it is | A file is |
//! |---|---|---|
//! | OMA-URI lines | by `./Device` or `./User` | changes |
//! | SyncML | by `./Device` or `./User` | changes: Add, Replace, Delete |
//! | `.reg` | by the key | changes: values set and deleted |
//! | Registry.pol | no: computer or user GPO has to be said | the whole of it |
//! | Graph JSON | by its type: the tenant-wide policy or a device profile | the whole of it |
//!
//! A file that is the whole of a policy takes the place of what was imported from the same source before. What belongs to
//! other policies (a baseline's Registry.pol has hundreds) is passed over and counted; what lies in Hello's own keys and branches
//! and is not known is refused.

mod fault;

use std::collections::BTreeMap;

use super::address::{self, Target, Tree};
use super::intune;
use super::node::Node;
use super::registry;
use super::source::{Changes, Channel, LayerKey, Policy, Source};
use super::value::Value;
use super::{PolicyFault, read_assignment};
use crate::base::{Timestamp, Uuid};
use crate::wire::registry::{pol, reg};
use crate::wire::syncml::{self, Command, Verb};

pub use fault::{ImportFault, Position};

/// Longest file, in bytes. Ours: a baseline's Registry.pol has some 100 KiB.
pub const LARGEST_FILE: usize = 4 << 20;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// `OMA-URI=value`, one a line; `#` begins a comment.
    Lines,
    /// OMA DM's XML.
    Syncml,
    /// What regedit exports.
    Reg,
    /// What Group Policy keeps.
    Pol,
    /// What Microsoft Graph answers.
    Intune,
}

impl FileFormat {
    /// All.
    pub const ALL: [Self; 5] = [Self::Lines, Self::Syncml, Self::Reg, Self::Pol, Self::Intune];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Syncml => "syncml",
            Self::Reg => "reg",
            Self::Pol => "pol",
            Self::Intune => "intune",
        }
    }

    /// The format of a file, by how it begins.
    pub fn guess(bytes: &[u8]) -> Self {
        let narrow: Vec<u8> = bytes.iter().take(4096).copied().filter(|byte| *byte != 0).collect();
        let text = narrow
            .strip_prefix(&[0xFF, 0xFE])
            .or_else(|| narrow.strip_prefix("\u{feff}".as_bytes()))
            .unwrap_or(&narrow);
        let begins = |word: &str| text.trim_ascii_start().starts_with(word.as_bytes());
        match () {
            () if bytes.starts_with(b"PReg") => Self::Pol,
            () if begins("Windows Registry Editor") || begins("REGEDIT4") => Self::Reg,
            () if begins("<") => Self::Syncml,
            () if begins("{") => Self::Intune,
            () => Self::Lines,
        }
    }

    /// Whether a file is the whole of a policy, not a change of it.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Pol | Self::Intune)
    }
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// What changes in which channel.
    pub changes: BTreeMap<Channel, Changes>,
    /// Whether the file takes the place of the whole layer.
    pub whole: bool,
    /// The source that the file itself names.
    pub source: Option<Source>,
    /// The name that the file itself gives, such as that of a device profile.
    pub name: Option<String>,
    /// How many settings of other policies were passed over.
    pub passed_over: usize,
}

impl Import {
    pub(super) fn put(&mut self, channel: Channel, node: Node, value: Option<Value>) {
        self.changes.entry(channel).or_default().insert(node, value);
    }

    /// How many nodes it sets or unsets.
    pub fn count(&self) -> usize {
        self.changes.values().map(BTreeMap::len).sum()
    }
}

/// Reads a file for the device whose tree is `tree`; a tenant stands for its tree with every switch at its default. `named` is the source that somebody named, which a Registry.pol cannot do without.
///
/// # Errors
/// Every [`ImportFault`].
pub fn import(
    format: FileFormat,
    bytes: &[u8],
    tree: impl Into<Tree>,
    named: Option<Source>,
) -> Result<Import, ImportFault> {
    let tree = tree.into();
    if bytes.len() > LARGEST_FILE {
        return Err(ImportFault::TooLarge(bytes.len()));
    }
    let import = match format {
        FileFormat::Lines => lines(bytes, tree, named.map_or(Channel::DeviceCsp, Source::channel))?,
        FileFormat::Syncml => commands(&syncml::parse(bytes)?, tree)?,
        FileFormat::Reg => registry::read(&reg::parse(bytes)?, tree.tenant, Position::Line)?,
        FileFormat::Pol => pol_file(bytes, tree.tenant, named)?,
        FileFormat::Intune => intune::read(bytes, tree)?,
    };
    let import = Import { whole: format.is_whole(), ..import };
    check_source(&import, named)?;
    Ok(import)
}

fn check_source(import: &Import, named: Option<Source>) -> Result<(), ImportFault> {
    let Some(named) = named else { return Ok(()) };
    let foreign = import.changes.iter().find(|(channel, _)| !named.delivers_into(**channel));
    if let Some((channel, nodes)) = foreign
        && let Some(node) = nodes.keys().next()
    {
        return Err(ImportFault::OtherSource { node: *node, channel: *channel, named });
    }
    match import.source {
        Some(Source::IntuneTenant) if named != Source::IntuneTenant => {
            Err(ImportFault::NotIntune("the file is a tenant-wide policy, and another source was named"))
        }
        Some(Source::IntuneProfile) if named != Source::IntuneProfile => {
            Err(ImportFault::NotIntune("the file is a device profile, and another source was named"))
        }
        _ => Ok(()),
    }
}

fn lines(bytes: &[u8], tree: Tree, channel: Channel) -> Result<Import, ImportFault> {
    let mut import = Import::default();
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = std::str::from_utf8(line).map_err(|_| ImportFault::NotUtf8(index + 1))?.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split('=').next().unwrap_or_default().trim();
        let refused = |fault| ImportFault::Policy { position: Position::Line(index + 1), fault };
        if line.contains('=')
            && name.starts_with("./")
            && matches!(address::parse(name, tree), Ok((_, Target::Elsewhere)))
        {
            import.passed_over += 1;
            continue;
        }
        let (channel, node, value) = read_assignment(line, tree, channel).map_err(refused)?;
        import.put(channel, node, Some(value));
    }
    Ok(import)
}

fn commands(commands: &[Command], tree: Tree) -> Result<Import, ImportFault> {
    let mut import = Import::default();
    for command in commands {
        let refused = |fault| ImportFault::Policy { position: Position::Line(command.line), fault };
        let (channel, target) = address::parse(&command.uri, tree).map_err(refused)?;
        match (target, command.verb) {
            (Target::Elsewhere, _) => import.passed_over += 1,
            (Target::Branch, Verb::Delete) => {
                for node in address::below(&command.uri, channel, tree.tenant) {
                    import.put(channel, node, None);
                }
            }
            // An interior node that is added holds nothing yet.
            (Target::Branch, _) if command.data.is_none() => {}
            (Target::Branch, _) => return Err(refused(PolicyFault::UnknownNode(address::shorten(&command.uri)))),
            (Target::Leaf(node), Verb::Delete) => import.put(channel, node, None),
            (Target::Leaf(node), _) => {
                let value = leaf(node, channel, command).map_err(refused)?;
                import.put(channel, node, Some(value));
            }
        }
    }
    Ok(import)
}

fn leaf(node: Node, channel: Channel, command: &Command) -> Result<Value, PolicyFault> {
    let format = node.row().format_in(channel).ok_or(PolicyFault::NotInSource { node, channel })?;
    // Without a format a device takes it for text, which no server of policies relies on.
    let found = command.format.as_deref().unwrap_or("chr");
    let data = command.data.as_deref().unwrap_or_default();
    if found != format.syncml() {
        let (value, found) = (address::shorten(data), address::shorten(found));
        return Err(PolicyFault::WrongType { node, value, found, expected: format.syncml(), format });
    }
    format.read(data).ok_or_else(|| PolicyFault::NotAllowed { node, value: address::shorten(data), format })
}

/// Keys of a Registry.pol lie below the hive of its owner.
fn pol_file(bytes: &[u8], tenant: Uuid, named: Option<Source>) -> Result<Import, ImportFault> {
    let channel = named.map(Source::channel).filter(|channel| channel.is_gpo()).ok_or(ImportFault::WhoseGpo)?;
    let mut entries = pol::parse(bytes)?;
    for entry in &mut entries {
        entry.key = format!(r"{}\{}", registry::hive_of(channel), entry.key);
    }
    let import = registry::read(&entries, tenant, Position::Record)?;
    // Known now, so that the file takes the place of the one before, whoever files it.
    Ok(Import { source: named, ..import })
}

/// How an import is filed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filing<'a> {
    /// The source, where the file leaves it open.
    pub source: Option<Source>,
    /// Which of several of that source.
    pub name: Option<&'a str>,
    /// When it takes effect; `None`: at once.
    pub at: Option<Timestamp>,
}

impl Policy {
    /// Files an import. All of it or, after an error, nothing.
    ///
    /// # Errors
    /// [`PolicyFault::NotInSource`] and [`PolicyFault::NotAllowed`].
    pub fn file(&mut self, import: &Import, filing: Filing<'_>) -> Result<Vec<LayerKey>, PolicyFault> {
        let mut policy = self.clone();
        let name = filing.name.map(str::to_owned).or_else(|| import.name.clone()).unwrap_or_default();
        let named = filing.source.or(import.source);
        if let Some(source) = named.filter(|_| import.whole) {
            for channel in Channel::ALL {
                policy.remove(&LayerKey { source, name: name.clone(), channel });
            }
        }
        let mut filed = Vec::new();
        for (channel, changes) in &import.changes {
            let source = named.unwrap_or(Source::of(*channel));
            let key = LayerKey { source, name: name.clone(), channel: *channel };
            policy.apply(key.clone(), filing.at, changes)?;
            filed.push(key);
        }
        *self = policy;
        Ok(filed)
    }
}
