//! The listener and everything that knows HTTP machinery.

mod answer;
mod extract;
mod listener;
mod router;
mod tls;

pub use listener::{Server, StartError};
pub use router::router;
