//! TODO
/// t
pub struct Direct;
