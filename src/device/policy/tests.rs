//! What holds for every policy, every format and every node of the table.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::import::Filing;
use super::node::TABLE;
use super::*;
use crate::base::Timestamp;

const TENANT: Uuid = Uuid::from_u128(0x6d1f4cd0_1b2f_4a43_9a36_7c7a5f0e2b11);

/// A value that `format` takes, both ends of a range more often than not.
fn value_of(format: Format) -> BoxedStrategy<Value> {
    match format {
        Format::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Format::Int { min, max } => prop_oneof![Just(min), Just(max), min..=max].prop_map(Value::Int).boxed(),
        Format::Guids => proptest::collection::vec(any::<u128>(), 1..4)
            .prop_map(|ids| ids.iter().map(|id| format!("{{{}}}", Uuid::from_u128(*id))).collect::<Vec<_>>())
            .prop_map(|ids| Value::Text(ids.join(",")))
            .boxed(),
        Format::Text => "[!-~\u{a1}-\u{2ff}\u{1f600}-\u{1f64f}]([ -~\u{a1}-\u{2ff}]{0,40}[!-~])?"
            .prop_filter("a text", |text| Format::Text.takes(&Value::Text(text.clone())))
            .prop_map(Value::Text)
            .boxed(),
    }
}

/// Some nodes of a channel with values that they take there.
fn values_in(channel: Channel, keep: fn(Node) -> bool) -> BoxedStrategy<BTreeMap<Node, Value>> {
    let each: Vec<_> = TABLE
        .iter()
        .filter(|row| keep(row.node))
        .filter_map(|row| Some((row.node, row.format_in(channel)?)))
        .map(|(node, format)| proptest::option::weighted(0.3, value_of(format)).prop_map(move |value| (node, value)))
        .collect();
    each.prop_map(|values| values.into_iter().filter_map(|(node, value)| Some((node, value?))).collect()).boxed()
}

fn layer() -> impl Strategy<Value = (LayerKey, Option<Timestamp>, BTreeMap<Node, Value>)> {
    let key = proptest::sample::select(Source::ALL.to_vec()).prop_flat_map(|source| {
        let channels: Vec<_> = Channel::ALL.into_iter().filter(|channel| source.delivers_into(*channel)).collect();
        (proptest::sample::select(channels), "[ab]?").prop_map(move |(channel, name)| LayerKey {
            source,
            name,
            channel,
        })
    });
    let when = proptest::option::of((0i64..4).prop_map(|second| Timestamp::from_second(second).unwrap()));
    (key, when)
        .prop_flat_map(|(key, at)| values_in(key.channel, |_| true).prop_map(move |values| (key.clone(), at, values)))
}

fn changes(values: &BTreeMap<Node, Value>) -> Changes {
    values.iter().map(|(node, value)| (*node, Some(value.clone()))).collect()
}

fn one_layer(source: Source, name: &str, layers: &[(Channel, BTreeMap<Node, Value>)]) -> Policy {
    let mut policy = Policy::default();
    for (channel, values) in layers {
        let key = LayerKey { source, name: name.to_owned(), channel: *channel };
        policy.apply(key, None, &changes(values)).unwrap();
    }
    policy
}

/// Export, import, and the same policy.
fn survives(policy: &Policy, source: Source, name: &str, format: FileFormat) -> Result<(), TestCaseError> {
    let bytes = match export(policy, source, name, format, TENANT) {
        Err(ExportFault::Nothing(_)) => return Ok(()),
        bytes => bytes.map_err(|fault| TestCaseError::fail(fault.to_string()))?,
    };
    prop_assert_eq!(FileFormat::guess(&bytes), format);
    let named = if format == FileFormat::Intune { None } else { Some(source) };
    let read = import(format, &bytes, TENANT, named);
    let read = read.map_err(|fault| TestCaseError::fail(format!("{fault}: {}", String::from_utf8_lossy(&bytes))))?;
    prop_assert_eq!(read.passed_over, 0);
    let mut again = Policy::default();
    again.file(&read, Filing { source: named, name: Some(name), at: None }).unwrap();
    prop_assert_eq!(&again, policy);
    Ok(())
}

