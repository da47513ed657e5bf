//! What worker and producer must agree on: jobs, S3 events, the queue, records and their catalog,
//! how images are named, when to try again, and how to say what happens.

pub mod aws;
pub mod catalog;
pub mod event;
pub mod identity;
pub mod job;
pub mod queue;
pub mod record;
pub mod retry;
pub mod telemetry;
