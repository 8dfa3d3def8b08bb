//! `whfb policy`: what administrators set, and what it amounts to.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::{Value as Json, json};
use whfb::base::{Clock as _, SystemClock, Timestamp, Uuid};
use whfb::device::home::Device;
use whfb::device::policy::node::TABLE;
use whfb::device::policy::{
    Channel, Effective, FileFormat, Filing, Import, ImportFault, LARGEST_FILE, LayerKey, Policy, PolicyFault,
    Resolution, Source, Tree, automatic_enrollment, describe, export, import, read_assignment, read_node,
};
use whfb::device::refresh::software_keys_under_requirement;
use whfb::device::switches::SOFTWARE_KEY_UNDER_REQUIREMENT;
use whfb::entra::SEEDED_TENANT;
use whfb::wire::encoding::base64;

use crate::args;
use crate::failure::{Class, Failure};
use crate::lab::Place;
use crate::output::{Ink, Output};

pub(crate) fn run(command: &args::Policy, place: &Place, output: &Output) -> Result<(), Failure> {
    let on = match command {
        args::Policy::Set { on, .. }
        | args::Policy::Import { on, .. }
        | args::Policy::Export { on, .. }
        | args::Policy::Show(on)
        | args::Policy::Explain { on, .. } => on,
    };
    let (name, dir) = place.choose(on.device.as_deref())?;
    let mut device = Device::open(&dir)?;
    match command {
        args::Policy::Set { assignments, .. } => {
            set(&mut device, assignments)?;
            device.save()?;
            let text = format!("policy of {name}: {}", assignments.join(", "));
            output.answer(&text, &json!({"ok": true, "device": name, "effective": effective(&device)}));
            Ok(())
        }
        args::Policy::Import { file, source, format, name: layer, at, .. } => {
            let bytes = read(file)?;
            let format = format.unwrap_or_else(|| FileFormat::guess(&bytes));
            let filing = Filing { source: *source, name: layer.as_deref(), at: *at };
            let read = take(&mut device, format, &bytes, filing).map_err(|failure| Failure {
                message: format!("{}: {}", file.display(), failure.message),
                ..failure
            })?;
            device.save()?;
            told(&name, format, &read, &device, output);
            Ok(())
        }
        args::Policy::Export { source, name: layer, format, .. } => {
            let bytes = export(&device.policy, *source, layer, *format, tenant(&device))
                .map_err(|fault| Failure::usage(fault.to_string()).next(layers(&device.policy)))?;
            write(&bytes, *format, *source, output)
        }
        args::Policy::Show(_) => {
            show(&name, &device, output);
            Ok(())
        }
        args::Policy::Explain { node, .. } => explain(&name, &device, node.as_deref(), output),
    }
}

/// The tenant whose policies the device takes.
fn tenant(device: &Device) -> Uuid {
    device.state.registration.as_ref().map_or(SEEDED_TENANT, |registration| registration.tenant_id)
}

/// The tree that the device reads.
fn tree(device: &Device) -> Tree {
    Tree::of(tenant(device), &device.switches.policy)
}

fn resolve(device: &Device, now: Timestamp) -> Resolution {
    device.policy.resolve(now, &device.switches.policy)
}

fn effective(device: &Device) -> Effective {
    Effective::of(&resolve(device, SystemClock.now()))
}

/// Sets every node or none.
pub(crate) fn set(device: &mut Device, assignments: &[String]) -> Result<(), Failure> {
    let tree = tree(device);
    let mut policy = device.policy.clone();
    for assignment in assignments {
        let refused = |fault| {
            let failure = Failure::usage(format!("{assignment}: {fault}"));
            if matches!(fault, PolicyFault::UnknownNode(_)) { failure.next(NODES) } else { failure }
        };
        let (channel, node, value) = read_assignment(assignment, tree, Channel::DeviceCsp).map_err(refused)?;
        let key = LayerKey::unnamed(Source::of(channel), channel);
        policy.apply(key, None, &[(node, Some(value))].into()).map_err(refused)?;
    }
    device.policy = policy;
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // One byte more than is taken, so that a longer file is noticed without being read.
    let most = u64::try_from(LARGEST_FILE).unwrap_or(u64::MAX).saturating_add(1);
    let read = match file == Path::new("-") {
        true => std::io::stdin().lock().take(most).read_to_end(&mut bytes),
        false => std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::usage(format!("{}: {error}", file.display()))),
    }
}

