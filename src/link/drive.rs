//! TODO
/// t
pub trait Observer {}
/// t
pub struct Silent;
/// t
pub fn drive() {}
