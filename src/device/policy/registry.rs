//! Which registry values are policy: Group Policy's own, and the mirror of what MDM set.
//!
//! | Channel | Key |
//! |---|---|
//! | computer GPO | `HKLM\SOFTWARE\Policies\Microsoft\PassportForWork` |
//! | user GPO | the same below `HKU\<SID>`, which is `HKCU` of that user |
//! | device CSP | `HKLM\SOFTWARE\Microsoft\Policies\PassportForWork\<TenantId>\Device\Policies` |
//! | user CSP | `HKLM\SOFTWARE\Microsoft\Policies\PassportForWork\<TenantId>\<SID>\Policies` |
//!
//! That `UsePassportForWork` is mirrored so is documented ("Configure Windows Hello for Business"), of the PIN nodes it was
//! seen, of the others it is inferred.

use super::address::{is_sid, parse_tenant, shorten};
use super::import::{Import, ImportFault, Position};
use super::node::{GPO_KEY, Node, Place, Row, TABLE};
use super::source::Channel;
use super::value::{Format, Value};
use super::{LAB_USER, PolicyFault};
use crate::base::Uuid;
use crate::wire::registry::{Change, Data, Entry};

const MIRROR_KEY: &str = r"SOFTWARE\Microsoft\Policies\PassportForWork";
const MACHINE: &str = "HKEY_LOCAL_MACHINE";
const USERS: &str = "HKEY_USERS";
const CURRENT_USER: &str = "HKEY_CURRENT_USER";

/// Which hive a key is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hive {
    Machine,
    User,
}

/// A key by which a policy is found: the hive and the path below it, the user's identifier replaced by [`LAB_USER`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    hive: Hive,
    path: String,
}

