//! The table of nodes: everything that is known of each, in one place.
//!
//! The importers, the validator, `policy show`, `policy explain` and the documentation below are made from it.
//!
#![doc = include_str!("NODES.md")]

use std::fmt;

use super::source::Channel;
use super::tag::Tag;
use super::value::{Format, Value};

/// Where a node lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Below `PassportForWork/{TenantId}/Policies`.
    Tenant,
    /// Below `PassportForWork`, without a tenant, in the device tree alone.
    Root,
    /// Below `./Device/Vendor/MSFT/Policy/Config`: another CSP, with a say in PINs or in who wins.
    PolicyCsp,
    /// In Group Policy alone.
    Registry,
}

/// Which trees of the CSP have the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `./Device`.
    Device,
    /// `./Device` and `./User`.
    DeviceAndUser,
}

/// Which node's winner decides about which others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Hello itself and certificate trust: whoever wins on `UsePassportForWork` supplies both.
    Feature,
    /// Every PIN rule and the hardware requirement: one source supplies all.
    PinAndHardware,
    /// Each by itself.
    Single,
    /// The device-lock rules: they are merged into the PIN rules, whoever supplies those.
    DeviceLock,
}

/// The classes of a Group Policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Computer Configuration.
    Machine,
    /// Computer and User Configuration.
    Both,
}

/// How Group Policy knows the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gpo {
    /// The name of the policy in the editor.
    pub policy: &'static str,
    /// Where it is.
    pub class: Class,
    /// The registry key below the hive.
    pub key: &'static str,
    /// The registry value.
    pub value: &'static str,
    /// What the editor can write; a PIN class is 1 or 2 there, and "allowed" is "not configured".
    pub format: Format,
}

/// The key of Hello's Group Policies, below the hive.
pub const GPO_KEY: &str = r"SOFTWARE\Policies\Microsoft\PassportForWork";

/// Everything that is known of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The node.
    pub node: Node,
    /// Its path below the [`Place`].
    pub path: &'static str,
    /// Where it lives.
    pub place: Place,
    /// Which trees have it.
    pub scope: Scope,
    /// What it takes.
    pub format: Format,
    /// The default that the DDF gives, as text; empty where it gives none.
    pub default: &'static str,
    /// First build of Windows.
    pub build: &'static str,
    /// Which winner decides about it.
    pub group: Group,
    /// Its Group Policy.
    pub gpo: Option<Gpo>,
    /// Who says so.
    pub tag: Tag,
    /// What it does, in one line.
    pub about: &'static str,
}

macro_rules! nodes {
    ($($name:ident = $path:literal, $place:ident, $scope:ident, $format:expr, $default:literal, $build:literal, $group:ident, $gpo:expr, $tag:expr, $about:literal;)*) => {
        /// A leaf that whfb knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Node {
            $(#[doc = concat!("`", $path, "`: ", $about, ".")] $name,)*
        }

        /// One row a node, in the order of the CSP's tree.
        pub static TABLE: &[Row] = &[
            $(Row {
                node: Node::$name, path: $path, place: Place::$place, scope: Scope::$scope, format: $format, default: $default,
                build: $build, group: Group::$group, gpo: $gpo, tag: $tag, about: $about,
            },)*
        ];
    };
}

const CLASS: Format = Format::Int { min: 0, max: 2 };
const LENGTH: Format = Format::Int { min: 4, max: 127 };
const HISTORY: Format = Format::Int { min: 0, max: 50 };
const DAYS: Format = Format::Int { min: 0, max: 730 };
const FLAG: Format = Format::Int { min: 0, max: 1 };
const PIN_KEY: &str = r"SOFTWARE\Policies\Microsoft\PassportForWork\PINComplexity";
const UNLOCK_KEY: &str = r"SOFTWARE\Policies\Microsoft\PassportForWork\DeviceUnlock";
const DYNAMIC_KEY: &str = r"SOFTWARE\Policies\Microsoft\PassportForWork\DynamicLock";

