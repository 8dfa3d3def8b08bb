//! The binary as a person or a CI job runs it.

mod demo;
mod guest;
mod life;
mod program;
mod refusals;
