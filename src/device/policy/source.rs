//! Who sets policy, and what each of them has set: layers, kept apart until they are merged.

use std::collections::BTreeMap;
use std::fmt;

use super::PolicyFault;
use super::node::Node;
use super::value::Value;
use crate::base::Timestamp;

/// A store of the device that policy arrives in. The order is Microsoft's order of sources: the first that has a say wins
/// ("Configure Windows Hello for Business").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// User Configuration of Group Policy.
    UserGpo,
    /// Computer Configuration of Group Policy.
    ComputerGpo,
    /// The CSP's `./User` tree.
    UserCsp,
    /// The CSP's `./Device` tree.
    DeviceCsp,
}

impl Channel {
    /// All, strongest first.
    pub const ALL: [Self; 4] = [Self::UserGpo, Self::ComputerGpo, Self::UserCsp, Self::DeviceCsp];

    /// As sentences call it.
    pub fn words(self) -> &'static str {
        match self {
            Self::UserGpo => "user GPO",
            Self::ComputerGpo => "computer GPO",
            Self::UserCsp => "user CSP",
            Self::DeviceCsp => "device CSP",
        }
    }

    /// Whether it is Group Policy.
    pub fn is_gpo(self) -> bool {
        matches!(self, Self::UserGpo | Self::ComputerGpo)
    }
}

/// Who delivered a layer. Several deliver into one channel: there the later delivery overwrites the earlier one, node by
/// node, and the order below is theirs. \[inferred\]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Group Policy, User Configuration.
    UserGpo,
    /// Group Policy, Computer Configuration.
    ComputerGpo,
    /// A provisioning package: before enrollment.
    ProvisioningPackage,
    /// The tenant-wide policy of Intune: once, at enrollment.
    IntuneTenant,
    /// Whatever else writes the CSP's device tree.
    DeviceCsp,
    /// Whatever else writes the CSP's user tree.
    UserCsp,
    /// A device profile of Intune: after enrollment, at a time of its own.
    IntuneProfile,
}

impl Source {
    /// All, in the order of delivery.
    pub const ALL: [Self; 7] = [
        Self::UserGpo,
        Self::ComputerGpo,
        Self::ProvisioningPackage,
        Self::IntuneTenant,
        Self::DeviceCsp,
        Self::UserCsp,
        Self::IntuneProfile,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserGpo => "user-gpo",
            Self::ComputerGpo => "computer-gpo",
            Self::ProvisioningPackage => "provisioning-package",
            Self::IntuneTenant => "intune-tenant",
            Self::DeviceCsp => "device-csp",
            Self::UserCsp => "user-csp",
            Self::IntuneProfile => "intune-profile",
        }
    }

    /// As sentences call it.
    pub fn words(self) -> &'static str {
        match self {
            Self::UserGpo | Self::ComputerGpo | Self::DeviceCsp | Self::UserCsp => self.channel().words(),
            Self::ProvisioningPackage => "provisioning package",
            Self::IntuneTenant => "Intune tenant-wide policy",
            Self::IntuneProfile => "Intune device profile",
        }
    }

    /// The channel that it delivers into; a device profile of Intune may also hold `./User` settings.
    pub fn channel(self) -> Channel {
        match self {
            Self::UserGpo => Channel::UserGpo,
            Self::ComputerGpo => Channel::ComputerGpo,
            Self::UserCsp => Channel::UserCsp,
            Self::ProvisioningPackage | Self::IntuneTenant | Self::DeviceCsp | Self::IntuneProfile => {
                Channel::DeviceCsp
            }
        }
    }

    /// Whether it can deliver into `channel`.
    pub fn delivers_into(self, channel: Channel) -> bool {
        channel == self.channel() || (self == Self::IntuneProfile && channel == Channel::UserCsp)
    }

    /// The source that is meant where nobody says more than the channel.
    pub fn of(channel: Channel) -> Self {
        match channel {
            Channel::UserGpo => Self::UserGpo,
            Channel::ComputerGpo => Self::ComputerGpo,
            Channel::UserCsp => Self::UserCsp,
            Channel::DeviceCsp => Self::DeviceCsp,
        }
    }

    /// Whether Intune is behind it.
    pub fn is_intune(self) -> bool {
        matches!(self, Self::IntuneTenant | Self::IntuneProfile)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One delivery: what one source set in one channel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Who delivered it.
    pub source: Source,
    /// Where it arrived.
    pub channel: Channel,
    /// Which of several of one source, such as the name of a device profile; mostly empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When it takes effect; `None`: it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What it sets.
    pub values: BTreeMap<Node, Value>,
}

