//! Where a TPM is that we did not start, in one string: `device:/dev/tpmrm0`, `unix:PATH`, `tcp:HOST:PORT`, or a TCTI string.

use std::fmt;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;

use super::tcti::{Tcti, TctiFault};

/// The address of a TPM, and with it the backend that talks to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `device:PATH`: a character device, by our own backend.
    Device(PathBuf),
    /// `unix:PATH`: an emulator's command socket (swtpm's `--server type=unixio`), by our own backend.
    Unix(PathBuf),
    /// `tcp:HOST:PORT`: an emulator's command port (swtpm's `--server type=tcp`), by our own backend.
    Tcp(String, u16),
    /// `esapi:TCTI`, or one of the TCTI strings that only libtss2 knows (`tabrmd:`, `mssim:`, `swtpm:`): by the backend
    /// `esapi`.
    Tcti(Tcti),
}

/// A string that is no address of a TPM.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address of a TPM: {reason}")]
pub struct AddressError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The word before the first colon is none that we know.
    #[error("device:PATH, unix:PATH, tcp:HOST:PORT or esapi:TCTI")]
    Kind,
    /// Nothing follows the colon.
    #[error("the path is missing")]
    Path,
    /// `tcp:` without a host.
    #[error("the host is missing")]
    Host,
    /// `tcp:` without a port from 1 to 65535.
    #[error("the port is missing, or no number from 1 to 65535")]
    Port,
    /// A TCTI string that the backend `esapi` would not understand.
    #[error("{0}")]
    Tcti(TctiFault),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |reason| AddressError { text: text.to_owned(), reason };
        let (kind, rest) = text.split_once(':').ok_or_else(|| wrong(Reason::Kind))?;
        match (kind, rest) {
            ("device" | "unix", "") => Err(wrong(Reason::Path)),
            ("device", path) => Ok(Self::Device(path.into())),
            ("unix", path) => Ok(Self::Unix(path.into())),
            ("tcp", rest) => {
                let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong(Reason::Port))?;
                let port = port.parse::<NonZeroU16>().map_err(|_| wrong(Reason::Port))?;
                if host.is_empty() {
                    return Err(wrong(Reason::Host));
                }
                Ok(Self::Tcp(host.to_owned(), port.get()))
            }
            ("esapi", tcti) => tcti.parse().map(Self::Tcti).map_err(|fault| wrong(Reason::Tcti(fault))),
            ("tabrmd" | "mssim" | "swtpm", _) => {
                text.parse().map(Self::Tcti).map_err(|fault| wrong(Reason::Tcti(fault)))
            }
            _ => Err(wrong(Reason::Kind)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(path) => write!(f, "device:{}", path.display()),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(host, port) => write!(f, "tcp:{host}:{port}"),
            Self::Tcti(tcti) => write!(f, "esapi:{tcti}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_what_is_no_address() {
        for (text, reason) in [
            ("", Reason::Kind),
            ("/dev/tpmrm0", Reason::Kind),
            ("pipe:/dev/tpmrm0", Reason::Kind),
            ("device:", Reason::Path),
            ("unix:", Reason::Path),
            ("tcp:localhost", Reason::Port),
            ("tcp:localhost:0", Reason::Port),
            ("tcp:localhost:65536", Reason::Port),
            ("tcp::2321", Reason::Host),
            ("swtpm:path=/tmp/tpm.sock", Reason::Tcti(TctiFault::Key)),
            ("esapi:cmd:sh", Reason::Tcti(TctiFault::Kind)),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!((error.text.as_str(), error.reason), (text, reason));
        }
    }

    #[test]
    fn libtss2_is_chosen_by_name_or_where_nothing_else_knows_the_way() {
        let backend = |text: &str| matches!(text.parse(), Ok(Address::Tcti(_)));
        assert!(!backend("device:/dev/tpmrm0") && backend("esapi:device:/dev/tpmrm0"));
        assert!(backend("mssim:host=localhost,port=2321") && backend("tabrmd:"));
    }

    proptest::proptest! {
        #[test]
        fn an_address_is_read_as_it_is_written(text in "(device|unix|tcp|esapi|swtpm|mssim)?:?.{0,40}") {
            if let Ok(address) = text.parse::<Address>() {
                proptest::prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