const fn gpo(
    class: Class,
    policy: &'static str,
    key: &'static str,
    value: &'static str,
    format: Format,
) -> Option<Gpo> {
    Some(Gpo { policy, class, key, value, format })
}

const fn switch(class: Class, policy: &'static str, value: &'static str) -> Option<Gpo> {
    gpo(class, policy, GPO_KEY, value, Format::Bool)
}

const fn pin(policy: &'static str, value: &'static str, format: Format) -> Option<Gpo> {
    gpo(Class::Machine, policy, PIN_KEY, value, format)
}

const fn pin_class(policy: &'static str, value: &'static str) -> Option<Gpo> {
    pin(policy, value, Format::Int { min: 1, max: 2 })
}

const HELLO: &str = "Use Windows Hello for Business";
const HARDWARE: &str = "Use a hardware security device";
const UNLOCK: &str = "Configure device unlock factors";
const DYNAMIC: &str = "Configure dynamic lock factors";

nodes! {
    UsePassportForWork = "UsePassportForWork", Tenant, DeviceAndUser, Format::Bool, "true", "10586", Feature,
        switch(Class::Both, HELLO, "Enabled"), Tag::DDF, "whether Hello may be provisioned";
    RequireSecurityDevice = "RequireSecurityDevice", Tenant, DeviceAndUser, Format::Bool, "false", "10586", PinAndHardware,
        switch(Class::Machine, HARDWARE, "RequireSecurityDevice"), Tag::DDF, "whether keys must live in a usable TPM";
    ExcludeTpm12 = "ExcludeSecurityDevices/TPM12", Tenant, Device, Format::Bool, "false", "15063", PinAndHardware,
        gpo(Class::Machine, HARDWARE, r"SOFTWARE\Policies\Microsoft\PassportForWork\ExcludeSecurityDevices", "TPM12", Format::Bool),
        Tag::DDF, "whether a TPM 1.2 counts as none";
    EnablePinRecovery = "EnablePinRecovery", Tenant, DeviceAndUser, Format::Bool, "false", "15063", Single,
        switch(Class::Machine, "Use PIN Recovery", "EnablePinRecovery"), Tag::DDF, "whether a PIN reset may keep the key";
    ProvisioningForSecurityKeys = "EnableWindowsHelloProvisioningForSecurityKeys", Tenant, Device, Format::Bool, "false",
        "99.9.99999", Single, None, Tag::DDF, "whether provisioning runs after a sign-in with a FIDO2 key";
    DisablePostLogonProvisioning = "DisablePostLogonProvisioning", Tenant, Device, Format::Bool, "false", "99.9.99999", Single,
        switch(Class::Both, HELLO, "DisablePostLogonProvisioning"), Tag::DDF, "whether provisioning does not start after sign-in";
    DisablePostLogonCredentialCaching = "DisablePostLogonCredentialCaching", Tenant, Device, Format::Bool, "", "", Single,
        None, Tag::Observed("Intune settings catalogue"), "not described anywhere; that it is a bool is inferred";
    UseCertificateForOnPremAuth = "UseCertificateForOnPremAuth", Tenant, Device, Format::Bool, "false", "10586", Feature,
        switch(Class::Both, "Use certificate for on-premises authentication", "UseCertificateForOnPremAuth"), Tag::DDF,
        "certificate trust: a PIN waits for a certificate";
    UseCloudTrustForOnPremAuth = "UseCloudTrustForOnPremAuth", Tenant, Device, Format::Bool, "false", "22621", Single,
        None, Tag::DDF, "cloud Kerberos trust; also builds 22000.527 and 19044.1566";
    UseHelloCertificatesAsSmartCardCertificates = "UseHelloCertificatesAsSmartCardCertificates", Tenant, Device, Format::Bool,
        "false", "17763", Single,
        switch(Class::Machine, "Use Windows Hello for Business certificates as smart card certificates",
            "UseHelloCertificatesAsSmartCardCertificates"),
        Tag::DDF, "whether Hello's certificates are offered as those of a smart card";
    MinimumPinLength = "PINComplexity/MinimumPINLength", Tenant, DeviceAndUser, LENGTH, "4", "10586", PinAndHardware,
        pin("Minimum PIN length", "MinimumPINLength", LENGTH), Tag::DDF, "shortest PIN, in characters";
    MaximumPinLength = "PINComplexity/MaximumPINLength", Tenant, DeviceAndUser, LENGTH, "127", "10586", PinAndHardware,
        pin("Maximum PIN length", "MaximumPINLength", LENGTH), Tag::DDF, "longest PIN, in characters";
    UppercaseLetters = "PINComplexity/UppercaseLetters", Tenant, DeviceAndUser, CLASS, "0", "10586", PinAndHardware,
        pin_class("Require uppercase letters", "UppercaseLetters"), Tag::DDF, "0 allowed, 1 required, 2 not allowed";
    LowercaseLetters = "PINComplexity/LowercaseLetters", Tenant, DeviceAndUser, CLASS, "0", "10586", PinAndHardware,
        pin_class("Require lowercase letters", "LowercaseLetters"), Tag::DDF, "0 allowed, 1 required, 2 not allowed";
    SpecialCharacters = "PINComplexity/SpecialCharacters", Tenant, DeviceAndUser, CLASS, "0", "10586", PinAndHardware,
        pin_class("Require special characters", "SpecialCharacters"), Tag::DDF, "0 allowed, 1 required, 2 not allowed";
    Digits = "PINComplexity/Digits", Tenant, DeviceAndUser, CLASS, "0", "10586", PinAndHardware,
        pin_class("Require digits", "Digits"), Tag::DDF, "0 allowed, 1 required, 2 not allowed";
    History = "PINComplexity/History", Tenant, DeviceAndUser, HISTORY, "0", "10586", PinAndHardware,
        pin("History", "History", HISTORY), Tag::DDF, "how many last PINs may not be used again";
    Expiration = "PINComplexity/Expiration", Tenant, DeviceAndUser, DAYS, "0", "10586", PinAndHardware,
        pin("Expiration", "Expiration", DAYS), Tag::DDF, "days until a PIN must be changed; 0 never";
    UseRemotePassport = "Remote/UseRemotePassport", Tenant, Device, Format::Bool, "false", "10586", Single, None, Tag::DDF,
        "sign-in with a companion phone";
    UseBiometricsDeprecated = "UseBiometrics", Root, Device, Format::Bool, "false", "10586", Single, None, Tag::DDF,
        "deprecated: Biometrics/UseBiometrics took its place";
    UseBiometrics = "Biometrics/UseBiometrics", Root, Device, Format::Bool, "false", "10586", Single,
        gpo(Class::Machine, "Use biometrics", r"SOFTWARE\Microsoft\Windows\CurrentVersion\WinBio\Credential Provider",
            "Domain Accounts", Format::Bool),
        Tag::DDF, "biometric gestures; unset allows them";
    EnhancedAntiSpoofing = "Biometrics/FacialFeaturesUseEnhancedAntiSpoofing", Root, Device, Format::Bool, "false", "10586",
        Single, None, Tag::DDF, "whether face recognition needs anti-spoofing";
    EssWithSupportedPeripherals = "Biometrics/EnableESSwithSupportedPeripherals", Root, Device, FLAG, "1", "22621", Single,
        None, Tag::DDF, "1 blocks biometric devices that are not built in";
    UnlockGroupA = "DeviceUnlock/GroupA", Root, Device, Format::Guids, "", "17134", Single,
        gpo(Class::Machine, UNLOCK, UNLOCK_KEY, "GroupA", Format::Guids), Tag::DDF, "credential providers of the first factor";
    UnlockGroupB = "DeviceUnlock/GroupB", Root, Device, Format::Guids, "", "17134", Single,
        gpo(Class::Machine, UNLOCK, UNLOCK_KEY, "GroupB", Format::Guids), Tag::DDF, "credential providers of the second factor";
    UnlockPlugins = "DeviceUnlock/Plugins", Root, Device, Format::Text, "", "17134", Single,
        gpo(Class::Machine, UNLOCK, UNLOCK_KEY, "Plugins", Format::Text), Tag::DDF, "rules of the trusted signal";
    DynamicLock = "DynamicLock/DynamicLock", Root, Device, Format::Bool, "false", "17134", Single,
        gpo(Class::Machine, DYNAMIC, DYNAMIC_KEY, "DynamicLock", Format::Bool), Tag::DDF, "lock when the paired device is gone";
    DynamicLockPlugins = "DynamicLock/Plugins", Root, Device, Format::Text, "", "17134", Single,
        gpo(Class::Machine, DYNAMIC, DYNAMIC_KEY, "Plugins", Format::Text), Tag::DDF, "which signal the dynamic lock looks at";
    UseSecurityKeyForSignin = "SecurityKey/UseSecurityKeyForSignin", Root, Device, FLAG, "0", "18362", Single, None, Tag::DDF,
        "sign-in with a FIDO2 security key";
    DisableSmartCardNode = "DisableSmartCardNode", Registry, Device, Format::Bool, "", "", Single,
        switch(Class::Machine, "Turn off smart card emulation", "DisableSmartCardNode"), Tag::ADMX,
        "no emulated smart card; acts when a credential is made";
    AllowAllUserAccessToSmartCardNode = "AllowAllUserAccessToSmartCardNode", Registry, Device, Format::Bool, "", "", Single,
        switch(Class::Machine, "Allow enumeration of emulated smart card for all users", "AllowAllUserAccessToSmartCardNode"),
        Tag::ADMX, "every user sees the emulated smart card";
    MdmWinsOverGp = "ControlPolicyConflict/MDMWinsOverGP", PolicyCsp, Device, FLAG, "0", "17134", Single, None, Tag::POLICY_CSP,
        "has no effect here: it covers the Policy CSP alone";
    MinDevicePasswordLength = "DeviceLock/MinDevicePasswordLength", PolicyCsp, Device, Format::Int { min: 4, max: 16 }, "4",
        "10240", DeviceLock, None, Tag::POLICY_CSP, "shortest device password; the stricter of it and MinimumPINLength holds";
    DevicePasswordHistory = "DeviceLock/DevicePasswordHistory", PolicyCsp, Device, HISTORY, "0", "10240", DeviceLock, None,
        Tag::POLICY_CSP, "last passwords that may not be used again; the stricter of it and History holds";
    DevicePasswordExpiration = "DeviceLock/DevicePasswordExpiration", PolicyCsp, Device, DAYS, "0", "10240", DeviceLock, None,
        Tag::POLICY_CSP, "days until a change, 0 never; the stricter of it and Expiration holds";
}

