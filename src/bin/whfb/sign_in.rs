//! `whfb sign-in`: the PIN opens the container, the key signs, the server answers with a PRT; or the signature alone is printed.

use serde_json::json;
use whfb::device::assertion::Assert;
use whfb::device::signin::{SignIn, SignedIn};
use whfb::device::state::DeviceState;

use crate::args;
use crate::failure::Failure;
use crate::lab::Place;
use crate::opened::Opened;
use crate::output::Output;
use crate::{prompt, tenant};

pub(crate) fn run(args: &args::SignIn, place: &Place, output: &Output) -> Result<(), Failure> {
    let (name, dir) = place.choose(args.on.device.as_deref())?;
    let mut opened = Opened::open(&dir)?;
    let upn = match &args.user {
        Some(upn) => upn.clone(),
        None => only_user(&opened.device.state)?,
    };
    let link = tenant::link(place)?;
    let pin = prompt::secret("PIN", args.pin.pin_file.as_deref())?;
    if args.assertion {
        let made = opened.run(Assert::new(&upn, pin), link.as_ref())?;
        output.answer(&made.assertion, &json!({"ok": true, "device": name, "asserted": made}));
        return Ok(());
    }
    let signed_in = opened.run(SignIn::new(&upn, pin), link.as_ref())?;
    output.answer(&describe(&signed_in), &json!({"ok": true, "device": name, "signed_in": signed_in}));
    Ok(())
}

/// The one user with a Hello key on the device.
pub(crate) fn only_user(state: &DeviceState) -> Result<String, Failure> {
    let mut users = state.users.iter().filter(|(_, user)| user.container.is_some()).map(|(upn, _)| upn.clone());
    match (users.next(), users.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            Err(Failure::usage("nobody has a Hello key on this device").next("make one: whfb provision --user UPN"))
        }
        _ => Err(Failure::usage("several users have a Hello key on this device").next("say which: --user UPN")),
    }
}

fn describe(signed_in: &SignedIn) -> String {
    let prt = &signed_in.prt;
    format!(
        "{} signed in with the Hello key\n  key id   {}\n  in       {}\n  amr      {}\n  PRT      until {:.0}",
        prt.upn,
        signed_in.key_id,
        signed_in.provider.name(),
        prt.amr.join(", "),
        prt.expires
    )
}
