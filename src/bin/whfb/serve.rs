//! `whfb serve`: the mock Entra over HTTPS on loopback.

use std::sync::Arc;

use serde_json::json;
use whfb::entra::Rules;
use whfb::entra::server::Server;
use whfb::link::Direct;

use crate::args::{RulesName, Serve};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::lab::Place;
use crate::output::Output;
use crate::tenant;

pub(crate) fn run(serve: &Serve, place: &Place, output: &Output) -> Result<(), Failure> {
    let interrupt = Interrupt::listen()?;
    place.prepare()?;
    let serving = tenant::occupy(place)?;
    let entra = Direct::open(place.entra_options(rules(serve.rules))?)?;
    let server = Server::start(Arc::clone(entra.entra()), serve.listen)?;
    let ca = place.dir().join("ca.pem");
    place.write("ca.pem", server.ca_pem().as_bytes())?;
    serving.announce(place, server.address(), server.ca_pem())?;
    let text = format!("ready: https://{} rules {} ca {}", server.address(), name(serve.rules), ca.display());
    output.answer(
        &text,
        &json!({"ok": true, "address": server.address().to_string(), "rules": name(serve.rules), "ca": ca}),
    );
    interrupt.wait();
    server.stop();
    output.remark("stopped");
    Ok(())
}

pub(crate) fn rules(name: RulesName) -> Rules {
    match name {
        RulesName::Entra => Rules::entra(),
        RulesName::Strict => Rules::strict(),
        RulesName::HardwareRequired => Rules::hardware_required(),
    }
}

fn name(rules: RulesName) -> &'static str {
    match rules {
        RulesName::Entra => "entra",
        RulesName::Strict => "strict",
        RulesName::HardwareRequired => "hardware-required",
    }
}
