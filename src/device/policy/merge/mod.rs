//! From layers to one value a node, with the reason for each.
//!
//! Pure: the same layers at the same time give the same answer, whatever was imported first.

use std::collections::BTreeMap;

use super::node::{Group, Node, TABLE};
use super::source::{Channel, Layer, Policy, Source};
use super::switches::{DeviceLock, Grouping, Switches, UnsetClasses};
use super::tag::Tag;
use super::value::Value;
use crate::base::Timestamp;

/// What one layer says about one node.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Offer {
    /// Who delivered it.
    pub source: Source,
    /// Where it arrived.
    pub channel: Channel,
    /// Which of several of that source.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Since when, or from when on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The value.
    pub value: Value,
    /// The same as a sentence names it.
    #[serde(skip)]
    pub words: String,
}

impl Offer {
    fn of(layer: &Layer, value: &Value) -> Self {
        let Layer { source, channel, name, at, .. } = layer;
        let (name, value) = (name.clone(), value.clone());
        Self { source: *source, channel: *channel, name, at: *at, value, words: layer.words() }
    }
}

/// Why an offer has no say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lost {
    /// It takes effect later.
    NotYet,
    /// A later delivery into the same channel overwrote it.
    Overwritten,
    /// A source earlier in the order sets the node.
    Order,
    /// Another source supplies the whole group.
    Group,
    /// Shortest and longest PIN cross, so both fall back.
    CrossedLengths,
    /// Hello's own rule is as strict or stricter, or wins by switch.
    DeviceLock,
    /// A device-lock rule is stricter.
    Stricter,
    /// It never has a say.
    NoEffect,
}

/// The rule that decided about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Nobody sets it.
    Unset,
    /// The first source in the order that sets it.
    Order,
    /// Whoever wins on `UsePassportForWork` supplies the feature group.
    FeatureGroup,
    /// The first source that sets any of the PIN and hardware nodes supplies all of them.
    PinAndHardwareGroup,
    /// The source that supplies the group leaves the node unset.
    LeftUnset,
    /// Shortest and longest PIN cross.
    CrossedLengths,
    /// The device-lock rule is stricter.
    StricterDeviceLock,
    /// The node has no effect.
    NoEffect,
}

impl Rule {
    /// The rule in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unset => "nobody sets it: the default",
            Self::Order => {
                "order of sources: user GPO, computer GPO, user CSP, device CSP; the first that sets it wins"
            }
            Self::FeatureGroup => "feature group: whoever wins on UsePassportForWork also supplies certificate trust",
            Self::PinAndHardwareGroup => {
                "PIN and hardware group: the first source that sets any PIN rule or the hardware requirement supplies all of them"
            }
            Self::LeftUnset => "the source that supplies its group leaves it unset: the default",
            Self::CrossedLengths => "shortest and longest PIN cross: both fall back to their defaults",
            Self::StricterDeviceLock => "the device-lock rule is stricter than Hello's own, and the stricter one holds",
            Self::NoEffect => "it covers the Policy CSP alone and decides nothing here",
        }
    }

    /// Who says so.
    pub fn tag(self, node: Node) -> Tag {
        match self {
            Self::Unset if node == Node::MinimumPinLength => Tag::SETTINGS,
            Self::Unset => node.row().tag,
            Self::Order | Self::StricterDeviceLock | Self::NoEffect => Tag::CONFIGURE,
            Self::PinAndHardwareGroup if node == Node::ExcludeTpm12 => Tag::Inferred,
            Self::FeatureGroup | Self::PinAndHardwareGroup => Tag::MANAGE,
            Self::LeftUnset => Tag::Inferred,
            Self::CrossedLengths => Tag::SETTINGS,
        }
    }
}

impl Lost {
    /// The reason in a few words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotYet => "not in force yet",
            Self::Overwritten => "overwritten by a later delivery into the same store",
            Self::Order => "a source earlier in the order sets it",
            Self::Group => "another source supplies the whole group",
            Self::CrossedLengths => "shortest and longest PIN cross",
            Self::DeviceLock => "Hello's own rule holds",
            Self::Stricter => "a device-lock rule is stricter",
            Self::NoEffect => "has no effect",
        }
    }

    /// Who says so.
    pub fn tag(self) -> Tag {
        match self {
            Self::NotYet => Tag::INTUNE,
            Self::Overwritten => Tag::Inferred,
            Self::Order | Self::DeviceLock | Self::Stricter | Self::NoEffect => Tag::CONFIGURE,
            Self::Group => Tag::MANAGE,
            Self::CrossedLengths => Tag::SETTINGS,
        }
    }
}

