//! The short form of `dsregcmd /status`.

use crate::base::Timestamp;
use crate::crypto::cert::Certificate;
use crate::device::flow::Machine;
use crate::device::hardware::Provider;
use crate::device::provision::check_prerequisites;
use crate::device::report::{DEVICE_STATE, Section};
use crate::device::state::{DeviceState, Registration};
use crate::wire::token::DRS_AUDIENCE;

/// The sections for a device and, where `upn` is given, one of its users.
pub fn sections(state: &DeviceState, upn: Option<&str>) -> Vec<Section> {
    let mut sections = vec![device_state(state)];
    if let Some(registration) = &state.registration {
        sections.push(device_details(registration));
        sections.push(tenant_details(registration));
    }
    if let Some(upn) = upn {
        sections.push(user_state(state, upn));
        sections.push(sso_state(state, upn));
    }
    sections
}

/// The section of the prerequisite check. Windows leaves it out once the user has a credential.
pub fn prerequisite_section(machine: &Machine<'_>, upn: &str, remote: bool, now: Timestamp) -> Section {
    check_prerequisites(machine, upn, remote, now).section()
}

fn device_state(state: &DeviceState) -> Section {
    Section::new(DEVICE_STATE)
        .with_yes_no("AzureAdJoined", state.registration.is_some())
        .with_yes_no("EnterpriseJoined", false)
        .with_yes_no("DomainJoined", false)
}

fn device_details(registration: &Registration) -> Section {
    let provider = registration.device_key.provider();
    let mut section = Section::new("Device Details").with("DeviceId", registration.device_id.to_string());
    if let Ok(certificate) = Certificate::from_der(&registration.certificate) {
        section = section.with("Thumbprint", certificate.thumbprint());
        if let Ok(validity) = certificate.validity() {
            let text = format!("[ {} UTC -- {} UTC ]", civil(validity.from), civil(validity.to));
            section = section.with("DeviceCertificateValidity", text);
        }
    }
    section.with("KeyProvider", provider.name()).with_yes_no("TpmProtected", provider == Provider::Hardware)
}

fn tenant_details(registration: &Registration) -> Section {
    Section::new("Tenant Details")
        .with("TenantName", registration.tenant_name.clone())
        .with("TenantId", registration.tenant_id.to_string())
        .with("Idp", "login.windows.net")
        .with("KeySrvVersion", "1.0")
        .with("KeySrvUrl", registration.key_service.clone())
        .with("KeySrvId", DRS_AUDIENCE)
}

fn user_state(state: &DeviceState, upn: &str) -> Section {
    let container = state.user(upn).and_then(|user| user.container.as_ref());
    let section = Section::new("User State").with_yes_no("NgcSet", container.is_some());
    match container {
        Some(container) => section
            .with("NgcKeyId", format!("{{{}}}", container.user_key.key_id).to_uppercase())
            .with("CanReset", "DestructiveOnly"),
        None => section,
    }
}

fn sso_state(state: &DeviceState, upn: &str) -> Section {
    let prt = state.user(upn).and_then(|user| user.prt.as_ref());
    let section = Section::new("SSO State").with_yes_no("AzureAdPrt", prt.is_some());
    match prt {
        Some(prt) => section
            .with("AzureAdPrtUpdateTime", format!("{} UTC", civil(prt.facts.issued)))
            .with("AzureAdPrtExpiryTime", format!("{} UTC", civil(prt.facts.expires)))
            .with("AzureAdPrtAuthority", format!("https://login.microsoftonline.com/{}", prt.facts.tid)),
        None => section,
    }
}

/// `2026-01-31 12:34:56.000`, as dsregcmd writes instants.
fn civil(at: Timestamp) -> String {
    let text = format!("{at:.3}");
    text.trim_end_matches('Z').replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::state::{Description, TpmChoice};

    #[test]
    fn a_fresh_device_says_no_and_shows_no_details() {
        let description = Description { name: "LAB-1".into(), tpm: TpmChoice::None, condition: Default::default() };
        let sections = sections(&DeviceState::new(description), Some("alice@contoso.example"));
        let titles: Vec<_> = sections.iter().map(|section| section.title).collect();
        assert_eq!(titles, ["Device State", "User State", "SSO State"]);
        assert_eq!(sections[0].value("AzureAdJoined"), Some("NO"));
        assert_eq!((sections[1].value("NgcSet"), sections[1].value("NgcKeyId")), (Some("NO"), None));
        assert_eq!(sections[2].value("AzureAdPrt"), Some("NO"));
    }

    #[test]
    fn instants_have_milliseconds_and_no_zone() {
        assert_eq!(civil("2026-01-31T12:34:56Z".parse().unwrap()), "2026-01-31 12:34:56.000");
    }
}
