//! Settings-catalogue profiles: `deviceManagementConfigurationPolicy`.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value as Json, json};

use super::{CATALOGUE, member, name, plain, refused};
use crate::base::Uuid;
use crate::device::policy::PolicyFault;
use crate::device::policy::address::{self, shorten};
use crate::device::policy::import::{Import, ImportFault};
use crate::device::policy::node::{Node, Place, TABLE};
use crate::device::policy::source::{Channel, Source};
use crate::device::policy::value::{Format, Value};

const NAMESPACE: &str = "#microsoft.graph.deviceManagementConfiguration";
const OURS: &str = "_vendor_msft_passportforwork";

/// How deep settings lie within settings at most; the catalogue needs three.
const DEEPEST: usize = 8;

/// The identifier of a node's setting in the catalogue.
fn definition(node: Node, channel: Channel) -> String {
    let tree = if channel == Channel::UserCsp { "user" } else { "device" };
    let path = node.path().to_lowercase().replace('/', "_");
    match node.row().place {
        Place::Tenant => format!("{tree}{OURS}_{{tenantid}}_policies_{path}"),
        Place::Root | Place::Registry => format!("{tree}{OURS}_{path}"),
        Place::PolicyCsp => format!("{tree}_vendor_msft_policy_config_{path}"),
    }
}

/// The group that holds the settings of a tenant.
fn group(channel: Channel) -> String {
    let tree = if channel == Channel::UserCsp { "user" } else { "device" };
    format!("{tree}{OURS}_{{tenantid}}")
}

pub(super) fn read(object: &Map<String, Json>, tenant: Uuid) -> Result<Import, ImportFault> {
    let import = Import { source: Some(Source::IntuneProfile), name: name(object, "name")?, ..Import::default() };
    let settings = object.get("settings").and_then(Json::as_array).ok_or_else(|| member("settings", "a list"))?;
    let mut reader = Reader { tenant, known: definitions(), import };
    for (index, setting) in settings.iter().enumerate() {
        let path = format!("settings[{index}].settingInstance");
        let instance = setting.get("settingInstance").ok_or_else(|| member(&path, "an object"))?;
        reader.take(instance, path, 0)?;
    }
    Ok(reader.import)
}

/// What an identifier of the catalogue names.
#[derive(Clone, Copy)]
enum Named {
    Setting(Node, Channel),
    /// The group of a tenant's settings.
    Group,
}

/// Every identifier of ours.
fn definitions() -> HashMap<String, Named> {
    let mut known = HashMap::new();
    for channel in [Channel::DeviceCsp, Channel::UserCsp] {
        known.insert(group(channel), Named::Group);
        known.extend(TABLE.iter().map(|row| (definition(row.node, channel), Named::Setting(row.node, channel))));
    }
    known
}

struct Reader {
    tenant: Uuid,
    /// Made once a file, which may have many thousand settings.
    known: HashMap<String, Named>,
    import: Import,
}

impl Reader {
    fn take(&mut self, instance: &Json, path: String, depth: usize) -> Result<(), ImportFault> {
        if depth > DEEPEST {
            return Err(member(&path, "settings no deeper than the catalogue's"));
        }
        let id = instance.get("settingDefinitionId").and_then(Json::as_str);
        let id = id.ok_or_else(|| member(&format!("{path}.settingDefinitionId"), "a text"))?;
        let generic = generic(id, self.tenant).map_err(refused(&path))?;
        match self.known.get(&generic).copied() {
            Some(Named::Setting(node, channel)) => {
                if node.row().format_in(channel).is_none() {
                    return Err(refused(&path)(PolicyFault::NotInSource { node, channel }));
                }
                let value = instance_value(instance, id, node, &path)?;
                self.import.put(channel, node, Some(value));
            }
            Some(Named::Group) => {}
            None if generic.contains("passportforwork") => {
                return Err(refused(&path)(PolicyFault::UnknownNode(shorten(id))));
            }
            None => self.import.passed_over += 1,
        }
        for (child, below) in children(instance, &path) {
            self.take(child, below, depth + 1)?;
        }
        Ok(())
    }
}

