//! How both binaries talk to AWS: one place for the region, credentials, time-outs and retries of
//! every client.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// Longer than the longest poll (20 s), so that an idle poll never looks like a dead connection.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A healthy endpoint accepts in milliseconds; past this, another attempt is worth more than
/// patience.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A body may stand still for this long before the transfer is given up: rendering can keep the
/// machine busy for seconds, and the SDK's default of 5 s then kills transfers that are merely
/// waiting for the processor.
const STALL_GRACE: Duration = Duration::from_secs(30);
/// The first layer of retries lasts seconds; the second is the queue's visibility timeout.
const ATTEMPTS: u32 = 3;

/// Configuration of every AWS client, from the SDK's own sources: `AWS_REGION`, `AWS_ENDPOINT_URL`,
/// profile, instance role.
pub async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .build(),
        )
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled()
                .grace_period(STALL_GRACE)
                .build(),
        )
        .load()
        .await
}