fn is_mirrored(node: Node) -> bool {
    node.row().place == node::Place::Tenant
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_order_of_import_never_matters(layers in proptest::collection::vec(layer(), 0..6), seed in any::<u64>(), now in 0i64..5) {
        // Two deliveries under one name are one delivery.
        let layers: BTreeMap<_, _> = layers.into_iter().map(|(key, at, values)| (key, (at, values))).collect();
        let mut orders = [layers.keys().cloned().collect::<Vec<_>>(), layers.keys().cloned().collect()];
        let turns = orders[1].len().max(1);
        orders[1].rotate_left(usize::try_from(seed % 97).unwrap() % turns);
        orders[1].reverse();
        let [one, other] = orders.map(|order| {
            order.into_iter().fold(Policy::default(), |mut policy, key| {
                let (at, values) = &layers[&key];
                policy.apply(key, *at, &changes(values)).unwrap();
                policy
            })
        });
        prop_assert_eq!(&one, &other);
        let (now, switches) = (Timestamp::from_second(now).unwrap(), Switches::default());
        prop_assert_eq!(one.resolve(now, &switches), other.resolve(now, &switches));
        let json = serde_json::to_string(&one).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Policy>(&json).unwrap(), &one);
        prop_assert_eq!(one.fault(), None);
    }

    #[test]
    fn csp_layers_survive_lines_and_syncml(device in values_in(Channel::DeviceCsp, |_| true), user in values_in(Channel::UserCsp, |_| true)) {
        for (source, channel, values) in
            [(Source::DeviceCsp, Channel::DeviceCsp, &device), (Source::UserCsp, Channel::UserCsp, &user), (Source::ProvisioningPackage, Channel::DeviceCsp, &device)]
        {
            let policy = one_layer(source, "", &[(channel, values.clone())]);
            survives(&policy, source, "", FileFormat::Lines)?;
            survives(&policy, source, "", FileFormat::Syncml)?;
        }
    }

    #[test]
    fn what_the_registry_mirrors_survives_it(device in values_in(Channel::DeviceCsp, is_mirrored), user in values_in(Channel::UserCsp, |_| true)) {
        for (source, channel, values) in [(Source::DeviceCsp, Channel::DeviceCsp, device), (Source::UserCsp, Channel::UserCsp, user)] {
            survives(&one_layer(source, "", &[(channel, values)]), source, "", FileFormat::Reg)?;
        }
    }

    #[test]
    fn group_policies_survive_reg_and_pol(computer in values_in(Channel::ComputerGpo, |_| true), user in values_in(Channel::UserGpo, |_| true)) {
        for (source, channel, values) in [(Source::ComputerGpo, Channel::ComputerGpo, computer), (Source::UserGpo, Channel::UserGpo, user)] {
            let policy = one_layer(source, "", &[(channel, values)]);
            survives(&policy, source, "", FileFormat::Reg)?;
            survives(&policy, source, "", FileFormat::Pol)?;
        }
    }

    #[test]
    fn profiles_survive_the_settings_catalogue(device in values_in(Channel::DeviceCsp, |_| true), user in values_in(Channel::UserCsp, |_| true)) {
        let policy = one_layer(Source::IntuneProfile, "hello", &[(Channel::DeviceCsp, device), (Channel::UserCsp, user)]);
        survives(&policy, Source::IntuneProfile, "hello", FileFormat::Intune)?;
        survives(&policy, Source::IntuneProfile, "hello", FileFormat::Syncml)?;
    }

    #[test]
    fn a_tenant_wide_policy_survives_graph(mut values in values_in(Channel::DeviceCsp, intune::is_tenant_wide), state in any::<bool>()) {
        if !state {
            values.clear();
        }
        values.insert(Node::UsePassportForWork, Value::Bool(state));
        let policy = one_layer(Source::IntuneTenant, "", &[(Channel::DeviceCsp, values)]);
        survives(&policy, Source::IntuneTenant, "", FileFormat::Intune)?;
    }

    #[test]
    fn no_bytes_panic_and_what_is_refused_changes_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,200}") {
        for bytes in [bytes, text.into_bytes()] {
            for format in FileFormat::ALL {
                if let Ok(read) = import(format, &bytes, TENANT, Some(Source::ComputerGpo)) {
                    Policy::default().file(&read, Filing::default()).unwrap();
                }
            }
        }
    }
}

