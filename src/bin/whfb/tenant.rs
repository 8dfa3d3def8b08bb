//! The way to the tenant: over HTTPS to a `whfb serve` on the same state directory, or straight into its router.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use whfb::base::FileLock;
use whfb::entra::Rules;
use whfb::link::{Direct, Http, Link};

use crate::failure::Failure;
use crate::lab::Place;

const FILE: &str = "serve.json";
const LOCK: &str = "serve.lock";

/// Where a server listens and whom its certificate chains to.
#[derive(Serialize, Deserialize)]
struct Announcement {
    address: SocketAddr,
    ca: String,
}

/// Held by the server as long as it runs; the system gives it back however the server ends.
#[derive(Debug)]
pub(crate) struct Serving {
    _lock: FileLock,
}

/// Takes the state directory's only place for a server.
pub(crate) fn occupy(place: &Place) -> Result<Serving, Failure> {
    try_occupy(place)?.ok_or_else(|| {
        Failure::environment(format!("another whfb serve is running on {}", place.dir().display()))
            .next("use it, end it, or name another directory: whfb --state DIR serve")
    })
}

fn try_occupy(place: &Place) -> Result<Option<Serving>, Failure> {
    let path = place.dir().join(LOCK);
    let lock = FileLock::try_take(&path).map_err(|error| place.trouble(&path, &error))?;
    Ok(lock.map(|lock| Serving { _lock: lock }))
}

impl Serving {
    /// Tells device commands where to go.
    pub(crate) fn announce(&self, place: &Place, address: SocketAddr, ca: &str) -> Result<(), Failure> {
        let announcement = Announcement { address, ca: ca.to_owned() };
        let json = serde_json::to_vec(&announcement).map_err(|error| Failure::environment(error.to_string()))?;
        place.write(FILE, &json)
    }
}

/// A link to the tenant of this state directory.
pub(crate) fn link(place: &Place) -> Result<Box<dyn Link>, Failure> {
    match try_occupy(place)? {
        None => to_server(place),
        Some(_nobody_serves) => {
            tracing::info!(target: "whfb::link", "no server on this state directory: straight into the router");
            Ok(Box::new(directory(place)?))
        }
    }
}

/// The tenant's directory itself, for what no service tells; a server may run beside it.
pub(crate) fn directory(place: &Place) -> Result<Direct, Failure> {
    Ok(Direct::open(place.entra_options(Rules::default())?)?)
}

fn to_server(place: &Place) -> Result<Box<dyn Link>, Failure> {
    let path = place.dir().join(FILE);
    let bytes = std::fs::read(&path).map_err(|error| place.trouble(&path, &error))?;
    let damaged = || Failure::environment(format!("{} is damaged", path.display())).next("restart whfb serve");
    let announcement: Announcement = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    tracing::info!(target: "whfb::link", "over HTTPS to {}", announcement.address);
    Ok(Box::new(Http::new(announcement.address, &announcement.ca)?))
}
