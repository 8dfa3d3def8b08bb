//! `whfb key`: Hello keys, and how the tenant keeps them.

use serde_json::{Value, json};
use whfb::device::home::Device;
use whfb::entra::KeyRecord;
use whfb::link::Direct;
use whfb::wire::encoding::{base64, hex};
use whfb::wire::key_credential::{KeyCredential, SearchableDeviceKey};

use crate::args::{self, KeyForm};
use crate::failure::Failure;
use crate::lab::Place;
use crate::output::Output;
use crate::tenant;

/// A key, known to a device, to the tenant, or to both.
struct Known {
    upn: String,
    /// The GUID that registration answered.
    key_id: String,
    /// base64 SHA-256 of the public key.
    kid: String,
    /// Where it lives, if the device is at hand.
    provider: Option<&'static str>,
    /// What the tenant has of it; nothing once it is deleted there.
    record: Option<KeyRecord>,
}

pub(crate) fn run(command: &args::Key, place: &Place, output: &Output) -> Result<(), Failure> {
    let args::Key::Show { device, user, form } = command;
    match user {
        Some(upn) => show(&of_user(place, upn)?, "user", upn, *form, output),
        None => {
            let (name, dir) = place.choose(device.as_deref())?;
            let device = Device::open(&dir)?;
            show(&on_device(place, &device)?, "device", &name, *form, output);
        }
    }
    Ok(())
}

fn of_user(place: &Place, upn: &str) -> Result<Vec<Known>, Failure> {
    place.prepare()?;
    let known = |record: KeyRecord| Known {
        upn: upn.to_lowercase(),
        key_id: record.kid.to_string(),
        kid: base64(&record.azure.key_id()),
        provider: None,
        record: Some(record),
    };
    let records = records(&tenant::directory(place)?, upn)?.ok_or_else(|| {
        Failure::usage(format!("the tenant has no user {upn}"))
            .next("name one of the tenant, such as alice@contoso.example")
    })?;
    Ok(records.into_iter().map(known).collect())
}

fn on_device(place: &Place, device: &Device) -> Result<Vec<Known>, Failure> {
    let users = device.state.users.iter();
    let containers: Vec<_> = users.filter_map(|(upn, user)| Some((upn, user.container.as_ref()?))).collect();
    if containers.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tenant::directory(place)?;
    let mut keys = Vec::new();
    for (upn, container) in containers {
        let key = &container.user_key;
        keys.push(Known {
            upn: upn.clone(),
            key_id: key.key_id.to_string(),
            kid: key.kid.clone(),
            provider: Some(container.provider().name()),
            record: records(&tenant, upn)?.into_iter().flatten().find(|record| record.kid == key.key_id),
        });
    }
    Ok(keys)
}

/// What the tenant has of a user's keys; `None` without such a user.
fn records(tenant: &Direct, upn: &str) -> Result<Option<Vec<KeyRecord>>, Failure> {
    Ok(tenant.wait(tenant.entra().key_records(upn))?)
}

fn show(keys: &[Known], kind: &str, name: &str, form: KeyForm, output: &Output) {
    let mut text = format!("Hello keys of {name}");
    if keys.is_empty() {
        text = format!("{name} has no Hello key; make one: whfb provision --user UPN");
    }
    for key in keys {
        text.push_str(&describe(key, form));
    }
    let objects: Vec<Value> = keys.iter().map(to_json).collect();
    output.answer(&text, &json!({"ok": true, kind: name, "keys": objects}));
}

fn describe(key: &Known, form: KeyForm) -> String {
    let mut text = format!("\n{}\n  key id      {}\n  kid         {}", key.upn, key.key_id, key.kid);
    if let Some(provider) = key.provider {
        text.push_str(&format!("\n  in          {provider}"));
    }
    let Some(record) = &key.record else {
        text.push_str("\n  tenant      has it no more: it signs nobody in");
        return text;
    };
    let credential = match form {
        KeyForm::Ad => &record.ad,
        KeyForm::Azure => &record.azure,
    };
    if let Some(registered) = credential.created {
        text.push_str(&format!("\n  registered  {registered} from device {}", record.device_id));
    }
    text.push_str(&format!("\n  level       {}\n  strength    {}", record.level, record.strength.name()));
    text.push_str(&format!("\n  {}", credential.to_attribute(&distinguished_name(&key.upn))));
    text
}

fn to_json(key: &Known) -> Value {
    let form = |credential: &KeyCredential| {
        json!({
            "blob": hex(&credential.to_bytes()),
            "attribute": credential.to_attribute(&distinguished_name(&key.upn)),
        })
    };
    let tenant = key.record.as_ref().map(|record| {
        json!({
            "device_id": record.device_id,
            "registered": record.azure.created,
            "level": record.level,
            "strength": record.strength,
            "ad": form(&record.ad),
            "azure": form(&record.azure),
            "searchable_device_key": SearchableDeviceKey::of(&record.azure),
        })
    });
    json!({"upn": key.upn, "key_id": key.key_id, "kid": key.kid, "provider": key.provider, "tenant": tenant})
}

/// Where a domain of the tenant's name would have the user. Ours: the tenant is in the cloud alone.
fn distinguished_name(upn: &str) -> String {
    let (name, domain) = upn.split_once('@').unwrap_or((upn, ""));
    let components = domain.split('.').map(|label| format!(",DC={label}"));
    format!("CN={name},CN=Users{}", components.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_lies_in_the_domain_of_the_upn() {
        assert_eq!(distinguished_name("alice@contoso.example"), "CN=alice,CN=Users,DC=contoso,DC=example");
    }
}
