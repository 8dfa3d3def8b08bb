//! The tenant-wide policy: `deviceEnrollmentWindowsHelloForBusinessConfiguration`.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{TENANT_WIDE, member, number};
use crate::device::policy::import::{Import, ImportFault};
use crate::device::policy::node::Node;
use crate::device::policy::source::{Channel, Source};
use crate::device::policy::value::Value;

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

pub(super) fn read(object: &Map<String, Json>) -> Result<Import, ImportFault> {
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

/// The tenant-wide policy of values; the first node that has no place in one is the error.
pub(in crate::device::policy) fn write(values: &BTreeMap<Node, Value>) -> Result<Json, Node> {
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

/// Whether the tenant-wide policy has the node.
#[cfg(test)]
pub(in crate::device::policy) fn has(node: Node) -> bool {
    MEMBERS.iter().any(|(_, member, _)| *member == node)
}