/// What came out for one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The node.
    pub node: Node,
    /// The value in force; `None` for a node that nobody set and that has no default.
    pub value: Option<Value>,
    /// Whose value it is; `None` for a default.
    pub winner: Option<Offer>,
    /// The rule that decided.
    pub rule: Rule,
    /// Who else had something to say, and why it does not count.
    pub lost: Vec<(Offer, Lost)>,
}

/// What came out for every node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    verdicts: Vec<Verdict>,
    switches: Switches,
}

impl Resolution {
    /// Every node, in the order of the table.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// One node.
    pub fn verdict(&self, node: Node) -> &Verdict {
        // One verdict a row, in the order of the table.
        &self.verdicts[node as usize]
    }

    /// The switches that it was made under.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    fn verdict_mut(&mut self, node: Node) -> &mut Verdict {
        &mut self.verdicts[node as usize]
    }
}

impl Policy {
    /// Merges what is in force at `now`.
    pub fn resolve(&self, now: Timestamp, switches: &Switches) -> Resolution {
        let said = Said::collect(self, now);
        let leaders = Leaders::find(&said, switches);
        let verdicts = TABLE.iter().map(|row| said.judge(row.node, &leaders, switches)).collect();
        let mut resolution = Resolution { verdicts, switches: *switches };
        resolution.check_lengths();
        resolution.apply_device_lock();
        resolution
    }
}

/// Who says what: for each channel and node the offers in the order of delivery, the last one counting.
struct Said {
    by_channel: BTreeMap<Channel, BTreeMap<Node, Vec<Offer>>>,
    pending: BTreeMap<Node, Vec<Offer>>,
}

impl Said {
    fn collect(policy: &Policy, now: Timestamp) -> Self {
        let mut layers: Vec<&Layer> = policy.layers().iter().collect();
        layers.sort_by(|a, b| (a.source, a.at, &a.name).cmp(&(b.source, b.at, &b.name)));
        let mut said = Self { by_channel: BTreeMap::new(), pending: BTreeMap::new() };
        for layer in layers {
            let place = match layer.is_in_force(now) {
                true => said.by_channel.entry(layer.channel).or_default(),
                false => &mut said.pending,
            };
            for (node, value) in &layer.values {
                place.entry(*node).or_default().push(Offer::of(layer, value));
            }
        }
        said
    }

    fn offers(&self, channel: Channel, node: Node) -> &[Offer] {
        self.by_channel.get(&channel).and_then(|nodes| nodes.get(&node)).map_or(&[], Vec::as_slice)
    }

    fn sets(&self, channel: Channel, node: Node) -> bool {
        !self.offers(channel, node).is_empty()
    }

    fn first(&self, sets: impl Fn(Channel) -> bool) -> Option<Channel> {
        Channel::ALL.into_iter().find(|channel| sets(*channel))
    }

    fn judge(&self, node: Node, leaders: &Leaders, switches: &Switches) -> Verdict {
        let (channel, rule) = leaders.decide(self, node, switches);
        let mut lost = Vec::new();
        let mut winner = None;
        for other in Channel::ALL {
            let offers = self.offers(other, node);
            let Some((last, overwritten)) = offers.split_last() else { continue };
            lost.extend(overwritten.iter().map(|offer| (offer.clone(), Lost::Overwritten)));
            if Some(other) == channel {
                winner = Some(last.clone());
            } else {
                lost.push((last.clone(), if rule == Rule::Order { Lost::Order } else { Lost::Group }));
            }
        }
        let pending = self.pending.get(&node).into_iter().flatten();
        lost.extend(pending.map(|offer| (offer.clone(), Lost::NotYet)));
        if node == Node::MdmWinsOverGp {
            lost.extend(winner.take().map(|offer| (offer, Lost::NoEffect)));
            return Verdict { node, value: None, winner: None, rule: Rule::NoEffect, lost };
        }
        let value = winner.as_ref().map(|offer| offer.value.clone()).or_else(|| default_value(node, switches));
        Verdict { node, value, winner, rule, lost }
    }
}

/// The channels that supply whole groups.
struct Leaders {
    feature: Option<Channel>,
    pin_and_hardware: Option<Channel>,
}