/// Settings within a setting, each with its path.
fn children<'a>(instance: &'a Json, path: &str) -> Vec<(&'a Json, String)> {
    let mut found = Vec::new();
    let mut collect = |list: Option<&'a Json>, path: String| {
        for (index, child) in list.and_then(Json::as_array).into_iter().flatten().enumerate() {
            found.push((child, format!("{path}.children[{index}]")));
        }
    };
    let choice = instance.get("choiceSettingValue");
    collect(choice.and_then(|choice| choice.get("children")), format!("{path}.choiceSettingValue"));
    let groups = instance.get("groupSettingCollectionValue").and_then(Json::as_array);
    for (index, group) in groups.into_iter().flatten().enumerate() {
        collect(group.get("children"), format!("{path}.groupSettingCollectionValue[{index}]"));
    }
    found
}

/// The identifier in small letters, with `{tenantid}` where it names the device's tenant.
fn generic(id: &str, tenant: Uuid) -> Result<String, PolicyFault> {
    let id = id.to_lowercase();
    let Some((head, rest)) = id.split_once(&format!("{OURS}_")) else { return Ok(id) };
    let first = rest.split('_').next().unwrap_or_default();
    match address::parse_tenant(first) {
        Ok(found) if found == tenant => Ok(format!("{head}{OURS}_{{tenantid}}{}", &rest[first.len()..])),
        Ok(found) => Err(PolicyFault::OtherTenant { found, expected: tenant }),
        Err(_) => Ok(id),
    }
}

fn instance_value(instance: &Json, id: &str, node: Node, path: &str) -> Result<Value, ImportFault> {
    if let Some(choice) = instance.get("choiceSettingValue") {
        let option = choice.get("value").and_then(Json::as_str);
        let option = option.ok_or_else(|| member(&format!("{path}.choiceSettingValue.value"), "a text"))?;
        let text = option.strip_prefix(id).and_then(|rest| rest.strip_prefix('_')).unwrap_or(option);
        let refused = refused(path);
        return node
            .format()
            .read(text)
            .ok_or_else(|| refused(PolicyFault::NotAllowed { node, value: shorten(option), format: node.format() }));
    }
    match instance.get("simpleSettingValue").and_then(|simple| simple.get("value")) {
        Some(json) => plain(json, node, path),
        None => Err(member(path, "a choiceSettingValue or a simpleSettingValue")),
    }
}

/// A settings-catalogue profile.
pub(in crate::device::policy) fn write(name: &str, layers: &[(Channel, &BTreeMap<Node, Value>)]) -> Json {
    let mut settings = Vec::new();
    for (channel, values) in layers {
        let of = |tenant: bool| {
            let chosen = values.iter().filter(move |(node, _)| (node.row().place == Place::Tenant) == tenant);
            chosen.map(|(node, value)| instance(*node, *channel, value)).collect::<Vec<Json>>()
        };
        let below_tenant = of(true);
        if !below_tenant.is_empty() {
            settings.push(json!({
                "@odata.type": format!("{NAMESPACE}GroupSettingCollectionInstance"),
                "settingDefinitionId": group(*channel),
                "groupSettingCollectionValue": [{"children": below_tenant}],
            }));
        }
        settings.extend(of(false));
    }
    let settings: Vec<Json> = settings.into_iter().map(|instance| json!({"settingInstance": instance})).collect();
    json!({"@odata.type": CATALOGUE, "name": name, "platforms": "windows10", "technologies": "mdm", "settings": settings})
}

fn instance(node: Node, channel: Channel, value: &Value) -> Json {
    let id = definition(node, channel);
    let choices = matches!(node.format(), Format::Bool) || matches!(node.format(), Format::Int { max, .. } if max <= 2);
    if choices {
        return json!({
            "@odata.type": format!("{NAMESPACE}ChoiceSettingInstance"),
            "settingDefinitionId": id,
            "choiceSettingValue": {"value": format!("{id}_{value}"), "children": []},
        });
    }
    let (kind, value) = match value {
        Value::Int(value) => ("Integer", Json::from(*value)),
        other => ("String", Json::from(other.to_string())),
    };
    json!({
        "@odata.type": format!("{NAMESPACE}SimpleSettingInstance"),
        "settingDefinitionId": id,
        "simpleSettingValue": {"@odata.type": format!("{NAMESPACE}{kind}SettingValue"), "value": value},
    })
}
