//! `whfb serve`: the mock Entra over HTTPS on loopback.

use std::sync::Arc;

use clap::ValueEnum as _;
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
    let rules = Rules::named(&name(serve.rules)).map_err(|error| Failure::usage(error.to_string()))?;
    let entra = Direct::open(place.entra_options(rules)?)?;
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

/// The name of a profile as it is typed, which is the one that the library knows it by.
fn name(rules: RulesName) -> String {
    rules.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
