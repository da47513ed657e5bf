//! The way in and the way to look: one module per verb.

pub mod cli;
pub mod dlq;
pub mod enqueue;
pub mod status;

/// What goes wrong ends the command; `main` prints the chain.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