impl Node {
    /// Every node, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.node)
    }

    /// Its row.
    pub fn row(self) -> &'static Row {
        // The macro writes enum and table in one order.
        &TABLE[self as usize]
    }

    /// Its path below `{TenantId}/Policies`, `PassportForWork` or `Policy/Config`: the short name on the command line.
    pub fn path(self) -> &'static str {
        self.row().path
    }

    /// What it takes.
    pub fn format(self) -> Format {
        self.row().format
    }

    /// The node of a path or, where only one has it, of a last path segment. Case does not matter.
    pub fn named(name: &str) -> Option<Self> {
        let by_path = || Self::all().find(|node| node.path().eq_ignore_ascii_case(name));
        let leaf = |node: &Self| node.path().rsplit('/').next().is_some_and(|leaf| leaf.eq_ignore_ascii_case(name));
        let mut by_leaf = Self::all().filter(leaf);
        by_path().or_else(|| by_leaf.next().filter(|_| by_leaf.next().is_none()))
    }
}

impl Row {
    /// What the node takes through a channel; `None` where the channel does not have it.
    pub fn format_in(&self, channel: Channel) -> Option<Format> {
        let gpo = |classes: &[Class]| self.gpo.filter(|gpo| classes.contains(&gpo.class)).map(|gpo| gpo.format);
        match channel {
            Channel::ComputerGpo => gpo(&[Class::Machine, Class::Both]),
            Channel::UserGpo => gpo(&[Class::Both]),
            Channel::DeviceCsp => (self.place != Place::Registry).then_some(self.format),
            Channel::UserCsp => (self.scope == Scope::DeviceAndUser).then_some(self.format),
        }
    }