/// Where a node is in the registry of a channel: the key below its hive, and the value.
fn location(row: &Row, channel: Channel, tenant: Uuid) -> Option<(Hive, String, &'static str)> {
    row.format_in(channel)?;
    let hive = if channel == Channel::UserGpo { Hive::User } else { Hive::Machine };
    if channel.is_gpo() {
        return row.gpo.map(|gpo| (hive, gpo.key.to_owned(), gpo.value));
    }
    if row.place != Place::Tenant {
        return None;
    }
    let owner = if channel == Channel::UserCsp { LAB_USER } else { "Device" };
    let base = format!(r"{MIRROR_KEY}\{tenant}\{owner}\Policies");
    Some(match row.path.rsplit_once('/') {
        Some((folder, leaf)) => (hive, format!(r"{base}\{}", folder.replace('/', r"\")), leaf),
        None => (hive, base, row.path),
    })
}

/// A node in the registry of a channel.
struct Located {
    row: &'static Row,
    channel: Channel,
    hive: Hive,
    path: String,
    value: &'static str,
}

impl Located {
    fn is(&self, key: &Key, name: &str) -> bool {
        self.hive == key.hive && self.path.eq_ignore_ascii_case(&key.path) && self.value.eq_ignore_ascii_case(name)
    }
}

/// Every node in the registry of every channel.
fn locate_all(tenant: Uuid) -> Vec<Located> {
    let located = |row: &'static Row, channel| {
        let (hive, path, value) = location(row, channel, tenant)?;
        Some(Located { row, channel, hive, path, value })
    };
    Channel::ALL.into_iter().flat_map(|channel| TABLE.iter().filter_map(move |row| located(row, channel))).collect()
}

/// Where the user's channels would have the nodes that the device's alone have.
fn locate_absent(tenant: Uuid) -> Vec<Located> {
    let [device, user] = ["Device", LAB_USER].map(|owner| format!(r"{MIRROR_KEY}\{tenant}\{owner}"));
    let gpos = TABLE.iter().filter_map(|row| {
        let gpo = row.gpo?;
        let (channel, path) = (Channel::UserGpo, gpo.key.to_owned());
        Some(Located { row, channel, hive: Hive::User, path, value: gpo.value })
    });
    let mirrored = TABLE.iter().filter_map(|row| {
        let (hive, path, value) = location(row, Channel::DeviceCsp, tenant)?;
        Some(Located { row, channel: Channel::UserCsp, hive, path: path.replacen(&device, &user, 1), value })
    });
    gpos.chain(mirrored).filter(|at| at.row.format_in(at.channel).is_none()).collect()
}

/// The rows of a layer as registry entries with whole keys; `None` for a node that the registry does not mirror.
pub(super) fn entry(node: Node, value: &Value, channel: Channel, tenant: Uuid) -> Option<Entry> {
    let (hive, path, name) = location(node.row(), channel, tenant)?;
    let data = match value {
        Value::Bool(value) => Data::Dword(u32::from(*value)),
        Value::Int(value) => Data::Dword(*value),
        Value::Text(text) => Data::Text(text.clone()),
    };
    let key = match hive {
        Hive::Machine => format!(r"{MACHINE}\{path}"),
        Hive::User => format!(r"{CURRENT_USER}\{path}"),
    };
    Some(Entry { position: 0, key, change: Change::Set { name: name.to_owned(), data } })
}

/// The hive that stands before a key of a Registry.pol, which knows none.
pub(super) fn hive_of(channel: Channel) -> &'static str {
    if channel == Channel::UserGpo { CURRENT_USER } else { MACHINE }
}

/// A key without its hive, as a Registry.pol has it.
pub(super) fn without_hive(key: &str) -> &str {
    key.split_once('\\').map_or(key, |(_, path)| path)
}

/// Reads entries whose keys begin with a hive.
pub(super) fn read(entries: &[Entry], tenant: Uuid, position: fn(usize) -> Position) -> Result<Import, ImportFault> {
    let (known, absent) = (locate_all(tenant), locate_absent(tenant));
    let mut reader = Reader { tenant, known, absent, user: None, import: Import::default() };
    for entry in entries {
        let place = position(entry.position);
        reader.take(entry).map_err(|fault| match fault {
            Fault::Policy(fault) => ImportFault::Policy { position: place.clone(), fault },
            Fault::TwoUsers(first, second) => ImportFault::TwoUsers { position: place.clone(), first, second },
        })?;
    }
    Ok(reader.import)
}

enum Fault {
    Policy(PolicyFault),
    TwoUsers(String, String),
}

impl From<PolicyFault> for Fault {
    fn from(fault: PolicyFault) -> Self {
        Self::Policy(fault)
    }
}

struct Reader {
    tenant: Uuid,
    /// Made once a file: it may have half a million rows, and each is looked for among all of these.
    known: Vec<Located>,
    absent: Vec<Located>,
    /// The one user whose rows there are.
    user: Option<String>,
    import: Import,
}

impl Reader {
    fn take(&mut self, entry: &Entry) -> Result<(), Fault> {
        let Some(key) = self.normal(&entry.key)? else {
            self.import.passed_over += 1;
            return Ok(());
        };
        match &entry.change {
            Change::Set { name, data } => self.set(&key, &entry.key, name, Some(data)),
            Change::DeleteValue { name } => self.set(&key, &entry.key, name, None),
            Change::DeleteValues => {
                self.delete(|path| path.eq_ignore_ascii_case(&key.path), key.hive);
                Ok(())
            }
            Change::DeleteKey => {
                self.delete(|path| strip_key(path, &key.path).is_some(), key.hive);
                Ok(())
            }
        }
    }

    /// The key in its normal form; `None` for a hive that holds no policy.
    fn normal(&mut self, key: &str) -> Result<Option<Key>, Fault> {
        let (hive, path) = key.split_once('\\').unwrap_or((key, ""));
        let is = |name: &str| hive.eq_ignore_ascii_case(name);
        if is(CURRENT_USER) {
            return Ok(Some(Key { hive: Hive::User, path: path.to_owned() }));
        }
        if is(USERS) {
            let (sid, path) = path.split_once('\\').unwrap_or((path, ""));
            if !is_sid(sid) {
                return Ok(None);
            }
            self.meet(sid)?;
            return Ok(Some(Key { hive: Hive::User, path: path.to_owned() }));
        }
        if !is(MACHINE) {
            return Ok(None);
        }
        Ok(Some(Key { hive: Hive::Machine, path: self.normal_mirror(path)? }))
    }

    /// A key of the mirror with the device's own tenant and [`LAB_USER`]; another key as it is.
    fn normal_mirror(&mut self, path: &str) -> Result<String, Fault> {
        let Some(below) = strip_key(path, MIRROR_KEY).filter(|below| !below.is_empty()) else {
            return Ok(path.to_owned());
        };
        let mut parts = below.splitn(3, '\\');
        let tenant = parse_tenant(parts.next().unwrap_or_default())?;
        if tenant != self.tenant {
            return Err(PolicyFault::OtherTenant { found: tenant, expected: self.tenant }.into());
        }
        let mut normal = format!(r"{MIRROR_KEY}\{tenant}");
        if let Some(owner) = parts.next() {
            if is_sid(owner) {
                self.meet(owner)?;
                normal = format!(r"{normal}\{LAB_USER}");
            } else {
                normal = format!(r"{normal}\{owner}");
            }
        }
        if let Some(rest) = parts.next() {
            normal = format!(r"{normal}\{rest}");
        }
        Ok(normal)
    }

    /// A file tells of one user.
    fn meet(&mut self, sid: &str) -> Result<(), Fault> {
        match &self.user {
            Some(first) if !first.eq_ignore_ascii_case(sid) => Err(Fault::TwoUsers(first.clone(), sid.to_owned())),
            _ => {
                self.user = Some(sid.to_owned());
                Ok(())
            }
        }
    }

    fn set(&mut self, key: &Key, written: &str, name: &str, data: Option<&Data>) -> Result<(), Fault> {
        let Some((row, channel)) = self.find(key, name)? else {
            if self.is_ours(&key.path) {
                return Err(PolicyFault::UnknownNode(shorten(&format!(r"{written}\{name}"))).into());
            }
            self.import.passed_over += 1;
            return Ok(());
        };
        let value = data.map(|data| value_of(row, channel, data)).transpose()?;
        self.import.put(channel, row.node, value);
        Ok(())
    }

    /// Tells a policy that the user's hive does not have, or a node that the user's mirror does not have, from an unknown one.
    fn find(&self, key: &Key, name: &str) -> Result<Option<(&'static Row, Channel)>, PolicyFault> {
        if let Some(at) = self.known.iter().find(|at| at.is(key, name)) {
            return Ok(Some((at.row, at.channel)));
        }
        match self.absent.iter().find(|at| at.is(key, name)) {
            Some(at) => Err(PolicyFault::NotInSource { node: at.row.node, channel: at.channel }),
            None => Ok(None),
        }
    }

    /// Whether everything below the key is policy of Hello's, so that an unknown name is a mistake.
    fn is_ours(&self, path: &str) -> bool {
        strip_key(path, GPO_KEY).is_some() || strip_key(path, MIRROR_KEY).is_some()
    }

    /// Makes every node "not configured" that lies at a key.
    fn delete(&mut self, lies_at: impl Fn(&str) -> bool, hive: Hive) {
        let mut any = false;
        for at in self.known.iter().filter(|at| at.hive == hive && lies_at(&at.path)) {
            self.import.put(at.channel, at.row.node, None);
            any = true;
        }
        self.import.passed_over += usize::from(!any);
    }
}

/// What is below a key, without regard to case.
fn strip_key<'a>(path: &'a str, key: &str) -> Option<&'a str> {
    let (head, rest) = path.split_at_checked(key.len())?;
    let below = if rest.is_empty() { Some("") } else { rest.strip_prefix('\\') };
    below.filter(|_| head.eq_ignore_ascii_case(key))
}