/// Each format that can say it, told to set `node` in `channel` to what `text` reads, or to a number past the range.
fn files(node: Node, channel: Channel, text: &str) -> Vec<(FileFormat, Vec<u8>)> {
    let number = match text {
        "true" => Some(1),
        "false" => Some(0),
        other => other.parse::<u32>().ok(),
    };
    let mut files = Vec::new();
    if !channel.is_gpo() {
        let uri = address::address(node, channel, TENANT);
        files.push((FileFormat::Lines, format!("{uri}={text}\n").into_bytes()));
        let (kind, data) = (node.format().syncml(), text.replace('<', "&lt;"));
        let xml = format!(
            "<SyncBody><Replace><Item><Target><LocURI>{uri}</LocURI></Target><Meta><Format>{kind}</Format></Meta><Data>{data}</Data></Item></Replace></SyncBody>"
        );
        files.push((FileFormat::Syncml, xml.into_bytes()));
        let kind = if number.is_some() && kind != "bool" { text.to_owned() } else { format!("{text:?}") };
        let value = if node.format() == Format::Bool && (text == "true" || text == "false") { text } else { &kind };
        let json = format!(r#"{{"omaSettings":[{{"omaUri":"{uri}","value":{value}}}]}}"#);
        files.push((FileFormat::Intune, json.into_bytes()));
    }
    let row = registry::entry(node, &Value::Int(0), channel, TENANT);
    if let (Some(row), Some(number)) = (row, number)
        && let crate::wire::registry::Change::Set { name, .. } = row.change
    {
        let reg =
            format!("Windows Registry Editor Version 5.00\r\n\r\n[{}]\r\n\"{name}\"=dword:{number:08x}\r\n", row.key);
        files.push((FileFormat::Reg, reg.into_bytes()));
    }
    files
}

#[test]
fn every_node_is_taken_at_both_ends_of_its_range_and_refused_just_past_them() {
    let mut counted = 0;
    for row in TABLE {
        for channel in Channel::ALL {
            let Some(format) = row.format_in(channel) else { continue };
            let (good, bad) = match format {
                Format::Bool => (vec!["true".to_owned(), "false".to_owned()], vec!["2".to_owned()]),
                Format::Int { min, max } => {
                    let below = min.checked_sub(1).map(|below| below.to_string());
                    (vec![min.to_string(), max.to_string()], below.into_iter().chain([(max + 1).to_string()]).collect())
                }
                Format::Guids => (vec![format!("{{{TENANT}}}")], vec![TENANT.to_string()]),
                Format::Text => {
                    (vec!["x".into(), "x".repeat(LONGEST_TEXT)], vec![String::new(), "x".repeat(LONGEST_TEXT + 1)])
                }
            };
            for text in &good {
                for (file, bytes) in files(row.node, channel, text) {
                    let read = import(file, &bytes, TENANT, None);
                    let expected = changes(&BTreeMap::from([(row.node, format.read(text).unwrap())]));
                    assert_eq!(
                        read.unwrap().changes,
                        BTreeMap::from([(channel, expected)]),
                        "{} {file:?} {text}",
                        row.path
                    );
                    counted += 1;
                }
            }
            for text in &bad {
                for (file, bytes) in files(row.node, channel, text) {
                    let fault = import(file, &bytes, TENANT, None).unwrap_err();
                    let named = matches!(&fault, ImportFault::Policy { fault: PolicyFault::NotAllowed { node, .. } | PolicyFault::WrongType { node, .. }, .. } if *node == row.node);
                    assert!(named, "{} {file:?} {text}: {fault}", row.path);
                    counted += 1;
                }
            }
        }
    }
    assert!(counted > 500, "only {counted} were tried");
}

mod refusals;
