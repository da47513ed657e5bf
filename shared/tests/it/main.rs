//! What the shared crate promises, shown against the emulator and by exhaustion.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what it did and stops where it fails"
)]

mod guards;
mod model;

#[path = "../support/mod.rs"]
mod support;