/// Takes all of a file or nothing.
fn take(device: &mut Device, format: FileFormat, bytes: &[u8], filing: Filing<'_>) -> Result<Import, Failure> {
    let read = import(format, bytes, tree(device), filing.source).map_err(|fault| refused(&fault))?;
    let joined = device.state.registration.is_some();
    if joined && filing.source.or(read.source) == Some(Source::IntuneTenant) {
        return Err(Failure::new(
            Class::Refused,
            "the tenant-wide policy of Intune is applied once, at enrollment: a later one does not reach this device",
        )
        .next("deliver it by a device profile, or import it into a device that is not joined yet"));
    }
    device.policy.file(&read, filing).map_err(|fault| Failure::usage(fault.to_string()).next(AGAIN))?;
    Ok(read)
}

const NODES: &str = "list the nodes: whfb policy show";
const AGAIN: &str = "correct it and import again; nothing of it was taken";

/// A file that was not taken, with the step that helps in its case.
fn refused(fault: &ImportFault) -> Failure {
    let next = match fault {
        ImportFault::WhoseGpo => "say whose it is: --source computer-gpo; nothing of it was taken",
        ImportFault::Policy { fault: PolicyFault::UnknownNode(_), .. } => {
            "list the nodes: whfb policy show; nothing of it was taken"
        }
        _ => AGAIN,
    };
    Failure::usage(fault.to_string()).next(next)
}

fn told(name: &str, format: FileFormat, read: &Import, device: &Device, output: &Output) {
    let mut text = format!("policy of {name}: {} from {}", counted(read.count(), "node"), format.name());
    if read.passed_over > 0 {
        let others = counted(read.passed_over, "setting");
        text.push_str(&format!(", {others} of other policies passed over"));
    }
    let changes: Vec<Json> = read
        .changes
        .iter()
        .flat_map(|(channel, nodes)| {
            nodes.iter().map(move |(node, value)| json!({"channel": channel, "node": node, "value": value}))
        })
        .collect();
    output.answer(
        &text,
        &json!({"ok": true, "device": name, "format": format.name(), "changes": changes, "passed_over": read.passed_over,
            "effective": effective(device)}),
    );
}

/// `1 node`, `2 nodes`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What there is to export, for an error.
fn layers(policy: &Policy) -> String {
    let each: Vec<String> = policy
        .layers()
        .iter()
        .map(|layer| match layer.name.as_str() {
            "" => format!("--source {}", layer.source),
            name => format!("--source {} --name {name:?}", layer.source),
        })
        .collect();
    if each.is_empty() {
        "nobody has set anything: whfb policy set NODE=VALUE".to_owned()
    } else {
        format!("there are: {}", each.join("; "))
    }
}

/// The file itself on standard output; with `--json` as a member of the object.
fn write(bytes: &[u8], format: FileFormat, source: Source, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        let content = match std::str::from_utf8(bytes) {
            Ok(text) => json!({"text": text}),
            Err(_) => json!({"base64": base64(bytes)}),
        };
        output.answer("", &json!({"ok": true, "source": source.name(), "format": format.name(), "content": content}));
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::environment(format!("standard output: {error}")))
}

