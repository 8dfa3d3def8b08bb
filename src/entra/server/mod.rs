//! The listener and everything that knows HTTP machinery.

mod answer;
mod extract;
mod in_process;
mod listener;
mod pages;
mod proxy;
mod router;
mod tls;

pub use in_process::{InProcess, NotHttp};
pub use listener::{Server, StartError};
pub use proxy::Proxy;
pub use router::router;
