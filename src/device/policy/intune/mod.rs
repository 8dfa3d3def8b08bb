//! Policy as Microsoft Graph shows it: the tenant-wide policy, a settings-catalogue profile, a custom profile.
//!
//! * `deviceEnrollmentWindowsHelloForBusinessConfiguration` is the tenant-wide policy. That `securityDeviceRequired` becomes
//!   `RequireSecurityDevice` is inferred. In the states `disabled` and `notConfigured` nothing else is delivered. \[inferred\]
//! * `deviceManagementConfigurationPolicy` is a settings-catalogue profile; identifiers of settings are the OMA-URI in small
//!   letters, underscores between its segments, as the catalogue shows them.
//! * `windows10CustomConfiguration` is a custom profile of OMA-URIs.

mod catalogue;
mod custom;
mod tenant_wide;

use serde_json::{Map, Value as Json};

use super::PolicyFault;
use super::address::{Tree, shorten};
use super::import::{Import, ImportFault, Position};
use super::node::Node;
use super::value::{Format, Value};

const TENANT_WIDE: &str = "#microsoft.graph.deviceEnrollmentWindowsHelloForBusinessConfiguration";
const CATALOGUE: &str = "#microsoft.graph.deviceManagementConfigurationPolicy";
const CUSTOM: &str = "#microsoft.graph.windows10CustomConfiguration";

pub(super) use catalogue::write as write_catalogue;
#[cfg(test)]
pub(super) use tenant_wide::has as is_tenant_wide;
pub(super) use tenant_wide::write as write_tenant_wide;

/// Reads whichever of the three it is.
pub(super) fn read(bytes: &[u8], tree: Tree) -> Result<Import, ImportFault> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let json: Json = serde_json::from_slice(bytes)
        .map_err(|error| ImportFault::NotJson { line: error.line(), column: error.column() })?;
    let Json::Object(object) = json else {
        return Err(ImportFault::NotIntune("the file is no JSON object"));
    };
    let kind = object.get("@odata.type").and_then(Json::as_str).unwrap_or_default();
    match kind {
        TENANT_WIDE => tenant_wide::read(&object),
        CUSTOM => custom::read(&object, tree),
        CATALOGUE => catalogue::read(&object, tree.tenant),
        "" if object.contains_key("settings") => catalogue::read(&object, tree.tenant),
        "" if object.contains_key("omaSettings") => custom::read(&object, tree),
        "" if object.contains_key("securityDeviceRequired") => tenant_wide::read(&object),
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

/// The name of a profile.
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

/// A JSON number within the node's range.
fn number(path: &str, node: Node, json: &Json) -> Result<Value, ImportFault> {
    let number = json.as_number().ok_or_else(|| member(path, "a number"))?;
    let value = json.as_u64().and_then(|value| u32::try_from(value).ok()).map(Value::Int);
    value.filter(|value| node.format().takes(value)).ok_or_else(|| {
        refused(path)(PolicyFault::NotAllowed { node, value: number.to_string(), format: node.format() })
    })
}

/// A JSON value of the node's own type.
fn plain(json: &Json, node: Node, path: &str) -> Result<Value, ImportFault> {
    let format = node.format();
    let wrong = |found: &str| {
        let (value, found) = (shorten(&json.to_string()), found.to_owned());
        refused(path)(PolicyFault::WrongType { node, value, found, expected: format.syncml(), format })
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
