//! Policy as Microsoft Graph shows it: the tenant-wide policy, a settings-catalogue profile, a custom profile.
//!
//! * `deviceEnrollmentWindowsHelloForBusinessConfiguration` is the tenant-wide policy. That `securityDeviceRequired` becomes
//!   `RequireSecurityDevice` is inferred. In the states `disabled` and `notConfigured` nothing else is delivered. \[inferred\]
//! * `deviceManagementConfigurationPolicy` is a settings-catalogue profile; identifiers of settings are the OMA-URI in small
//!   letters, underscores between its segments, as the catalogue shows them.
//! * `windows10CustomConfiguration` is a custom profile of OMA-URIs.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::PolicyFault;
use super::address::{self, Target, shorten};
use super::import::{Import, ImportFault, Position};
use super::node::{Node, Place, TABLE};
use super::source::{Channel, Source};
use super::value::{Format, Value};
use crate::base::Uuid;

const TENANT_WIDE: &str = "#microsoft.graph.deviceEnrollmentWindowsHelloForBusinessConfiguration";
const CATALOGUE: &str = "#microsoft.graph.deviceManagementConfigurationPolicy";
const CUSTOM: &str = "#microsoft.graph.windows10CustomConfiguration";
const NAMESPACE: &str = "#microsoft.graph.deviceManagementConfiguration";
const OURS: &str = "_vendor_msft_passportforwork";

/// How deep settings lie within settings at most; the catalogue needs three.
const DEEPEST: usize = 8;

/// Reads whichever of the three it is.
pub(super) fn read(bytes: &[u8], tenant: Uuid) -> Result<Import, ImportFault> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let json: Json = serde_json::from_slice(bytes)
        .map_err(|error| ImportFault::NotJson { line: error.line(), column: error.column() })?;
    let Json::Object(object) = json else {
        return Err(ImportFault::NotIntune("the file is no JSON object"));
    };
    let kind = object.get("@odata.type").and_then(Json::as_str).unwrap_or_default();
    match kind {
        TENANT_WIDE => read_tenant_wide(&object),
        CUSTOM => read_custom(&object, tenant),
        CATALOGUE => read_catalogue(&object, tenant),
        "" if object.contains_key("settings") => read_catalogue(&object, tenant),
        "" if object.contains_key("omaSettings") => read_custom(&object, tenant),
        "" if object.contains_key("securityDeviceRequired") => read_tenant_wide(&object),
        _ => Err(ImportFault::NotIntune(
            "the object is no tenant-wide Hello policy, no settings-catalogue profile and no custom profile of Intune",
        )),
    }
}

fn member(path: &str, expected: &'static str) -> ImportFault {
    ImportFault::Member { position: Position::Member(path.to_owned()), expected }
}

fn refused(path: &str) -> impl FnOnce(PolicyFault) -> ImportFault {
    let position = Position::Member(path.to_owned());
    move |fault| ImportFault::Policy { position, fault }
}

// --- the tenant-wide policy ------------------------------------------------------------------------

/// How a member of the tenant-wide policy says what a node is.
#[derive(Clone, Copy)]
enum Coding {
    Truth,
    Number,
    /// `allowed`, `required`, `disallowed`.
    Class,
    /// `notConfigured`, `enabled`, `disabled`, for a truth.
    State,
    /// The same for 1 and 0.
    StateNumber,
}

const MEMBERS: [(&str, Node, Coding); 14] = [
    ("securityDeviceRequired", Node::RequireSecurityDevice, Coding::Truth),
    ("pinMinimumLength", Node::MinimumPinLength, Coding::Number),
    ("pinMaximumLength", Node::MaximumPinLength, Coding::Number),
    ("pinUppercaseCharactersUsage", Node::UppercaseLetters, Coding::Class),
    ("pinLowercaseCharactersUsage", Node::LowercaseLetters, Coding::Class),
    ("pinSpecialCharactersUsage", Node::SpecialCharacters, Coding::Class),
    ("pinPreviousBlockCount", Node::History, Coding::Number),
    ("pinExpirationInDays", Node::Expiration, Coding::Number),
    ("enhancedBiometricsState", Node::EnhancedAntiSpoofing, Coding::State),
    ("unlockWithBiometricsEnabled", Node::UseBiometrics, Coding::Truth),
    ("remotePassportEnabled", Node::UseRemotePassport, Coding::Truth),
    ("securityKeyForSignIn", Node::UseSecurityKeyForSignin, Coding::StateNumber),
    ("enhancedSignInSecurity", Node::EssWithSupportedPeripherals, Coding::Number),
    ("state", Node::UsePassportForWork, Coding::State),
];

const CLASSES: [&str; 3] = ["allowed", "required", "disallowed"];

