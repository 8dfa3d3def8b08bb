//! Writes what one source set, in the forms that the importer reads.

use std::collections::BTreeMap;

use super::address::address;
use super::import::FileFormat;
use super::intune;
use super::node::Node;
use super::registry;
use super::source::{Channel, Layer, Policy, Source};
use super::value::Value;
use crate::base::Uuid;
use crate::wire::registry::reg::Encoding;
use crate::wire::registry::{Entry, pol, reg};
use crate::wire::syncml::{self, Command, Verb};

/// Why a policy was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportFault {
    /// The source has set nothing.
    #[error("{source} has set nothing", source = .0.words())]
    Nothing(Source),
    /// The form cannot hold what this source sets.
    #[error("{format} cannot hold the policy of a {channel}", format = .format.name(), channel = .channel.words())]
    Channel {
        /// The form.
        format: FileFormat,
        /// Where the source delivers.
        channel: Channel,
    },
    /// The form has no place for a node.
    #[error("{format} has no place for {node}{why}", format = .format.name())]
    Node {
        /// The form.
        format: FileFormat,
        /// The node.
        node: Node,
        /// Why, where it is not plain.
        why: &'static str,
    },
    /// The writer of the form refused.
    #[error("{0}")]
    Form(String),
}

/// Writes the layers of one source and name. A `.reg` is written in UTF-16, as regedit does.
///
/// # Errors
/// Every [`ExportFault`].
pub fn export(
    policy: &Policy,
    source: Source,
    name: &str,
    format: FileFormat,
    tenant: Uuid,
) -> Result<Vec<u8>, ExportFault> {
    let layers: Vec<&Layer> =
        policy.layers().iter().filter(|layer| layer.source == source && layer.name == name).collect();
    let Some(first) = layers.first() else { return Err(ExportFault::Nothing(source)) };
    let csp = layers.iter().all(|layer| !layer.channel.is_gpo());
    let fits = match format {
        FileFormat::Lines | FileFormat::Syncml => csp,
        FileFormat::Reg => true,
        FileFormat::Pol => !csp,
        FileFormat::Intune => source.is_intune(),
    };
    if !fits {
        return Err(ExportFault::Channel { format, channel: first.channel });
    }
    match format {
        FileFormat::Lines => Ok(lines(&layers, tenant).into_bytes()),
        FileFormat::Syncml => syncml::write(&commands(&layers, tenant)).map(String::into_bytes).map_err(form),
        FileFormat::Reg => reg::write(&entries(&layers, format, tenant)?, Encoding::Utf16).map_err(form),
        FileFormat::Pol => {
            let mut entries = entries(&layers, format, tenant)?;
            for entry in &mut entries {
                entry.key = registry::without_hive(&entry.key).to_owned();
            }
            pol::write(&entries).map_err(form)
        }
        FileFormat::Intune => json(&layers, source, name),
    }
}

fn form(error: impl std::fmt::Display) -> ExportFault {
    ExportFault::Form(error.to_string())
}

/// Every node of the layers with its channel.
fn nodes<'a>(layers: &[&'a Layer]) -> impl Iterator<Item = (Channel, Node, &'a Value)> {
    layers.iter().flat_map(|layer| layer.values.iter().map(|(node, value)| (layer.channel, *node, value)))
}

fn lines(layers: &[&Layer], tenant: Uuid) -> String {
    nodes(layers).map(|(channel, node, value)| format!("{}={value}\n", address(node, channel, tenant))).collect()
}

fn commands(layers: &[&Layer], tenant: Uuid) -> Vec<Command> {
    let command = |(channel, node, value): (Channel, Node, &Value)| Command {
        line: 0,
        verb: Verb::Replace,
        uri: address(node, channel, tenant),
        format: Some(node.format().syncml().to_owned()),
        data: Some(value.to_string()),
    };
    nodes(layers).map(command).collect()
}

fn entries(layers: &[&Layer], format: FileFormat, tenant: Uuid) -> Result<Vec<Entry>, ExportFault> {
    let unmirrored = "; of device-wide nodes no mirror in the registry is known";
    nodes(layers)
        .map(|(channel, node, value)| {
            registry::entry(node, value, channel, tenant).ok_or(ExportFault::Node { format, node, why: unmirrored })
        })
        .collect()
}

fn json(layers: &[&Layer], source: Source, name: &str) -> Result<Vec<u8>, ExportFault> {
    let values: Vec<(Channel, &BTreeMap<Node, Value>)> =
        layers.iter().map(|layer| (layer.channel, &layer.values)).collect();
    let json = match (source, values.as_slice()) {
        (Source::IntuneTenant, [(_, values)]) => {
            intune::write_tenant_wide(values).map_err(|node| ExportFault::Node {
                format: FileFormat::Intune,
                node,
                why: "; the tenant-wide policy has few nodes, and none but UsePassportForWork unless that is true",
            })?
        }
        _ => intune::write_catalogue(name, &values),
    };
    serde_json::to_vec_pretty(&json)
        .map(|mut text| {
            text.push(b'\n');
            text
        })
        .map_err(form)
}