/// A node's value from registry data: a DWORD for truths and numbers, a string for text.
fn value_of(row: &Row, channel: Channel, data: &Data) -> Result<Value, PolicyFault> {
    let format = row.format_in(channel).unwrap_or(row.format);
    let number = matches!(format, Format::Bool | Format::Int { .. });
    // What the registry holds for a truth.
    let in_registry = if format == Format::Bool { Format::Int { min: 0, max: 1 } } else { format };
    let wrong = |value: String, found: String| PolicyFault::WrongType {
        node: row.node,
        value: shorten(&value),
        found,
        expected: if number { "REG_DWORD" } else { "REG_SZ" },
        format: in_registry,
    };
    let value = match data {
        Data::Dword(value) if format == Format::Bool && *value <= 1 => Value::Bool(*value == 1),
        Data::Dword(value) if number => Value::Int(*value),
        Data::Text(text) if !number => Value::Text(text.clone()),
        Data::Dword(value) => return Err(wrong(value.to_string(), "REG_DWORD".to_owned())),
        Data::Text(text) => return Err(wrong(text.clone(), "REG_SZ".to_owned())),
        Data::Other { kind, bytes } => {
            let value = format!("{} bytes", bytes.len());
            return Err(wrong(value, format!("registry type {kind}")));
        }
    };
    if format.takes(&value) {
        return Ok(value);
    }
    Err(PolicyFault::NotAllowed { node: row.node, value: shorten(&value.to_string()), format: in_registry })
}
