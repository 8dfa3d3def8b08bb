//! `whfb device`: make, list, show and remove virtual devices.

use std::path::Path;

use serde_json::{Value, json};
use whfb::attest::{TpmIdentity, ek_certificate};
use whfb::base::{Clock as _, OsRng, SystemClock};
use whfb::crypto::PublicKey;
use whfb::crypto::cert::{Authority, Validity};
use whfb::device::StoreError;
use whfb::device::home::Device;
use whfb::device::state::{Description, TimeMark, TpmChoice};
use whfb::device::stop::Stop;
use whfb::device::switches::SWITCHES;
use whfb::device::tpm::manufacture::{Owned, manufacture};
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Condition, Direct, Facts, KeyKind, Ownership, condition};

use crate::args;
use crate::failure::Failure;
use crate::lab::Place;
use crate::opened::{Opened, tpm_folder};
use crate::output::Output;
use crate::trace;

pub(crate) fn run(command: &args::Device, place: &Place, output: &Output) -> Result<(), Failure> {
    match command {
        args::Device::Create { name, tpm, condition } => {
            place.prepare()?;
            check_condition(tpm, *condition)?;
            let opened = create(place, name, tpm, *condition)?;
            let text = format!("device {name} made, {}", describe_tpm(&opened.device.state.description));
            output.answer(&text, &json!({"ok": true, "device": describe(&opened.device)}));
            Ok(())
        }
        args::Device::List => list(place, output),
        args::Device::Show { name } => show(place, name.as_deref(), output),
        args::Device::Switch { on, assignments } => switch(on, assignments, place, output),
        args::Device::Remove { name } => {
            place.prepare()?;
            remove(&place.device(name)?)?;
            output.answer(&format!("device {name} removed"), &json!({"ok": true, "removed": name}));
            Ok(())
        }
    }
}

/// Makes a device; one whose TPM cannot be made leaves nothing behind.
pub(crate) fn create(place: &Place, name: &str, tpm: &TpmChoice, condition: Condition) -> Result<Opened, Failure> {
    let dir = place.device(name)?;
    let description = Description { name: name.to_owned(), tpm: tpm.clone(), condition };
    let device = Device::create(&dir, description).map_err(|error| match error {
        StoreError::NotEmpty(_) => {
            Failure::usage(format!("there is a device {name} already")).next(format!("whfb device remove {name}"))
        }
        other => other.into(),
    })?;
    equip(place, &dir, device).inspect_err(|_| {
        // The first error is the one that matters.
        let _ = std::fs::remove_dir_all(&dir);
    })
}

/// Refuses a condition that the TPM cannot be brought into.
fn check_condition(tpm: &TpmChoice, condition: Condition) -> Result<(), Failure> {
    let said = [Condition::Ready, Condition::NotReady, Condition::Fips, Condition::LockedOut];
    let (possible, why) = match tpm {
        TpmChoice::Swtpm => (true, ""),
        TpmChoice::V12 => (said.contains(&condition), "no command is sent to a TPM 1.2"),
        TpmChoice::None => (condition == Condition::Ready, "there is no TPM"),
        TpmChoice::Guest(_) => (condition == Condition::Ready, "a TPM that whfb did not start stays as it is"),
    };
    if possible {
        return Ok(());
    }
    Err(Failure::usage(format!("--condition {} is not possible with --tpm {tpm}: {why}", condition.name()))
        .next("leave --condition out, or take a TPM of the lab: --tpm swtpm"))
}

fn equip(place: &Place, dir: &Path, mut device: Device) -> Result<Opened, Failure> {
    let (choice, condition) = (device.state.description.tpm.clone(), device.state.description.condition);
    if choice != TpmChoice::Swtpm {
        drop(device);
        let mut opened = Opened::open(dir)?;
        // Pins the TPM that is met now.
        opened.work(|_| Ok(()))?;
        return Ok(opened);
    }
    let vendor = place.vendor()?;
    let folder = tpm_folder(dir);
    let mut swtpm = Swtpm::start(&folder, Path::new(PROGRAM))?.traced(trace::current());
    let issuer = |_: KeyKind, ek: &PublicKey, facts: &Facts| issue(&vendor, ek, facts).map(Some);
    let Owned { pins, lockout_auth, .. } = manufacture(&mut swtpm, &mut OsRng, &issuer)?;
    let tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&pins), Box::new(OsRng))?;
    device.state.pins = Some(pins.clone());
    let mut opened = Opened::with(device, Some(Box::new(tpm)));
    opened.work(|machine| machine.keep_lockout_auth(&lockout_auth).map_err(|error| Stop::from(error).into()))?;
    if condition == Condition::Ready {
        return Ok(opened);
    }
    let mut device = opened.into_device();
    let program = Path::new(PROGRAM);
    match condition {
        Condition::Cleared => condition::clear_behind(&folder, program, &lockout_auth)?,
        Condition::Swapped => {
            condition::swap(&folder, program, |swtpm| manufacture(swtpm, &mut OsRng, &issuer).map(drop))?
        }
        Condition::RolledBack => {
            let clock = condition::roll_back(&folder, program, &pins)?;
            device.time = Some(TimeMark { clock, rolled_back: false });
            device.save_time()?;
        }
        // The others are made at each start; this one shows that it can be.
        _ => drop(condition::start(&folder, program, condition, Some(&pins), Box::new(OsRng), trace::current())?),
    }
    Ok(Opened::with(device, None))
}

