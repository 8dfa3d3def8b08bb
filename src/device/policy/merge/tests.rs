use super::*;
use crate::device::policy::{Changes, LayerKey};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn policy(layers: &[(Source, &[(Node, Value)])]) -> Policy {
    layers.iter().fold(Policy::default(), |policy, (source, values)| policy.with(*source, values).unwrap())
}

fn resolve(policy: &Policy) -> Resolution {
    policy.resolve(NOW, &Switches::default())
}

fn value(resolution: &Resolution, node: Node) -> Value {
    resolution.verdict(node).value.clone().unwrap()
}

fn add(policy: &mut Policy, source: Source, name: &str, when: Option<Timestamp>, node: Node, value: Value) {
    let key = LayerKey { source, name: name.to_owned(), channel: source.channel() };
    policy.apply(key, when, &Changes::from([(node, Some(value))])).unwrap();
}

/// The example of the older page, with the outcome that it prints.
#[test]
fn the_official_example_comes_out_as_documented() {
    let policy = policy(&[
        (
            Source::ComputerGpo,
            &[(Node::UsePassportForWork, Value::Bool(true)), (Node::UseCertificateForOnPremAuth, Value::Bool(true))],
        ),
        (
            Source::DeviceCsp,
            &[
                (Node::UsePassportForWork, Value::Bool(false)),
                (Node::UseCertificateForOnPremAuth, Value::Bool(false)),
                (Node::MinimumPinLength, Value::Int(8)),
                (Node::Digits, Value::Int(1)),
                (Node::LowercaseLetters, Value::Int(1)),
                (Node::SpecialCharacters, Value::Int(1)),
            ],
        ),
    ]);
    let resolution = resolve(&policy);
    assert_eq!(value(&resolution, Node::UsePassportForWork), Value::Bool(true));
    assert_eq!(value(&resolution, Node::UseCertificateForOnPremAuth), Value::Bool(true));
    assert_eq!(resolution.verdict(Node::UseCertificateForOnPremAuth).rule, Rule::FeatureGroup);
    assert_eq!(value(&resolution, Node::MinimumPinLength), Value::Int(8));
    for node in [Node::Digits, Node::LowercaseLetters, Node::SpecialCharacters] {
        assert_eq!(value(&resolution, node), Value::Int(1));
        assert_eq!(resolution.verdict(node).rule, Rule::PinAndHardwareGroup);
    }
}

#[test]
fn a_user_policy_hides_the_device_policy() {
    let policy = policy(&[
        (Source::UserCsp, &[(Node::RequireSecurityDevice, Value::Bool(false))]),
        (Source::DeviceCsp, &[(Node::RequireSecurityDevice, Value::Bool(true))]),
    ]);
    let resolution = resolve(&policy);
    let verdict = resolution.verdict(Node::RequireSecurityDevice);
    assert_eq!(verdict.value, Some(Value::Bool(false)));
    assert_eq!(verdict.winner.as_ref().unwrap().channel, Channel::UserCsp);
    assert_eq!(verdict.lost[0].1, Lost::Group);
}

/// One PIN rule in a GPO takes the hardware requirement of the CSP with it.
#[test]
fn a_pin_rule_of_a_group_policy_unsets_the_requirement_of_the_csp() {
    let policy = policy(&[
        (Source::ComputerGpo, &[(Node::MinimumPinLength, Value::Int(8))]),
        (Source::DeviceCsp, &[(Node::RequireSecurityDevice, Value::Bool(true))]),
    ]);
    let resolution = resolve(&policy);
    let verdict = resolution.verdict(Node::RequireSecurityDevice);
    assert_eq!((verdict.value.clone(), verdict.rule), (Some(Value::Bool(false)), Rule::LeftUnset));
    assert!(verdict.winner.is_none() && verdict.lost[0].1 == Lost::Group);
    assert_eq!(value(&resolution, Node::MinimumPinLength), Value::Int(8));

    for switches in [
        Switches { group_is_whole: false, ..Switches::default() },
        Switches { grouping: Grouping::PerNode, ..Switches::default() },
    ] {
        let resolution = policy.resolve(NOW, &switches);
        assert_eq!(value(&resolution, Node::RequireSecurityDevice), Value::Bool(true), "{switches:?}");
    }
}

#[test]
fn whether_tpm_12_belongs_to_the_group_is_a_switch() {
    let policy = policy(&[
        (Source::ComputerGpo, &[(Node::MinimumPinLength, Value::Int(8))]),
        (Source::DeviceCsp, &[(Node::ExcludeTpm12, Value::Bool(true))]),
    ]);
    assert_eq!(value(&resolve(&policy), Node::ExcludeTpm12), Value::Bool(false));
    let switches = Switches { tpm12_in_group: false, ..Switches::default() };
    assert_eq!(value(&policy.resolve(NOW, &switches), Node::ExcludeTpm12), Value::Bool(true));
}