/// Names a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerKey {
    /// Who delivered it.
    pub source: Source,
    /// Which of several of that source.
    pub name: String,
    /// Where it arrived.
    pub channel: Channel,
}

impl LayerKey {
    /// The layer without a name.
    pub fn unnamed(source: Source, channel: Channel) -> Self {
        Self { source, name: String::new(), channel }
    }
}

impl Layer {
    /// Its name among the others.
    pub fn key(&self) -> LayerKey {
        LayerKey { source: self.source, name: self.name.clone(), channel: self.channel }
    }

    /// Whether it has taken effect at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.at.is_none_or(|at| at <= now)
    }

    /// Who delivered it, as a sentence names it.
    pub fn words(&self) -> String {
        let mut words = self.channel.words().to_owned();
        if self.source.words() != words {
            words = format!("{}, {words}", self.source.words());
        }
        if !self.name.is_empty() {
            words = format!("{words}, {:?}", self.name);
        }
        words
    }
}

/// What one import changes in one channel, node by node; `None` makes a node "not configured".
pub type Changes = BTreeMap<Node, Option<Value>>;

/// Everything that anybody set on a device.
///
/// Stored as JSON. Layers are sorted, so that two policies with the same layers are equal, whatever came first.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default)]
    layers: Vec<Layer>,
}