    /// The DDF's default as a value.
    pub fn default_value(&self) -> Option<Value> {
        self.format.read(self.default)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

impl serde::Serialize for Node {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.path())
    }
}

impl<'de> serde::Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let exact = Self::all().find(|node| node.path() == name);
        exact.ok_or_else(|| serde::de::Error::custom(format!("unknown policy node {name}")))
    }
}

/// The table as Markdown, which is the page in the documentation.
pub fn markdown() -> String {
    let mut page = format!(
        "`PFW` is the key `{GPO_KEY}`; D is the tree `./Device`, U is `./User`.\n\n| Node | Place | Trees | Takes | DDF default | From build | Group | Group Policy (class; registry value; takes) |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in TABLE {
        let trees = match (row.place, row.scope) {
            (Place::Registry, _) => "-",
            (_, Scope::Device) => "D",
            (_, Scope::DeviceAndUser) => "D U",
        };
        let (place, group) = (row.place.words(), row.group.words());
        let gpo = row.gpo.map_or("-".to_owned(), |gpo| {
            let class = if gpo.class == Class::Both { "both" } else { "machine" };
            let key = gpo.key.replace(GPO_KEY, "PFW");
            format!("{} ({class}; `{key}\\{}`; {})", gpo.policy, gpo.value, gpo.format)
        });
        let or_dash = |text: &'static str| if text.is_empty() { "-" } else { text };
        let (default, build) = (or_dash(row.default), or_dash(row.build));
        page.push_str(&format!(
            "| `{}` | {place} | {trees} | {} | {default} | {build} | {group} | {gpo} |\n",
            row.path, row.format
        ));
    }
    page
}

