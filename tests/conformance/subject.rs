//! What the verbs are run on.

use std::path::Path;

use tempfile::TempDir;
use whfb::base::{OsRng, Secret32};
use whfb::device::tpm::manufacture::Owned;
use whfb::device::tpm::swtpm::{PROGRAM, Server};
use whfb::device::tpm::{Address, Direct, Ownership, Tpm, TpmError, open};

use crate::support::{manufactured, secret, tempdir};

/// Every backend and transport that a lab's own TPM is reached by.
pub(crate) const LAB: [fn() -> Subject; 4] = [Subject::pair, Subject::unix, Subject::tcp, Subject::esapi];

/// A TPM behind a backend and a transport. Fields drop in order.
pub(crate) struct Subject {
    /// Heads the column.
    pub(crate) name: &'static str,
    pub(crate) tpm: Box<dyn Tpm>,
    /// Whether nothing that outlasts us may be changed.
    pub(crate) guest: bool,
    pub(crate) lockout_auth: Secret32,
    _server: Option<Server>,
    _directory: Option<TempDir>,
}

impl Subject {
    fn pair() -> Self {
        let directory = tempdir();
        let (swtpm, Owned { pins, lockout_auth, .. }) = manufactured(directory.path());
        let tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&pins), Box::new(OsRng)).unwrap();
        let (name, tpm) = ("direct, swtpm pair", Box::new(tpm));
        Self { name, tpm, guest: false, lockout_auth, _server: None, _directory: Some(directory) }
    }

    fn unix() -> Self {
        Self::served("direct, unix", Server::unix, |server| server.address())
    }

    fn tcp() -> Self {
        Self::served("direct, tcp", Server::tcp, |server| server.address())
    }

    fn esapi() -> Self {
        Self::served("esapi, swtpm", Server::tcp, |server| format!("esapi:{}", server.tcti()).parse().unwrap())
    }

    /// A TPM that was manufactured over a pair and then serves a socket; its owner (we) allows everything.
    fn served(
        name: &'static str,
        start: fn(&Path, &Path) -> Result<Server, TpmError>,
        address: fn(&Server) -> Address,
    ) -> Self {
        let directory = tempdir();
        let (swtpm, Owned { pins, lockout_auth, .. }) = manufactured(directory.path());
        drop(swtpm);
        let server = start(directory.path(), Path::new(PROGRAM)).unwrap();
        let tpm = open(&address(&server), Ownership::Allowed, Some(&pins), Box::new(OsRng), None).unwrap();
        Self { name, tpm, guest: false, lockout_auth, _server: Some(server), _directory: Some(directory) }
    }

    /// A TPM that is there already, under the guest rules.
    pub(crate) fn guest(text: &str) -> Self {
        let address: Address = text.parse().unwrap();
        let name = match &address {
            Address::Device(_) => "direct, device",
            Address::Tcti(_) => "esapi, device",
            Address::Unix(_) => "direct, unix",
            Address::Tcp(..) => "direct, tcp",
        };
        let tpm = open(&address, Ownership::Guest, None, Box::new(OsRng), None).unwrap();
        Self { name, tpm, guest: true, lockout_auth: secret(0), _server: None, _directory: None }
    }

    /// Handles of everything that takes a slot; `None` when the TPM answers no more.
    pub(crate) fn occupied(&mut self) -> Option<(Vec<u32>, Vec<u32>)> {
        self.tpm.facts().ok().map(|facts| (facts.loaded, facts.sessions))
    }
}
