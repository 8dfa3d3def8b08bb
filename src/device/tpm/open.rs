//! Opens a TPM by its address, whichever backend that takes.

use super::trace::{Trace, Traced};
use super::transport::{DeviceNode, Socket, Transport};
use super::{Address, Direct, Found, Ownership, Pins, Tpm, TpmError};
use crate::base::Random;

/// Opens a TPM that somebody else started; see [`Direct::open`] for what happens before a secret is sent.
///
/// # Errors
/// [`TpmError::Unavailable`] when nothing can be opened at the address; those of [`Direct::open`]; [`TpmError::Gap`] when what
/// travels to a TPM behind libtss2 is to be recorded.
pub fn open(
    address: &Address,
    ownership: Ownership,
    pins: Option<&Pins>,
    rng: Box<dyn Random>,
    trace: Option<&Trace>,
) -> Result<Box<dyn Tpm>, TpmError> {
    match address {
        #[cfg(feature = "esapi")]
        Address::Tcti(_) if trace.is_some() => {
            Err(TpmError::Gap { backend: super::esapi::NAME, verb: "record what travels" })
        }
        #[cfg(feature = "esapi")]
        Address::Tcti(tcti) => Ok(Box::new(super::Esapi::open(tcti, ownership, pins)?)),
        address => {
            let transport = connect(address)?;
            let transport = match trace {
                Some(trace) => Box::new(Traced::new(transport, trace)) as Box<dyn Transport>,
                None => transport,
            };
            Ok(Box::new(Direct::open(transport, ownership, pins, rng)?))
        }
    }
}

/// The same for a device, which goes on without a TPM that is not ready.
///
/// # Errors
/// Those of [`open`] but [`TpmError::NotReady`], where the TPM can still be asked about itself.
pub fn find(
    address: &Address,
    ownership: Ownership,
    pins: Option<&Pins>,
    rng: Box<dyn Random>,
    trace: Option<&Trace>,
) -> Result<Found, TpmError> {
    match (open(address, ownership, pins, rng, trace), address) {
        (Ok(tpm), _) => Ok(Found::Ready(tpm)),
        (Err(TpmError::NotReady(_)), Address::Device(_) | Address::Unix(_) | Address::Tcp(..)) => {
            Direct::look(&mut *connect(address)?).map(Box::new).map(Found::NotReady)
        }
        (Err(error), _) => Err(error),
    }
}

/// The way to the TPM at an address of our own backend.
///
/// # Errors
/// [`TpmError::Unavailable`], whose text names the address, the cause and what to do.
pub fn connect(address: &Address) -> Result<Box<dyn Transport>, TpmError> {
    match address {
        Address::Device(path) => Ok(Box::new(DeviceNode::open(path)?)),
        Address::Unix(path) => Ok(Box::new(Socket::unix(path)?)),
        Address::Tcp(host, port) => Ok(Box::new(Socket::tcp(host, *port)?)),
        Address::Tcti(tcti) => Err(TpmError::Unavailable(format!(
            "esapi:{tcti} is reached by the backend `esapi` alone, with the feature of that name"
        ))),
    }
}