fn read_tenant_wide(object: &Map<String, Json>) -> Result<Import, ImportFault> {
    let mut import = Import { source: Some(Source::IntuneTenant), ..Import::default() };
    for (name, node, coding) in MEMBERS {
        let value = read_member(name, node, coding, object.get(name).unwrap_or(&Json::Null))?;
        if let Some(value) = value {
            import.put(Channel::DeviceCsp, node, Some(value));
        }
    }
    let state = object.get("state").and_then(Json::as_str).ok_or_else(|| member("state", STATE))?;
    let delivered = |node: &Node| state == "enabled" || *node == Node::UsePassportForWork;
    for nodes in import.changes.values_mut() {
        nodes.retain(|node, _| delivered(node));
    }
    import.changes.retain(|_, nodes| !nodes.is_empty());
    Ok(import)
}

const STATE: &str = "notConfigured, enabled or disabled";

fn read_member(name: &str, node: Node, coding: Coding, json: &Json) -> Result<Option<Value>, ImportFault> {
    if json.is_null() {
        return Ok(None);
    }
    let wrong = |expected| member(name, expected);
    let value = match coding {
        Coding::Truth => Value::Bool(json.as_bool().ok_or_else(|| wrong("true or false"))?),
        Coding::Number => return number(name, node, json).map(Some),
        Coding::Class => {
            let text = json.as_str().unwrap_or_default();
            let class = CLASSES.iter().position(|class| *class == text);
            let class = class.and_then(|class| u32::try_from(class).ok());
            Value::Int(class.ok_or_else(|| wrong("allowed, required or disallowed"))?)
        }
        Coding::State | Coding::StateNumber => {
            let on = match json.as_str() {
                Some("notConfigured") => return Ok(None),
                Some("enabled") => true,
                Some("disabled") => false,
                _ => return Err(wrong(STATE)),
            };
            if matches!(coding, Coding::State) { Value::Bool(on) } else { Value::Int(u32::from(on)) }
        }
    };
    Ok(Some(value))
}

fn number(path: &str, node: Node, json: &Json) -> Result<Value, ImportFault> {
    let number = json.as_number().ok_or_else(|| member(path, "a number"))?;
    let value = json.as_u64().and_then(|value| u32::try_from(value).ok()).map(Value::Int);
    value.filter(|value| node.format().takes(value)).ok_or_else(|| {
        refused(path)(PolicyFault::NotAllowed { node, value: number.to_string(), format: node.format() })
    })
}

/// The tenant-wide policy of values; the first node that has no place in one is the error.
pub(super) fn write_tenant_wide(values: &BTreeMap<Node, Value>) -> Result<Json, Node> {
    let mut object = Map::new();
    object.insert("@odata.type".to_owned(), TENANT_WIDE.into());
    for (name, node, coding) in MEMBERS {
        let value = values.get(&node).map_or_else(|| coding.unset(), |value| coding.write(value));
        object.insert(name.to_owned(), value);
    }
    let foreign = values.keys().find(|node| !MEMBERS.iter().any(|(_, member, _)| member == *node));
    // Only in the state "enabled" anything else is delivered.
    let enabled = values.get(&Node::UsePassportForWork) == Some(&Value::Bool(true));
    let alone = values.keys().find(|node| **node != Node::UsePassportForWork).filter(|_| !enabled);
    match foreign.or(alone) {
        Some(node) => Err(*node),
        None => Ok(Json::Object(object)),
    }
}

impl Coding {
    fn unset(self) -> Json {
        match self {
            Self::State | Self::StateNumber => "notConfigured".into(),
            _ => Json::Null,
        }
    }

    fn write(self, value: &Value) -> Json {
        let state = |on: bool| if on { "enabled" } else { "disabled" };
        match (self, value) {
            (Self::State, Value::Bool(on)) => state(*on).into(),
            (Self::StateNumber, Value::Int(on)) => state(*on == 1).into(),
            (Self::Class, Value::Int(class)) => CLASSES.get(*class as usize).copied().into(),
            (_, Value::Bool(value)) => (*value).into(),
            (_, Value::Int(value)) => (*value).into(),
            (_, Value::Text(text)) => text.as_str().into(),
        }
    }
}

// --- settings-catalogue profiles -------------------------------------------------------------------

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

fn read_catalogue(object: &Map<String, Json>, tenant: Uuid) -> Result<Import, ImportFault> {
    let mut import = Import { source: Some(Source::IntuneProfile), name: name(object, "name")?, ..Import::default() };
    let settings = object.get("settings").and_then(Json::as_array).ok_or_else(|| member("settings", "a list"))?;
    for (index, setting) in settings.iter().enumerate() {
        let path = format!("settings[{index}].settingInstance");
        let instance = setting.get("settingInstance").ok_or_else(|| member(&path, "an object"))?;
        read_instance(&mut import, instance, tenant, path, 0)?;
    }
    Ok(import)
}