fn show(name: &str, device: &Device, output: &Output) {
    let now = SystemClock.now();
    let resolution = resolve(device, now);
    let mut text = format!("{:<60} {:<16} {:<34} takes", "node", "value", "from");
    let mut nodes = Vec::new();
    for row in TABLE {
        let verdict = resolution.verdict(row.node);
        let value = verdict.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let from = verdict.winner.as_ref().map_or_else(|| "default".to_owned(), |offer| offer.words.clone());
        let line = format!("{:<60} {value:<16} {from:<34} {}", row.path, row.format);
        let line = if verdict.winner.is_some() { output.paint(Ink::Strong, &line) } else { line };
        text.push_str(&format!("\n{line}"));
        nodes.push(json!({
            "node": row.node, "value": verdict.value, "winner": verdict.winner, "takes": row.format.to_string(),
            "ddf_default": row.default_value(), "first_build": row.build, "group": row.group, "about": row.about, "tag": row.tag,
            "channels": Channel::ALL.into_iter().filter(|channel| row.format_in(*channel).is_some()).collect::<Vec<_>>(),
        }));
    }
    let layers = device.policy.layers();
    output.answer(
        &text,
        &json!({"ok": true, "device": name, "at": now, "nodes": nodes, "layers": layers, "effective": Effective::of(&resolution)}),
    );
}

fn explain(name: &str, device: &Device, node: Option<&str>, output: &Output) -> Result<(), Failure> {
    let now = SystemClock.now();
    let resolution = resolve(device, now);
    let named = node
        .map(|node| read_node(node, tree(device)))
        .transpose()
        .map_err(|fault| Failure::usage(fault.to_string()).next(NODES))?;
    let enrollment = automatic_enrollment(&resolution);
    let remarks = remarks(device, &Effective::of(&resolution));
    let chosen: Vec<_> = match named {
        Some(node) => vec![resolution.verdict(node)],
        None => resolution.verdicts().iter().filter(|verdict| verdict.is_disputed_or_set()).collect(),
    };
    let mut text = format!("policy of {name}\nautomatic enrollment: {}\n", enrollment.sentence());
    for (_, remark) in &remarks {
        text.push_str(&format!("{remark}\n"));
    }
    for verdict in &chosen {
        text.push('\n');
        text.push_str(&describe(verdict));
    }
    let others = TABLE.len() - chosen.len();
    if named.is_none() {
        text.push_str(&format!("\n{others} nodes that nobody has set are at their defaults: whfb policy show"));
    }
    let nodes: Vec<Json> = chosen.iter().map(|verdict| verdict.json()).collect();
    let remarks: Vec<Json> = remarks.iter().map(|(code, text)| json!({"code": code, "text": text})).collect();
    output.answer(
        text.trim_end(),
        &json!({"ok": true, "device": name, "at": now, "automatic_enrollment": enrollment.json(), "remarks": remarks, "nodes": nodes}),
    );
    Ok(())
}

/// What users did and what keys are that the policy speaks of.
fn remarks(device: &Device, effective: &Effective) -> Vec<(&'static str, String)> {
    let cancelled = device.state.users.iter().filter_map(|(upn, user)| user.cancelled.map(|at| (upn, at)));
    let mut remarks: Vec<(&'static str, String)> = cancelled
        .map(|(upn, at)| ("CANCELLED", format!("cancelled by {upn} at {at:.0}; the next sign-in asks again")))
        .collect();
    for upn in software_keys_under_requirement(&device.state, effective) {
        let text = format!(
            "{SOFTWARE_KEY_UNDER_REQUIREMENT}: the key of {upn} lives in software, and policy requires hardware now"
        );
        remarks.push((SOFTWARE_KEY_UNDER_REQUIREMENT, text));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_without_layers_says_how_to_begin() {
        assert!(layers(&Policy::default()).contains("policy set"));
        let policy = Policy::default()
            .with(Source::IntuneTenant, &[(whfb::device::policy::Node::History, whfb::device::policy::Value::Int(1))]);
        assert_eq!(layers(&policy.unwrap()), "there are: --source intune-tenant");
    }
}