impl Place {
    fn words(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Root => "device",
            Self::PolicyCsp => "Policy CSP",
            Self::Registry => "registry",
        }
    }
}

impl Group {
    /// As explanations call it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::PinAndHardware => "PIN and hardware",
            Self::Single => "single",
            Self::DeviceLock => "device lock",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_finds_its_row() {
        for row in TABLE {
            assert_eq!(row.node.row().path, row.path);
            assert_eq!(Node::named(row.path), Some(row.node));
        }
    }

    #[test]
    fn a_last_segment_names_a_node_where_it_is_the_only_one() {
        assert_eq!(Node::named("minimumpinlength"), Some(Node::MinimumPinLength));
        assert_eq!(Node::named("TPM12"), Some(Node::ExcludeTpm12));
        assert_eq!(Node::named("Plugins"), None, "there are two");
        assert_eq!(Node::named("UseBiometrics"), Some(Node::UseBiometricsDeprecated), "a whole path comes first");
    }

    #[test]
    fn every_default_is_one_that_its_node_takes() {
        for row in TABLE.iter().filter(|row| !row.default.is_empty()) {
            assert!(row.default_value().is_some(), "{}", row.path);
        }
    }

    #[test]
    fn the_hardware_requirement_is_no_user_group_policy_but_a_user_csp_node() {
        let row = Node::RequireSecurityDevice.row();
        assert_eq!(row.format_in(Channel::UserGpo), None);
        assert!(row.format_in(Channel::UserCsp).is_some() && row.format_in(Channel::ComputerGpo).is_some());
        assert_eq!(Node::ExcludeTpm12.row().format_in(Channel::UserCsp), None);
        assert_eq!(Node::DisableSmartCardNode.row().format_in(Channel::DeviceCsp), None);
    }

    #[test]
    fn group_policy_never_writes_that_a_class_is_allowed() {
        let format = |channel| Node::Digits.row().format_in(channel).unwrap().to_string();
        assert_eq!(format(Channel::ComputerGpo), "1 or 2");
        assert_eq!(format(Channel::DeviceCsp), "0 to 2");
    }

    #[test]
    fn the_documentation_shows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/device/policy/NODES.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == markdown(),
            "src/device/policy/NODES.md is not what the table says, which is\n{}",
            markdown()
        );
    }
}