/// An endorsement certificate by the lab's vendor, for ten years.
fn issue(vendor: &Authority, ek: &PublicKey, facts: &Facts) -> Result<Vec<u8>, Failure> {
    let validity = Validity::days_from(SystemClock.now(), 3650);
    let tpm = TpmIdentity {
        manufacturer: facts.manufacturer_id,
        model: facts.vendor.clone(),
        version: facts.firmware_version,
    };
    ek_certificate(vendor, ek, &tpm, validity, &mut OsRng)
        .map(|certificate| certificate.der().to_vec())
        .map_err(|error| Failure::environment(format!("the vendor CA cannot issue: {error}")))
}

/// Removes a device that nobody uses.
pub(crate) fn remove(dir: &Path) -> Result<(), Failure> {
    // Holding the device keeps another process from using what is being removed.
    let device = Device::open(dir)?;
    std::fs::remove_dir_all(dir).map_err(|error| Failure::environment(format!("{}: {error}", dir.display())))?;
    drop(device);
    Ok(())
}

/// Turns all or none, and shows every switch.
fn switch(on: &args::OnDevice, assignments: &[String], place: &Place, output: &Output) -> Result<(), Failure> {
    let (name, dir) = place.choose(on.device.as_deref())?;
    let mut device = Device::open(&dir)?;
    let mut switches = device.switches;
    for assignment in assignments {
        switches.assign(assignment).map_err(|fault| {
            Failure::usage(format!("{assignment}: {fault}")).next("list the switches: whfb device switch")
        })?;
    }
    device.switches = switches;
    device.save()?;
    let mut text = format!("switches of {name}; * is not the default");
    let mut objects = Vec::new();
    for switch in SWITCHES {
        let value = switch.value(&switches);
        let mark = if value == switch.default() { ' ' } else { '*' };
        text.push_str(&format!("\n{mark} {:<40} {value:<18} {} {}", switch.name, switch.about, switch.tag));
        objects.push(json!({
            "name": switch.name, "value": value, "default": switch.default(), "values": switch.values,
            "about": switch.about, "tag": switch.tag,
        }));
    }
    output.answer(&text, &json!({"ok": true, "device": name, "switches": objects}));
    Ok(())
}

fn list(place: &Place, output: &Output) -> Result<(), Failure> {
    place.prepare()?;
    let mut lines = Vec::new();
    let mut objects = Vec::new();
    for name in place.devices()? {
        let device = Device::open(&place.device(&name)?)?;
        let joined = if device.state.registration.is_some() { "joined" } else { "not joined" };
        lines.push(format!("{name:<20} {:<28} {joined}", describe_tpm(&device.state.description)));
        objects.push(describe(&device));
    }
    if lines.is_empty() {
        lines.push("no devices; make one: whfb device create NAME".into());
    }
    output.answer(&lines.join("\n"), &json!({"ok": true, "devices": objects}));
    Ok(())
}

fn show(place: &Place, name: Option<&str>, output: &Output) -> Result<(), Failure> {
    let (_, dir) = place.choose(name)?;
    let device = Device::open(&dir)?;
    let object = describe(&device);
    let mut text =
        format!("{}\n  TPM        {}", device.state.description.name, describe_tpm(&device.state.description));
    match &device.state.registration {
        None => text.push_str("\n  joined     no"),
        Some(registration) => {
            text.push_str(&format!("\n  joined     {} by {}", registration.tenant_name, registration.upn));
            text.push_str(&format!("\n  device id  {}", registration.device_id));
            text.push_str(&format!("\n  keys in    {}", registration.device_key.provider().name()));
        }
    }
    for (upn, user) in &device.state.users {
        let key = user.container.as_ref().map_or_else(
            || "no Hello key".to_owned(),
            |container| format!("Hello key {} in {}", container.user_key.key_id, container.provider().name()),
        );
        text.push_str(&format!("\n  {upn}: {key}"));
    }
    output.answer(&text, &json!({"ok": true, "device": object}));
    Ok(())
}

/// A device as one object: what it is, where it is joined, whose keys it has; no secret.
pub(crate) fn describe(device: &Device) -> Value {
    let state = &device.state;
    let users: Vec<Value> = state
        .users
        .iter()
        .map(|(upn, user)| {
            json!({
                "upn": upn,
                "container": user.container.as_ref().map(|container| json!({
                    "id": container.id, "created": container.created, "provider": container.provider().name(),
                    "key_id": container.user_key.key_id, "kid": container.user_key.kid,
                    "attestation": container.user_key.attestation,
                })),
            })
        })
        .collect();
    json!({
        "name": state.description.name,
        "tpm": state.description.tpm.to_string(),
        "condition": state.description.condition,
        "executed": state.description.tpm != TpmChoice::V12,
        "injected": injected(&state.description),
        "registration": state.registration.as_ref().map(|registration| json!({
            "tenant_id": registration.tenant_id, "device_id": registration.device_id,
            "upn": registration.upn, "joined": registration.joined,
            "key_provider": registration.device_key.provider().name(),
        })),
        "users": users,
    })
}

fn describe_tpm(description: &Description) -> String {
    let tpm = match &description.tpm {
        TpmChoice::Swtpm => "TPM 2.0 (swtpm)".to_owned(),
        TpmChoice::None => "no TPM".to_owned(),
        TpmChoice::V12 => "TPM 1.2 (decided about, not run)".to_owned(),
        TpmChoice::Guest(name) => format!("TPM 2.0 at {name}, as a guest"),
    };
    match description.condition {
        Condition::Ready => tpm,
        other => format!("{tpm}, {}", other.name()),
    }
}

/// What of the condition is not the TPM's own doing.
fn injected(description: &Description) -> Vec<&'static str> {
    match (&description.tpm, description.condition) {
        (TpmChoice::Swtpm, Condition::Fips) => vec!["TPM_PT_MODES"],
        _ => Vec::new(),
    }
}
