//! `whfb tpm`: ask a TPM about itself.

use std::path::Path;

use serde_json::json;
use whfb::device::state::TpmChoice;
use whfb::device::tpm::{Facts, KeyKind, Tpm};

use crate::args;
use crate::failure::Failure;
use crate::lab::Place;
use crate::opened::{Opened, open_tpm};
use crate::output::Output;

pub(crate) fn run(command: &args::Tpm, place: &Place, output: &Output) -> Result<(), Failure> {
    let args::Tpm::Info { on, tpm } = command;
    let mut direct = match tpm {
        // A swtpm is always a device's, and has its state there.
        Some(choice @ TpmChoice::Guest(_)) => open_tpm(choice, Path::new(""), None)?,
        Some(choice) => {
            return Err(Failure::usage(format!("--tpm {choice} is not a TPM outside of a device"))
                .next("name a TPM of this machine: --tpm device:/dev/tpmrm0, or a device: --device NAME"));
        }
        None => {
            let (_, dir) = place.choose(on.device.as_deref())?;
            let mut opened = Opened::open(&dir)?;
            return match opened.tpm() {
                Some(tpm) => report(tpm, output),
                None => Err(absent()),
            };
        }
    };
    direct.as_mut().map_or_else(|| Err(absent()), |tpm| report(&mut **tpm, output))
}

fn absent() -> Failure {
    let code = whfb::base::Hresult::TBS_E_TPM_NOT_FOUND;
    Failure::environment("the device has no TPM that commands can be sent to").coded(code)
}

fn report(tpm: &mut dyn Tpm, output: &Output) -> Result<(), Failure> {
    let facts = tpm.facts()?;
    let certificates = [
        ("RSA-2048", tpm.endorsement(KeyKind::Rsa2048)?.certificate),
        ("P-256", tpm.endorsement(KeyKind::P256)?.certificate),
    ];
    let held: Vec<&str> = certificates.iter().filter(|(_, der)| der.is_some()).map(|(kind, _)| *kind).collect();
    let object = json!({"ok": true, "tpm": facts, "ek_certificates": held});
    output.answer(&text(&facts, &held), &object);
    Ok(())
}

fn text(facts: &Facts, certificates: &[&str]) -> String {
    let lockout = &facts.lockout;
    let none_or = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    let handles: Vec<String> = facts.persistent.iter().map(|handle| format!("0x{handle:08X}")).collect();
    [
        ("manufacturer", format!("{} (id:{:08X}), {}", facts.manufacturer, facts.manufacturer_id, facts.vendor)),
        ("specification", facts.specification.clone()),
        ("firmware", facts.firmware.clone()),
        ("ready", yes(facts.ready)),
        ("FIPS mode", yes(facts.fips)),
        (
            "lockout",
            format!(
                "{}, {} of {} failures counted",
                if lockout.locked_out { "LOCKED OUT" } else { "open" },
                lockout.count,
                lockout.max
            ),
        ),
        (
            "healing",
            format!(
                "one failure every {} s; a wrong reset blocks resets for {} s",
                lockout.heal_seconds, lockout.recovery_seconds
            ),
        ),
        (
            "lockout reset",
            if lockout.reset_protected {
                "needs its authorization".into()
            } else {
                "NOT PROTECTED: anybody can reset".to_owned()
            },
        ),
        ("EK certificates", none_or(certificates.join(", "))),
        ("persistent", none_or(handles.join(", "))),
    ]
    .into_iter()
    .map(|(name, value)| format!("{name:>15}  {value}"))
    .collect::<Vec<_>>()
    .join("\n")
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}