impl Leaders {
    fn find(said: &Said, switches: &Switches) -> Self {
        let by_groups = switches.grouping == Grouping::Groups;
        let members = || TABLE.iter().map(|row| row.node).filter(|node| in_pin_group(*node, switches));
        let feature = said.first(|channel| said.sets(channel, Node::UsePassportForWork)).filter(|_| by_groups);
        let pin_and_hardware =
            said.first(|channel| members().any(|node| said.sets(channel, node))).filter(|_| by_groups);
        Self { feature, pin_and_hardware }
    }

    /// The channel that decides about a node, and by which rule.
    fn decide(&self, said: &Said, node: Node, switches: &Switches) -> (Option<Channel>, Rule) {
        let by_order = || match said.first(|channel| said.sets(channel, node)) {
            None => (None, Rule::Unset),
            some => (some, Rule::Order),
        };
        if node.row().group == Group::Feature && node != Node::UsePassportForWork {
            return match self.feature {
                Some(leader) if said.sets(leader, node) => (Some(leader), Rule::FeatureGroup),
                Some(_) if by_order().0.is_some() => (None, Rule::LeftUnset),
                _ => by_order(),
            };
        }
        match self.pin_and_hardware.filter(|_| in_pin_group(node, switches)) {
            Some(leader) if said.sets(leader, node) => (Some(leader), Rule::PinAndHardwareGroup),
            Some(_) if switches.group_is_whole && by_order().0.is_some() => (None, Rule::LeftUnset),
            _ => by_order(),
        }
    }
}

fn in_pin_group(node: Node, switches: &Switches) -> bool {
    node.row().group == Group::PinAndHardware && (switches.tpm12_in_group || node != Node::ExcludeTpm12)
}

/// What a node is that nobody set.
pub(super) fn default_value(node: Node, switches: &Switches) -> Option<Value> {
    let digits_only = switches.unset_classes == UnsetClasses::DigitsOnly;
    match node {
        Node::MinimumPinLength => Some(Value::Int(switches.default_minimum_pin)),
        Node::UseBiometrics => Some(Value::Bool(switches.unset_biometrics)),
        Node::Digits if digits_only => Some(Value::Int(1)),
        Node::UppercaseLetters | Node::LowercaseLetters | Node::SpecialCharacters if digits_only => Some(Value::Int(2)),
        // A device without a device-lock rule has none, whatever its default would be.
        _ if node.row().group == Group::DeviceLock => None,
        _ => node.row().default_value(),
    }
}

impl Resolution {
    fn number(&self, node: Node) -> u32 {
        self.verdict(node).value.as_ref().and_then(Value::as_int).unwrap_or_default()
    }

    /// Both lengths fall back together when they cross.
    fn check_lengths(&mut self) {
        let (min, max) = (self.number(Node::MinimumPinLength), self.number(Node::MaximumPinLength));
        if min < max || (min == max && self.switches.equal_lengths) {
            return;
        }
        for node in [Node::MinimumPinLength, Node::MaximumPinLength] {
            let value = default_value(node, &self.switches);
            let verdict = self.verdict_mut(node);
            verdict.lost.extend(verdict.winner.take().map(|offer| (offer, Lost::CrossedLengths)));
            (verdict.value, verdict.rule) = (value, Rule::CrossedLengths);
        }
    }

    fn apply_device_lock(&mut self) {
        let days = |days: u32| if days == 0 { u32::MAX } else { days };
        self.take_stricter(Node::MinimumPinLength, Node::MinDevicePasswordLength, |lock, own| lock > own);
        self.take_stricter(Node::History, Node::DevicePasswordHistory, |lock, own| lock > own);
        self.take_stricter(Node::Expiration, Node::DevicePasswordExpiration, |lock, own| days(lock) < days(own));
    }

    /// The device-lock rule takes the place of Hello's own where it is stricter.
    fn take_stricter(&mut self, node: Node, lock: Node, stricter: impl Fn(u32, u32) -> bool) {
        let Some(offer) = self.verdict(lock).winner.clone() else { return };
        let Some(value) = offer.value.as_int() else { return };
        let holds = self.switches.device_lock == DeviceLock::Strictest && stricter(value, self.number(node));
        // Longer than the longest PIN would let no PIN through.
        let possible = node != Node::MinimumPinLength || value <= self.number(Node::MaximumPinLength);
        let verdict = self.verdict_mut(node);
        if holds && possible {
            verdict.lost.extend(verdict.winner.take().map(|own| (own, Lost::Stricter)));
            (verdict.value, verdict.rule) = (Some(Value::Int(value)), Rule::StricterDeviceLock);
            verdict.winner = Some(offer);
        } else {
            verdict.lost.push((offer, Lost::DeviceLock));
        }
    }
}

#[cfg(test)]
mod tests;
