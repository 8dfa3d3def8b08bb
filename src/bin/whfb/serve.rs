//! `whfb serve`: the mock Entra over HTTPS on loopback.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use whfb::entra::Options;
use whfb::entra::server::{Proxy, Server};
use whfb::link::Direct;
use whfb::wire::host;

use crate::args::Serve;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::lab::Place;
use crate::output::Output;
use crate::rules::{self, Chosen};
use crate::tenant;

pub(crate) fn run(serve: &Serve, place: &Place, output: &Output) -> Result<(), Failure> {
    if serve.rules_help {
        rules::help(output);
        return Ok(());
    }
    if serve.hosts {
        hosts(place, output);
        return Ok(());
    }
    let chosen = Chosen::named(&serve.rules)?;
    let interrupt = Interrupt::listen()?;
    place.prepare()?;
    let serving = tenant::occupy(place)?;
    let approve_device_codes = serve.approve_device_code.clone();
    let options = Options { approve_device_codes, ..place.entra_options(chosen.rules.clone())? };
    let entra = Direct::open(options)?;
    let server = Server::start(Arc::clone(entra.entra()), serve.listen)?;
    let ca = place.dir().join("ca.pem");
    place.write("ca.pem", server.ca_pem().as_bytes())?;
    let free = SocketAddr::from(([127, 0, 0, 1], if serve.listen.port() == 0 { 0 } else { PROXY_PORT }));
    let proxy = Proxy::start(serve.proxy.unwrap_or(free), server.address())?;
    let env = place.dir().join("env.sh");
    place.write("env.sh", environment(&proxy, &ca)?.as_bytes())?;
    serving.announce(place, server.address(), server.ca_pem())?;
    let (address, proxied) = (server.address().to_string(), proxy.address().to_string());
    let text = format!(
        "ready: https://{address} rules {} ca {} proxy {proxied} env {}",
        chosen.line(),
        ca.display(),
        env.display()
    );
    let (rules, file, turned) = chosen.to_json();
    output.answer(
        &text,
        &json!({
            "ok": true, "address": address, "rules": rules, "rules_file": file, "turned": turned,
            "ca": ca, "proxy": proxied, "env": env,
        }),
    );
    interrupt.wait();
    drop(proxy);
    server.stop();
    output.remark("stopped");
    Ok(())
}

/// A hosts file that leads every host of the mock to this machine, and says how it is used.
fn hosts(place: &Place, output: &Output) {
    let dir = place.dir().display();
    let mut text = format!(
        "# For clients that know no proxy. Serve on the port that they take for granted, and put this file in the place of\n\
         # /etc/hosts in a mount namespace, which leaves the one of this machine as it is. As root:\n\
         #\n\
         #   whfb --state '{dir}' serve --listen 127.0.0.1:443 &\n\
         #   whfb --state '{dir}' serve --hosts >hosts.lab\n\
         #   unshare --mount sh -c 'mount --bind hosts.lab /etc/hosts && . \"{dir}/env.sh\" && unset HTTPS_PROXY https_proxy && CLIENT'\n\
         127.0.0.1 localhost\n"
    );
    for host in host::ALL {
        text.push_str(&format!("127.0.0.1 {host}\n"));
    }
    output.answer(text.trim_end(), &json!({"ok": true, "address": "127.0.0.1", "hosts": host::ALL}));
}

/// Where the proxy listens by default.
const PROXY_PORT: u16 = 8888;

/// What leads a client here: a file for `.` of a shell. Certificates are checked as ever, against the lab's authority.
fn environment(proxy: &Proxy, ca: &Path) -> Result<String, Failure> {
    let ca = ca.to_str().filter(|ca| !ca.contains('\'')).ok_or_else(|| {
        Failure::usage("the state directory has a name that a shell cannot read")
            .next("name another one: whfb --state DIR serve")
    })?;
    let mut text = format!("export HTTPS_PROXY=http://{0} https_proxy=http://{0}\n", proxy.address());
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        text.push_str(&format!("export {name}='{ca}'\n"));
    }
    Ok(text)
}
