//! The check that Windows makes when a session begins, and its report in dsregcmd terms.
//!
//! Names, order and pass conditions follow Microsoft's dsregcmd page ("Ngc Prerequisite Check") for a cloud-only
//! device; rows that only certificate trust or cloud trust shows are absent.

use crate::base::Hresult;
use crate::device::hardware::Provider;
use crate::device::report::{Section, yes_no};

/// What the check takes for an Entra user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntraUser {
    /// A user with a PRT, as the event's parameter says.
    Prt,
    /// A user of the tenant, as the words of the documentation say.
    Account,
}

/// What the check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionFacts {
    /// The device is joined to Entra ID.
    pub device_joined: bool,
    /// The signed-in user is an Entra user: there is a PRT.
    pub has_prt: bool,
    /// Effective "use Windows Hello for Business".
    pub policy_enabled: bool,
    /// Provisioning may start after sign-in.
    pub post_logon_enabled: bool,
    /// The hardware decision, made as container creation will make it.
    pub hardware: Result<Provider, Hresult>,
    /// The session is a remote one.
    pub remote: bool,
    /// The user has a Hello credential on this device already.
    pub ngc_set: bool,
}

/// Outcome of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum PreReqResult {
    /// Provisioning starts.
    WillProvision,
    /// Nothing starts.
    WillNotProvision,
}

impl PreReqResult {
    /// The word that dsregcmd prints.
    pub fn word(self) -> &'static str {
        match self {
            Self::WillProvision => "WillProvision",
            Self::WillNotProvision => "WillNotProvision",
        }
    }
}

/// The check's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prerequisites(SessionFacts);

impl Prerequisites {
    /// Judges the facts.
    pub fn check(facts: SessionFacts) -> Self {
        Self(facts)
    }

    /// The facts that were judged.
    pub fn facts(&self) -> &SessionFacts {
        &self.0
    }

    /// The rows that decide, in dsregcmd's order, each with its name in events 358 and 360.
    fn rows(&self) -> [(&'static str, &'static str, bool); 6] {
        let facts = &self.0;
        [
            ("IsDeviceJoined", "DeviceIsJoined", facts.device_joined),
            ("IsUserAzureAD", "AADPrt", facts.has_prt),
            ("PolicyEnabled", "NgcPolicyEnabled", facts.policy_enabled),
            ("PostLogonEnabled", "NgcPostLogonProvisioningEnabled", facts.post_logon_enabled),
            ("DeviceEligible", "NgcHardwarePolicyMet", facts.hardware.is_ok()),
            ("SessionIsNotRemote", "UserIsRemote", !facts.remote),
        ]
    }

    /// All rows must pass; a user who has a credential is left alone \[inferred\].
    pub fn result(&self) -> PreReqResult {
        if self.rows().iter().all(|(_, _, passed)| *passed) && !self.0.ngc_set {
            PreReqResult::WillProvision
        } else {
            PreReqResult::WillNotProvision
        }
    }

    /// The names of the rows that fail, as dsregcmd calls them.
    pub fn failed(&self) -> Vec<&'static str> {
        self.rows().into_iter().filter(|(_, _, passed)| !passed).map(|(name, ..)| name).collect()
    }

    /// The reasons in one line.
    pub(crate) fn reasons(&self) -> String {
        let mut reasons: Vec<_> = self.failed().into_iter().map(|name| format!("{name} is NO")).collect();
        if self.0.ngc_set {
            reasons.push("the user has a Hello credential already".to_owned());
        }
        reasons.join(", ")
    }

    /// The section "Ngc Prerequisite Check".
    pub fn section(&self) -> Section {
        let mut section = Section::new("Ngc Prerequisite Check");
        for (name, _, passed) in self.rows() {
            section = section.with(name, yes_no(passed));
        }
        section.with("CertEnrollment", "none").with("PreReqResult", self.result().word())
    }

    /// Parameters of events 358 and 360, without the headline. Values print Yes and No there; `UserIsRemote` is
    /// inverted in its name only.
    pub(crate) fn event_fields(&self) -> Vec<(&'static str, String)> {
        let word = |passed: bool| if passed { "Yes" } else { "No" }.to_owned();
        let mut fields: Vec<_> = self.rows().map(|(_, name, passed)| (name, word(passed))).into();
        fields.push(("MachinePolicySource", "none".to_owned()));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: SessionFacts = SessionFacts {
        device_joined: true,
        has_prt: true,
        policy_enabled: true,
        post_logon_enabled: true,
        hardware: Ok(Provider::Hardware),
        remote: false,
        ngc_set: false,
    };

    #[test]
    fn provisions_when_every_row_passes() {
        let report = Prerequisites::check(GOOD);
        assert_eq!(report.result(), PreReqResult::WillProvision);
        assert!(report.failed().is_empty());
        let software = SessionFacts { hardware: Ok(Provider::Software), ..GOOD };
        assert_eq!(Prerequisites::check(software).result(), PreReqResult::WillProvision);
    }

    #[test]
    fn each_row_alone_stops_it_and_is_named() {
        let cases = [
            ("IsDeviceJoined", SessionFacts { device_joined: false, ..GOOD }),
            ("IsUserAzureAD", SessionFacts { has_prt: false, ..GOOD }),
            ("PolicyEnabled", SessionFacts { policy_enabled: false, ..GOOD }),
            ("PostLogonEnabled", SessionFacts { post_logon_enabled: false, ..GOOD }),
            ("DeviceEligible", SessionFacts { hardware: Err(Hresult::NTE_DEVICE_NOT_FOUND), ..GOOD }),
            ("SessionIsNotRemote", SessionFacts { remote: true, ..GOOD }),
        ];
        for (name, facts) in cases {
            let report = Prerequisites::check(facts);
            assert_eq!(report.failed(), vec![name]);
            assert_eq!(report.section().value(name), Some("NO"));
            assert_eq!(report.section().value("PreReqResult"), Some("WillNotProvision"), "{name}");
        }
    }

    #[test]
    fn a_user_with_a_credential_is_left_alone() {
        let report = Prerequisites::check(SessionFacts { ngc_set: true, ..GOOD });
        assert_eq!(report.result(), PreReqResult::WillNotProvision);
    }

    #[test]
    fn fields_come_in_dsregcmds_order() {
        let names: Vec<_> = Prerequisites::check(GOOD).section().fields.into_iter().map(|(name, _)| name).collect();
        let expected = [
            "IsDeviceJoined",
            "IsUserAzureAD",
            "PolicyEnabled",
            "PostLogonEnabled",
            "DeviceEligible",
            "SessionIsNotRemote",
            "CertEnrollment",
            "PreReqResult",
        ];
        assert_eq!(names, expected);
    }
}
