//! Tells the world what became of an image. The only module that knows SNS.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::BoxError;
use aws_sdk_sns::types::MessageAttributeValue;
use shared::record::Record;

/// The topic of announcements.
#[derive(Clone, Debug)]
pub struct Announcer {
    client: Client,
    topic_arn: String,
}

/// An outcome could not be announced.
#[derive(Debug, thiserror::Error)]
#[error("cannot announce to {topic_arn}")]
pub struct AnnounceError {
    topic_arn: String,
    source: BoxError,
}

impl Announcer {
    /// The topic with that ARN.
    pub fn new(config: &SdkConfig, topic_arn: &str) -> Self {
        Self {
            client: Client::new(config),
            topic_arn: topic_arn.to_owned(),
        }
    }

    /// Publishes the record as JSON. Subscribers may hear of an outcome more than once, with the
    /// same `notification_id`. The message attribute `status` serves filter policies: `ready`,
    /// `rejected` or `failed`.
    pub async fn announce(&self, record: &Record) -> Result<(), AnnounceError> {
        let error = |source| AnnounceError {
            topic_arn: self.topic_arn.clone(),
            source,
        };
        let body = serde_json::to_string(record).map_err(|source| error(source.into()))?;
        let status = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(record.status.as_str());
        let status = status.build().map_err(|source| error(source.into()))?;
        let request = self
            .client
            .publish()
            .topic_arn(&self.topic_arn)
            .message(body)
            .message_attributes("status", status);
        request
            .send()
            .await
            .map(drop)
            .map_err(|source| error(source.into()))
    }
}
