//! `whfb policy`: what an administrator sets.

use serde_json::json;
use whfb::base::Uuid;
use whfb::device::home::Device;
use whfb::entra::SEEDED_TENANT;

use crate::args::Policy;
use crate::failure::Failure;
use crate::lab::Place;
use crate::output::Output;

pub(crate) fn run(command: &Policy, place: &Place, output: &Output) -> Result<(), Failure> {
    let Policy::Set { on, assignments } = command;
    let (name, dir) = place.choose(on.device.as_deref())?;
    let mut device = Device::open(&dir)?;
    set(&mut device, assignments)?;
    device.save()?;
    let effective = device.policy.effective();
    let text = format!("policy of {name}: {}", assignments.join(", "));
    output.answer(&text, &json!({"ok": true, "device": name, "effective": effective}));
    Ok(())
}

/// Sets every node or none.
pub(crate) fn set(device: &mut Device, assignments: &[String]) -> Result<(), Failure> {
    let tenant = device.state.registration.as_ref().map_or(SEEDED_TENANT, |registration| registration.tenant_id);
    device.policy = assigned(&device.policy, assignments, tenant)?;
    Ok(())
}

fn assigned(
    policy: &whfb::device::policy::Policy,
    assignments: &[String],
    tenant: Uuid,
) -> Result<whfb::device::policy::Policy, Failure> {
    let mut policy = policy.clone();
    for assignment in assignments {
        policy.set(assignment, tenant).map_err(|fault| Failure::usage(format!("{assignment}: {fault}")))?;
    }
    Ok(policy)
}
