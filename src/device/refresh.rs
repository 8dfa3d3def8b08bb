//! A policy refresh: what a requirement that comes late does to keys that are there already.
//!
//! Turning `UsePassportForWork` off breaks no credential; it stops new ones ("Manage Windows Hello for Business in your
//! organization"). What `RequireSecurityDevice` does to a software key is documented nowhere. Events for a container that a
//! policy deleted exist, so there are two answers, by [`LateRequirement`]. \[inferred\]

use crate::base::Timestamp;
use crate::device::events::{Activity, Event};
use crate::device::flow::Machine;
use crate::device::hardware::Provider;
use crate::device::policy::Effective;
use crate::device::state::DeviceState;
use crate::device::switches::LateRequirement;

/// What became of a software key under the requirement.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Whose key it is.
    pub upn: String,
    /// Whether its container was deleted; otherwise it stays, reported.
    pub deleted: bool,
}

/// The users whose key lives in software although the policy in force requires hardware.
pub fn software_keys_under_requirement(state: &DeviceState, policy: &Effective) -> Vec<String> {
    if !policy.require_security_device.value {
        return Vec::new();
    }
    let software = |(upn, user): (&String, &crate::device::state::UserState)| {
        let provider = user.container.as_ref()?.provider();
        (provider == Provider::Software).then(|| upn.clone())
    };
    state.users.iter().filter_map(software).collect()
}

/// Refreshes the policy. The key in the directory stays, as nothing tells the server. \[inferred\]
pub fn refresh(machine: &mut Machine<'_>, now: Timestamp) -> Vec<Finding> {
    let deleted = machine.switches.late_requirement == LateRequirement::Delete;
    let users = software_keys_under_requirement(machine.state, &machine.policy);
    if deleted {
        for upn in &users {
            machine.events.record(Event::started(now, Activity::ContainerDeletionByPolicy));
            machine.state.user_mut(upn).container = None;
            machine.events.record(Event::ended(now, Activity::ContainerDeletionByPolicy, now, Ok(())));
        }
    }
    users.into_iter().map(|upn| Finding { upn, deleted }).collect()
}