#[test]
fn certificate_trust_follows_hello() {
    let policy = policy(&[
        (Source::ComputerGpo, &[(Node::UseCertificateForOnPremAuth, Value::Bool(true))]),
        (Source::DeviceCsp, &[(Node::UsePassportForWork, Value::Bool(true))]),
    ]);
    let resolution = resolve(&policy);
    let verdict = resolution.verdict(Node::UseCertificateForOnPremAuth);
    assert_eq!((verdict.value.clone(), verdict.rule), (Some(Value::Bool(false)), Rule::LeftUnset));
}

#[test]
fn what_stands_alone_is_decided_by_the_order() {
    let policy = policy(&[
        (Source::ComputerGpo, &[(Node::DisablePostLogonProvisioning, Value::Bool(false))]),
        (Source::UserGpo, &[(Node::DisablePostLogonProvisioning, Value::Bool(true))]),
        (Source::DeviceCsp, &[(Node::EnablePinRecovery, Value::Bool(true))]),
    ]);
    let resolution = resolve(&policy);
    assert_eq!(value(&resolution, Node::DisablePostLogonProvisioning), Value::Bool(true));
    assert_eq!(resolution.verdict(Node::DisablePostLogonProvisioning).lost[0].1, Lost::Order);
    assert_eq!(value(&resolution, Node::EnablePinRecovery), Value::Bool(true));
}

#[test]
fn a_device_profile_turns_on_what_the_tenant_turned_off() {
    let mut policy = policy(&[(Source::IntuneTenant, &[(Node::UsePassportForWork, Value::Bool(false))])]);
    let (node, on) = (Node::UsePassportForWork, Value::Bool(true));
    add(&mut policy, Source::IntuneProfile, "hello", Some(at(60)), node, on);
    let before = policy.resolve(at(59), &Switches::default());
    assert_eq!(value(&before, node), Value::Bool(false));
    assert_eq!(before.verdict(node).lost[0].1, Lost::NotYet);
    let after = policy.resolve(at(60), &Switches::default());
    assert_eq!(value(&after, node), Value::Bool(true));
    assert_eq!(after.verdict(node).lost[0].1, Lost::Overwritten);
    assert_eq!(policy.last_arrival(), Some(at(60)));
}

#[test]
fn of_two_profiles_the_later_one_holds() {
    let mut policy = Policy::default();
    add(&mut policy, Source::IntuneProfile, "a", Some(at(2)), Node::History, Value::Int(2));
    add(&mut policy, Source::IntuneProfile, "z", Some(at(1)), Node::History, Value::Int(1));
    assert_eq!(value(&policy.resolve(at(9), &Switches::default()), Node::History), Value::Int(2));
}

#[test]
fn mdm_wins_over_gp_changes_nothing() {
    let plain = policy(&[
        (Source::ComputerGpo, &[(Node::UsePassportForWork, Value::Bool(true))]),
        (Source::DeviceCsp, &[(Node::UsePassportForWork, Value::Bool(false))]),
    ]);
    let with = plain.clone().with(Source::DeviceCsp, &[(Node::MdmWinsOverGp, Value::Int(1))]).unwrap();
    let resolution = resolve(&with);
    for verdict in resolve(&plain).verdicts().iter().filter(|verdict| verdict.node != Node::MdmWinsOverGp) {
        assert_eq!(verdict, resolution.verdict(verdict.node));
    }
    let verdict = resolution.verdict(Node::MdmWinsOverGp);
    assert_eq!((verdict.rule, verdict.lost[0].1), (Rule::NoEffect, Lost::NoEffect));
}

#[test]
fn the_stricter_of_hello_and_device_lock_holds_unless_a_switch_says_otherwise() {
    let policy = policy(&[(
        Source::DeviceCsp,
        &[
            (Node::MinimumPinLength, Value::Int(8)),
            (Node::MinDevicePasswordLength, Value::Int(12)),
            (Node::History, Value::Int(10)),
            (Node::DevicePasswordHistory, Value::Int(5)),
            (Node::DevicePasswordExpiration, Value::Int(90)),
        ],
    )]);
    let resolution = resolve(&policy);
    assert_eq!(value(&resolution, Node::MinimumPinLength), Value::Int(12));
    assert_eq!(resolution.verdict(Node::MinimumPinLength).rule, Rule::StricterDeviceLock);
    assert_eq!(value(&resolution, Node::History), Value::Int(10));
    assert_eq!(value(&resolution, Node::Expiration), Value::Int(90), "never is the least strict");
    let switches = Switches { device_lock: DeviceLock::PassportForWork, ..Switches::default() };
    assert_eq!(value(&policy.resolve(NOW, &switches), Node::MinimumPinLength), Value::Int(8));
}

#[test]
fn crossed_lengths_are_told_with_who_set_them() {
    let policy = policy(&[(
        Source::DeviceCsp,
        &[(Node::MinimumPinLength, Value::Int(9)), (Node::MaximumPinLength, Value::Int(8))],
    )]);
    let resolution = resolve(&policy);
    for node in [Node::MinimumPinLength, Node::MaximumPinLength] {
        let verdict = resolution.verdict(node);
        assert_eq!((verdict.rule, verdict.lost[0].1), (Rule::CrossedLengths, Lost::CrossedLengths));
        assert!(verdict.winner.is_none());
    }
}
