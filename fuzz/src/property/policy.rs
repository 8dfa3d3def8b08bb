//! What holds for every file that somebody may hand to an importer, whatever its bytes.
//!
//! For each source that may be named, and for none:
//!
//! 1. A refusal is short: foreign text is not repeated at length. Where the form itself says whose a file is, the source that
//!    was named lets it pass or refuses it, and changes nothing of what it says.
//! 2. What is taken can be filed. The layers hold what the file sets and no more, so a file that only deletes files nothing.
//! 3. The same file again, read anew, changes nothing. What other sources set stays. A refusal leaves the policy as it was.
//! 4. The policy survives its JSON.
//! 5. Exported in the same form and imported again it is the same.

use std::collections::{BTreeMap, BTreeSet};

use whfb::base::Uuid;
use whfb::device::policy::{
    Changes, Channel, ExportFault, FileFormat, Filing, Import, ImportFault, Layer, LayerKey, Node, Policy, Source,
    Value, export, import,
};

use super::{check_short, must, same};

/// The tenant that the corpus speaks of.
const TENANT: Uuid = Uuid::from_u128(0x6d1f4cd0_1b2f_4a43_9a36_7c7a5f0e2b11);

/// Whether the file is taken from any source; what does not hold is the error.
pub(super) fn judge(format: FileFormat, bytes: &[u8]) -> Result<bool, String> {
    let unnamed = import(format, bytes, TENANT, None);
    let mut taken = false;
    for named in [None].into_iter().chain(Source::ALL.map(Some)) {
        let read = import(format, bytes, TENANT, named);
        check_named(format, &unnamed, &read)?;
        let Ok(read) = read else { continue };
        let again = must(import(format, bytes, TENANT, named), "a second reading")?;
        let policy = check_filing(named, &read, &again)?;
        if !taken {
            check_strangers(&read)?;
        }
        check_stored(&policy)?;
        check_export(&policy, format)?;
        taken = true;
    }
    Ok(taken)
}

type Read = Result<Import, ImportFault>;

fn check_named(format: FileFormat, unnamed: &Read, read: &Read) -> Result<(), String> {
    if let Err(fault) = read {
        check_short(fault)?;
    }
    // A short name of a line is looked for where the source delivers, and a Registry.pol is whose the source says.
    if matches!(format, FileFormat::Lines | FileFormat::Pol) {
        return Ok(());
    }
    match (unnamed, read) {
        (Ok(_), Err(ImportFault::OtherSource { .. } | ImportFault::NotIntune(_))) => Ok(()),
        _ => same(read, unnamed, "a source that was named changes what is read"),
    }
}

/// The policy that a file makes out of none.
fn check_filing(named: Option<Source>, read: &Import, again: &Import) -> Result<Policy, String> {
    let filing = Filing { source: named, name: None, at: None };
    let mut policy = Policy::default();
    must(policy.file(read, filing), "filing")?;
    let set = read.changes.iter().flat_map(|(channel, nodes)| {
        nodes.iter().filter_map(move |(node, value)| Some(((*channel, *node), value.as_ref()?)))
    });
    let held = policy
        .layers()
        .iter()
        .flat_map(|layer| layer.values.iter().map(move |(node, value)| ((layer.channel, *node), value)));
    let [set, held]: [BTreeMap<(Channel, Node), &Value>; 2] = [set.collect(), held.collect()];
    same(&held, &set, "the layers hold")?;
    let mut twice = policy.clone();
    must(twice.file(again, filing), "filing a second time")?;
    same(&twice, &policy, "after a second filing")?;
    Ok(policy)
}

/// Files under every source that may deliver it, into a policy in which each source has set something.
fn check_strangers(read: &Import) -> Result<(), String> {
    let full = full_policy()?;
    let mut foreign = read.clone();
    // No CSP has the node, and the device's comes last: by then the other channels were filed.
    foreign.changes.entry(Channel::DeviceCsp).or_default().insert(Node::DisableSmartCardNode, None);
    for source in Source::ALL.into_iter().filter(|source| read.changes.keys().all(|at| source.delivers_into(*at))) {
        let filing = Filing { source: Some(source), name: None, at: None };
        let mut policy = full.clone();
        must(policy.file(read, filing), "filing into a full policy")?;
        same(&others(&policy, source), &others(&full, source), "what other sources set")?;
        let once = policy.clone();
        must(policy.file(read, filing), "filing a second time")?;
        same(&policy, &once, "after a second filing into a full policy")?;
        check_short(&policy.file(&foreign, filing).err().ok_or("a node that no CSP has is filed")?)?;
        same(&policy, &once, "after a refusal")?;
    }
    Ok(())
}

fn others(policy: &Policy, source: Source) -> Vec<Layer> {
    policy.layers().iter().filter(|layer| layer.source != source).cloned().collect()
}

fn full_policy() -> Result<Policy, String> {
    let changes = Changes::from([(Node::UsePassportForWork, Some(Value::Bool(true)))]);
    let mut policy = Policy::default();
    for source in Source::ALL {
        for channel in Channel::ALL.into_iter().filter(|channel| source.delivers_into(*channel)) {
            must(policy.apply(LayerKey::unnamed(source, channel), None, &changes), "a full policy")?;
        }
    }
    Ok(policy)
}

fn check_stored(policy: &Policy) -> Result<(), String> {
    let text = must(serde_json::to_string(policy), "storing")?;
    same(&must(serde_json::from_str(&text), "reading what was stored")?, policy, "stored and read")
}

fn check_export(policy: &Policy, format: FileFormat) -> Result<(), String> {
    let mut again = Policy::default();
    let sources: BTreeSet<_> = policy.layers().iter().map(|layer| (layer.source, layer.name.as_str())).collect();
    for (source, name) in sources {
        let bytes = match export(policy, source, name, format, TENANT) {
            // Short names of a line reach Group Policy, which has no addresses.
            Err(ExportFault::Channel { .. }) if format == FileFormat::Lines && source.channel().is_gpo() => {
                return Ok(());
            }
            bytes => must(bytes, "export")?,
        };
        same(&FileFormat::guess(&bytes), &format, "the form of an export")?;
        let read = must(import(format, &bytes, TENANT, Some(source)), "what was exported is refused")?;
        same(&read.passed_over, &0, "of an export is passed over")?;
        // A profile says its name itself.
        let name = Some(name).filter(|_| format != FileFormat::Intune);
        must(again.file(&read, Filing { source: Some(source), name, at: None }), "what was exported is not filed")?;
    }
    same(&again, policy, "exported and imported")
}