impl Policy {
    /// The layers, in the order of [`LayerKey`].
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layer of a name.
    pub fn layer(&self, key: &LayerKey) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.key() == *key)
    }

    /// Applies changes to a layer, which is made if it is not there and goes when it is empty. `at` replaces the time at which
    /// it takes effect.
    ///
    /// # Errors
    /// [`PolicyFault::NotInSource`] and [`PolicyFault::NotAllowed`] for a node or a value that the channel does not have; then
    /// nothing is changed.
    pub fn apply(&mut self, key: LayerKey, at: Option<Timestamp>, changes: &Changes) -> Result<(), PolicyFault> {
        for (node, value) in changes {
            let format = node.row().format_in(key.channel);
            let format = format.ok_or(PolicyFault::NotInSource { node: *node, channel: key.channel })?;
            if let Some(value) = value.as_ref().filter(|value| !format.takes(value)) {
                return Err(PolicyFault::NotAllowed { node: *node, value: value.to_string(), format });
            }
        }
        let place = self.layers.binary_search_by_key(&key, Layer::key);
        let index = place.unwrap_or_else(|index| {
            let LayerKey { source, name, channel } = key;
            self.layers.insert(index, Layer { source, channel, name, at: None, values: BTreeMap::new() });
            index
        });
        let layer = &mut self.layers[index];
        layer.at = at;
        for (node, value) in changes {
            match value {
                Some(value) => layer.values.insert(*node, value.clone()),
                None => layer.values.remove(node),
            };
        }
        if layer.values.is_empty() {
            self.layers.remove(index);
        }
        Ok(())
    }

    /// Sets nodes through a channel's plain source: what `policy set` does, and most tests.
    ///
    /// # Errors
    /// As for [`Self::apply`].
    pub fn with(mut self, source: Source, values: &[(Node, Value)]) -> Result<Self, PolicyFault> {
        let changes = values.iter().map(|(node, value)| (*node, Some(value.clone()))).collect();
        self.apply(LayerKey::unnamed(source, source.channel()), None, &changes)?;
        Ok(self)
    }

    /// Removes a layer.
    pub fn remove(&mut self, key: &LayerKey) {
        self.layers.retain(|layer| layer.key() != *key);
    }

    /// When the last layer takes effect that has not yet: what the Enrollment Status Page waits for.
    pub fn last_arrival(&self) -> Option<Timestamp> {
        self.layers.iter().filter_map(|layer| layer.at).max()
    }

    /// Whether Intune manages the device.
    pub fn has_intune(&self) -> bool {
        self.layers.iter().any(|layer| layer.source.is_intune())
    }

    /// What a file on disk may have got wrong: the first thing that a layer holds and its channel does not take.
    pub(crate) fn fault(&self) -> Option<PolicyFault> {
        let mut copy = Self::default();
        self.layers.iter().find_map(|layer| {
            let changes = layer.values.iter().map(|(node, value)| (*node, Some(value.clone()))).collect();
            copy.apply(layer.key(), layer.at, &changes).err()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(node: Node, value: Option<Value>) -> Changes {
        BTreeMap::from([(node, value)])
    }

    #[test]
    fn a_layer_that_is_emptied_goes() {
        let key = LayerKey::unnamed(Source::DeviceCsp, Channel::DeviceCsp);
        let mut policy = Policy::default();
        policy.apply(key.clone(), None, &changes(Node::Digits, Some(Value::Int(1)))).unwrap();
        assert_eq!(policy.layers().len(), 1);
        policy.apply(key, None, &changes(Node::Digits, None)).unwrap();
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn what_a_channel_does_not_have_changes_nothing() {
        let mut policy =
            Policy::default().with(Source::UserGpo, &[(Node::UsePassportForWork, Value::Bool(true))]).unwrap();
        let before = policy.clone();
        let key = LayerKey::unnamed(Source::UserGpo, Channel::UserGpo);
        let two = BTreeMap::from([
            (Node::UsePassportForWork, Some(Value::Bool(false))),
            (Node::RequireSecurityDevice, Some(Value::Bool(true))),
        ]);
        let fault = policy.apply(key, None, &two).unwrap_err();
        assert_eq!(fault, PolicyFault::NotInSource { node: Node::RequireSecurityDevice, channel: Channel::UserGpo });
        assert_eq!(policy, before);
        let zero = changes(Node::Digits, Some(Value::Int(0)));
        let fault =
            policy.apply(LayerKey::unnamed(Source::ComputerGpo, Channel::ComputerGpo), None, &zero).unwrap_err();
        assert_eq!(fault.to_string(), "PINComplexity/Digits does not take \"0\"; allowed: 1 or 2");
        assert_eq!(policy, before);
    }

    #[test]
    fn the_order_of_arrival_does_not_show() {
        let tenant = [(Node::UsePassportForWork, Value::Bool(false))];
        let gpo = [(Node::UsePassportForWork, Value::Bool(true))];
        let one =
            Policy::default().with(Source::IntuneTenant, &tenant).unwrap().with(Source::ComputerGpo, &gpo).unwrap();
        let other =
            Policy::default().with(Source::ComputerGpo, &gpo).unwrap().with(Source::IntuneTenant, &tenant).unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn a_policy_survives_its_json_and_a_misspelt_member_does_not() {
        let policy = Policy::default().with(Source::ComputerGpo, &[(Node::MinimumPinLength, Value::Int(8))]).unwrap();
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(
            text,
            r#"{"layers":[{"source":"computer-gpo","channel":"computer-gpo","values":{"PINComplexity/MinimumPINLength":8}}]}"#
        );
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
        assert!(serde_json::from_str::<Policy>(&text.replace("MinimumPIN", "MinimalPIN")).is_err());
        let bad: Policy = serde_json::from_str(&text.replace('8', "3")).unwrap();
        assert!(matches!(bad.fault(), Some(PolicyFault::NotAllowed { .. })));
    }

    #[test]
    fn names_of_sources_are_those_of_their_json() {
        for source in Source::ALL {
            assert_eq!(serde_json::to_value(source).unwrap(), source.name());
            assert!(source.delivers_into(source.channel()));
        }
    }
}