fn name(object: &Map<String, Json>, key: &str) -> Result<Option<String>, ImportFault> {
    match object.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(name)) if name.chars().count() <= 200 && !name.chars().any(char::is_control) => {
            Ok(Some(name.clone()))
        }
        Some(_) => Err(ImportFault::Member {
            position: Position::Member(key.to_owned()),
            expected: "a text of at most 200 characters",
        }),
    }
}

fn read_instance(
    import: &mut Import,
    instance: &Json,
    tenant: Uuid,
    path: String,
    depth: usize,
) -> Result<(), ImportFault> {
    if depth > DEEPEST {
        return Err(member(&path, "settings no deeper than the catalogue's"));
    }
    let id = instance.get("settingDefinitionId").and_then(Json::as_str);
    let id = id.ok_or_else(|| member(&format!("{path}.settingDefinitionId"), "a text"))?;
    let found = find(id, tenant).map_err(refused(&path))?;
    let in_ours = is_group(id, tenant) || id.to_lowercase().contains("passportforwork");
    match found {
        Some((node, channel)) => {
            let value = instance_value(instance, id, node, &path)?;
            import.put(channel, node, Some(value));
        }
        None if in_ours && !is_group(id, tenant) => {
            return Err(refused(&path)(PolicyFault::UnknownNode(shorten(id))));
        }
        None if !in_ours => import.passed_over += 1,
        None => {}
    }
    for (list, below) in children(instance, &path) {
        read_instance(import, list, tenant, below, depth + 1)?;
    }
    Ok(())
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

/// The identifier with `{tenantid}` where it names the device's tenant.
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

fn is_group(id: &str, tenant: Uuid) -> bool {
    generic(id, tenant)
        .is_ok_and(|id| [Channel::DeviceCsp, Channel::UserCsp].into_iter().any(|channel| group(channel) == id))
}

fn find(id: &str, tenant: Uuid) -> Result<Option<(Node, Channel)>, PolicyFault> {
    let id = generic(id, tenant)?;
    for channel in [Channel::DeviceCsp, Channel::UserCsp] {
        let Some(row) = TABLE.iter().find(|row| definition(row.node, channel) == id) else { continue };
        let node = row.node;
        return match row.format_in(channel) {
            Some(_) => Ok(Some((node, channel))),
            None => Err(PolicyFault::NotInSource { node, channel }),
        };
    }
    Ok(None)
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

/// A JSON value of the node's own type.
fn plain(json: &Json, node: Node, path: &str) -> Result<Value, ImportFault> {
    let format = node.format();
    let wrong = |found: &str| {
        let (found, expected) = (found.to_owned(), format.syncml().to_owned());
        refused(path)(PolicyFault::WrongType { node, found, expected })
    };
    let value = match (format, json) {
        (Format::Bool, Json::Bool(value)) => Value::Bool(*value),
        (Format::Int { .. }, Json::Number(_)) => return number(path, node, json),
        (Format::Guids | Format::Text, Json::String(text)) => Value::Text(text.clone()),
        (_, Json::Bool(_)) => return Err(wrong("bool")),
        (_, Json::Number(_)) => return Err(wrong("int")),
        (_, Json::String(_)) => return Err(wrong("chr")),
        _ => return Err(wrong("simple value")),
    };
    if format.takes(&value) {
        return Ok(value);
    }
    Err(refused(path)(PolicyFault::NotAllowed { node, value: shorten(&value.to_string()), format }))
}

/// A settings-catalogue profile.
pub(super) fn write_catalogue(name: &str, layers: &[(Channel, &BTreeMap<Node, Value>)]) -> Json {
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

// --- custom profiles -------------------------------------------------------------------------------

fn read_custom(object: &Map<String, Json>, tenant: Uuid) -> Result<Import, ImportFault> {
    let mut import =
        Import { source: Some(Source::IntuneProfile), name: name(object, "displayName")?, ..Import::default() };
    let settings = object.get("omaSettings").and_then(Json::as_array).ok_or_else(|| member("omaSettings", "a list"))?;
    for (index, setting) in settings.iter().enumerate() {
        let path = format!("omaSettings[{index}]");
        let uri = setting.get("omaUri").and_then(Json::as_str);
        let uri = uri.ok_or_else(|| member(&format!("{path}.omaUri"), "a text"))?;
        match address::parse(uri, tenant).map_err(refused(&path))? {
            (_, Target::Elsewhere) => import.passed_over += 1,
            (_, Target::Branch) => return Err(refused(&path)(PolicyFault::UnknownNode(shorten(uri)))),
            (channel, Target::Leaf(node)) => {
                let value = setting.get("value").unwrap_or(&Json::Null);
                let value = plain(value, node, &path)?;
                import.put(channel, node, Some(value));
            }
        }
    }
    Ok(import)
}

/// Whether the tenant-wide policy has the node.
#[cfg(test)]
pub(super) fn is_tenant_wide(node: Node) -> bool {
    MEMBERS.iter().any(|(_, member, _)| *member == node)
}
