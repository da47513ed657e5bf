//! The queue and its dead-letter queue. The only module that knows SQS.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_sqs::types::{
    MessageSystemAttributeName as MessageAttribute, QueueAttributeName as Attribute,
};
use serde::Deserialize;

use crate::record::Moment;

/// The most messages that one receive can return
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
pub const MAX_BATCH: usize = 10;

/// The longest poll that SQS allows, used when the queue itself does not ask for long polling.
const LONG_POLL: Duration = Duration::from_secs(20);

/// A handle on one queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

/// What a queue says of itself.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// Its ARN.
    pub arn: String,
    /// How long a received message stays hidden unless somebody hides it again.
    pub visibility_timeout: Duration,
    /// How long an empty poll waits for messages.
    pub poll_wait: Duration,
    /// Where messages go that were received too often. `None`: they come back for ever.
    pub redrive: Option<Redrive>,
}

/// A queue's redrive policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redrive {
    /// The dead-letter queue's ARN.
    pub dead_letter_target_arn: String,
    /// A message received more often than this is moved there.
    #[serde(deserialize_with = "number_or_text")]
    pub max_receive_count: u32,
}

/// A received message. It is ours until its visibility timeout ends.
#[derive(Clone, Debug)]
pub struct Message {
    /// SQS's name for it. Changes when it is redriven.
    pub id: String,
    /// Names this receive; needed to hide or delete.
    pub receipt_handle: String,
    /// What it says.
    pub body: String,
    /// How often it has been received, this time included.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Option<Moment>,
}

/// What SQS says to a receipt handle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Receipt {
    /// The call took effect.
    Valid,
    /// The message is no longer ours: its time ran out, or somebody has deleted it.
    Lost,
}

/// A move of messages off a dead-letter queue, as SQS performs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MoveTask {
    /// When it began, in milliseconds since 1970. Tells one move from the next.
    pub started_at: i64,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
    pub status: String,
    /// Messages moved so far.
    pub moved: u64,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// A queue could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {what}")]
pub struct QueueError {
    action: &'static str,
    what: String,
    source: BoxError,
}

impl Queue {
    /// The queue at that URL.
    pub fn new(config: &SdkConfig, url: impl Into<String>) -> Self {
        Self {
            client: Client::new(config),
            url: url.into(),
        }
    }

    /// The dead-letter queue that a redrive policy names. It must be in the same account and
    /// region, as SQS demands.
    pub async fn dead_letter_queue(&self, redrive: &Redrive) -> Result<Self, QueueError> {
        let name = redrive
            .dead_letter_target_arn
            .rsplit(':')
            .next()
            .unwrap_or_default();
        let answer = self.client.get_queue_url().queue_name(name).send().await;
        let answer =
            answer.map_err(|source| failure("find the dead-letter queue", name, source))?;
        let url = answer
            .queue_url
            .ok_or_else(|| failure("find the dead-letter queue", name, "no URL in the answer"))?;
        Ok(Self {
            client: self.client.clone(),
            url,
        })
    }

    /// What the queue says of itself.
    pub async fn settings(&self) -> Result<QueueSettings, QueueError> {
        let error = |source: BoxError| failure("read the settings of queue", &self.url, source);
        let request = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(Attribute::All);
        let answer = request
            .send()
            .await
            .map_err(|source| error(source.into()))?;
        read_settings(&answer.attributes.unwrap_or_default()).map_err(error)
    }

    /// Waits up to `wait` for messages and returns at most `max` of them, and never more than
    /// [`MAX_BATCH`].
    pub async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Message>, QueueError> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(to_i32(max.clamp(1, MAX_BATCH) as u64))
            .wait_time_seconds(to_i32(wait.as_secs()))
            .message_system_attribute_names(MessageAttribute::ApproximateReceiveCount)
            .message_system_attribute_names(MessageAttribute::SentTimestamp);
        let answer = request
            .send()
            .await
            .map_err(|source| failure("receive from queue", &self.url, source))?;
        let messages = answer.messages.unwrap_or_default();
        messages
            .into_iter()
            .map(|message| {
                read_message(message)
                    .map_err(|source| failure("receive from queue", &self.url, source))
            })
            .collect()
    }

    /// Sends `body` and returns the message id that SQS confirmed.
    pub async fn send(&self, body: &str) -> Result<String, QueueError> {
        let answer = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await;
        let answer = answer.map_err(|source| failure("send to queue", &self.url, source))?;
        answer
            .message_id
            .ok_or_else(|| failure("send to queue", &self.url, "no message id in the answer"))
    }

    /// Hides the message for `delay` from now; zero makes it visible at once. Rounded up to whole
    /// seconds.
    pub async fn hide(&self, message: &Message, delay: Duration) -> Result<Receipt, QueueError> {
        let request = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(&message.receipt_handle);
        let answer = request
            .visibility_timeout(to_i32(delay.as_millis().div_ceil(1_000) as u64))
            .send()
            .await;
        self.receipt("hide message", message, answer.map(drop))
    }

    /// Deletes the message. With an expired receipt handle SQS may answer success and delete
    /// nothing.
    pub async fn delete(&self, message: &Message) -> Result<Receipt, QueueError> {
        let request = self
            .client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(&message.receipt_handle);
        self.receipt("delete message", message, request.send().await.map(drop))
    }

    fn receipt<E>(
        &self,
        action: &'static str,
        message: &Message,
        answer: Result<(), E>,
    ) -> Result<Receipt, QueueError>
    where
        E: ProvideErrorMetadata + Into<BoxError>,
    {
        match answer {
            Ok(()) => Ok(Receipt::Valid),
            Err(error) if says_lost(error.code(), error.message()) => Ok(Receipt::Lost),
            Err(source) => Err(failure(
                action,
                &format!("{} on queue {}", message.id, self.url),
                source,
            )),
        }
    }

    /// Asks SQS to move everything from the queue with ARN `from` to the one with ARN `to`.
    /// `None` when the endpoint does not know move tasks, as emulators.
    pub async fn start_move(&self, from: &str, to: &str) -> Result<Option<()>, QueueError> {
        let answer = self
            .client
            .start_message_move_task()
            .source_arn(from)
            .destination_arn(to)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Some(())),
            Err(error) if is_unknown_action(error.code()) => Ok(None),
            Err(source) => Err(failure("start to move messages from", from, source)),
        }
    }

    /// The latest move of messages from the queue with ARN `from`.
    pub async fn latest_move(&self, from: &str) -> Result<Option<MoveTask>, QueueError> {
        let answer = self
            .client
            .list_message_move_tasks()
            .source_arn(from)
            .max_results(1)
            .send()
            .await;
        let answer =
            answer.map_err(|source| failure("follow the move of messages from", from, source))?;
        Ok(answer
            .results
            .unwrap_or_default()
            .into_iter()
            .next()
            .map(|task| MoveTask {
                started_at: task.started_timestamp,
                status: task.status.unwrap_or_default(),
                moved: u64::try_from(task.approximate_number_of_messages_moved).unwrap_or_default(),
                failure: task.failure_reason,
            }))
    }
}

fn failure(action: &'static str, what: &str, source: impl Into<BoxError>) -> QueueError {
    QueueError {
        action,
        what: what.to_owned(),
        source: source.into(),
    }
}

fn read_settings(attributes: &HashMap<Attribute, String>) -> Result<QueueSettings, BoxError> {
    let text = |name: Attribute| {
        attributes
            .get(&name)
            .ok_or_else(|| format!("attribute {name} is missing"))
    };
    let seconds = |name| Ok::<_, BoxError>(Duration::from_secs(text(name)?.parse()?));
    let poll_wait = seconds(Attribute::ReceiveMessageWaitTimeSeconds).unwrap_or_default();
    let redrive = attributes
        .get(&Attribute::RedrivePolicy)
        .filter(|policy| !policy.is_empty());
    Ok(QueueSettings {
        arn: text(Attribute::QueueArn)?.clone(),
        visibility_timeout: seconds(Attribute::VisibilityTimeout)?,
        poll_wait: if poll_wait.is_zero() {
            LONG_POLL
        } else {
            poll_wait
        },
        redrive: redrive
            .map(|policy| serde_json::from_str(policy))
            .transpose()?,
    })
}

fn read_message(message: aws_sdk_sqs::types::Message) -> Result<Message, BoxError> {
    let attributes = message.attributes.unwrap_or_default();
    let number = |name| {
        attributes
            .get(&name)
            .and_then(|text: &String| text.parse::<i64>().ok())
    };
    Ok(Message {
        receipt_handle: message
            .receipt_handle
            .ok_or("message has no receipt handle")?,
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        receive_count: number(MessageAttribute::ApproximateReceiveCount)
            .and_then(|count| count.try_into().ok())
            .unwrap_or(1),
        sent_at: number(MessageAttribute::SentTimestamp).and_then(Moment::from_millis),
    })
}

/// SQS has said "no longer yours" in several ways over its protocols and years.
fn says_lost(code: Option<&str>, message: Option<&str>) -> bool {
    let code = code
        .unwrap_or_default()
        .rsplit('.')
        .next()
        .unwrap_or_default();
    match code {
        "ReceiptHandleIsInvalid" | "MessageNotInflight" => true,
        "InvalidParameterValue" => message.is_some_and(|text| {
            text.contains("does not exist or is not available") || text.contains("has expired")
        }),
        _ => false,
    }
}

fn is_unknown_action(code: Option<&str>) -> bool {
    matches!(
        code,
        Some("InvalidAction" | "UnknownOperationException" | "NotImplemented")
    )
}

fn to_i32(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// CloudFormation writes `maxReceiveCount` as a number, the console and older tools as text.
fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::operation::list_message_move_tasks::ListMessageMoveTasksOutput;
    use aws_sdk_sqs::operation::start_message_move_task::{
        StartMessageMoveTaskError, StartMessageMoveTaskOutput,
    };
    use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;
    use aws_sdk_sqs::types::error::UnsupportedOperation;
    use aws_smithy_mocks::{mock, mock_client};

    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:1:q";
    const DEAD: &str = "arn:aws:sqs:eu-west-1:1:dead";

    fn mocked(client: Client) -> Queue {
        Queue {
            client,
            url: "https://sqs.eu-west-1.amazonaws.com/1/q".into(),
        }
    }

    /// The emulator knows no move tasks, so the SDK's own mock stands in for SQS here.
    #[tokio::test]
    async fn sqs_moves_messages_itself_and_names_the_destination() {
        let start = mock!(Client::start_message_move_task)
            .match_requests(|request| {
                request.source_arn() == Some(DEAD) && request.destination_arn() == Some(QUEUE)
            })
            .then_output(|| {
                StartMessageMoveTaskOutput::builder()
                    .task_handle("task")
                    .build()
            });
        let list = mock!(Client::list_message_move_tasks)
            .match_requests(|request| request.source_arn() == Some(DEAD))
            .then_output(|| {
                let task = ListMessageMoveTasksResultEntry::builder()
                    .status("COMPLETED")
                    .started_timestamp(5)
                    .approximate_number_of_messages_moved(7);
                ListMessageMoveTasksOutput::builder()
                    .results(task.build())
                    .build()
            });
        let queue = mocked(mock_client!(aws_sdk_sqs, [&start, &list]));
        assert_eq!(queue.start_move(DEAD, QUEUE).await.unwrap(), Some(()));
        let task = queue.latest_move(DEAD).await.unwrap();
        assert_eq!(
            task,
            Some(MoveTask {
                started_at: 5,
                status: "COMPLETED".into(),
                moved: 7,
                failure: None
            })
        );
    }

    #[tokio::test]
    async fn an_endpoint_without_move_tasks_is_told_from_one_that_refuses() {
        let answer = |code: &'static str| {
            let rule = mock!(Client::start_message_move_task).then_error(move || {
                let metadata = aws_sdk_sqs::error::ErrorMetadata::builder()
                    .code(code)
                    .build();
                StartMessageMoveTaskError::UnsupportedOperation(
                    UnsupportedOperation::builder().meta(metadata).build(),
                )
            });
            mocked(mock_client!(aws_sdk_sqs, [&rule]))
        };
        assert_eq!(
            answer("InvalidAction")
                .start_move(DEAD, QUEUE)
                .await
                .unwrap(),
            None
        );
        assert!(
            answer("AWS.SimpleQueueService.UnsupportedOperation")
                .start_move(DEAD, QUEUE)
                .await
                .is_err()
        );
        assert!(
            answer("AccessDenied")
                .start_move(DEAD, QUEUE)
                .await
                .is_err()
        );
    }

    fn attributes(entries: &[(Attribute, &str)]) -> HashMap<Attribute, String> {
        let required = [
            (Attribute::QueueArn, "arn:aws:sqs:eu-west-1:1:q"),
            (Attribute::VisibilityTimeout, "90"),
        ];
        required
            .iter()
            .chain(entries)
            .map(|(name, value)| (name.clone(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn max_receive_count_is_read_as_number_and_as_text() {
        for count in ["5", r#""5""#] {
            let policy = format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:dead","maxReceiveCount":{count}}}"#
            );
            let redrive = read_settings(&attributes(&[(Attribute::RedrivePolicy, &policy)]))
                .unwrap()
                .redrive
                .unwrap();
            assert_eq!(
                (
                    redrive.max_receive_count,
                    redrive.dead_letter_target_arn.as_str()
                ),
                (5, "arn:aws:sqs:eu-west-1:1:dead")
            );
        }
        assert!(read_settings(&attributes(&[])).unwrap().redrive.is_none());
    }

    #[test]
    fn a_queue_that_polls_short_is_polled_long() {
        let wait = |seconds| {
            read_settings(&attributes(&[(
                Attribute::ReceiveMessageWaitTimeSeconds,
                seconds,
            )]))
            .unwrap()
            .poll_wait
        };
        assert_eq!(wait("0"), LONG_POLL);
        assert_eq!(wait("2"), Duration::from_secs(2));
    }

    #[test]
    fn a_lost_receipt_is_recognised_in_all_its_wordings() {
        assert!(says_lost(Some("ReceiptHandleIsInvalid"), None));
        assert!(says_lost(
            Some("AWS.SimpleQueueService.MessageNotInflight"),
            None
        ));
        let gone = "Value x for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.";
        assert!(says_lost(Some("InvalidParameterValue"), Some(gone)));
        assert!(!says_lost(
            Some("InvalidParameterValue"),
            Some("VisibilityTimeout must be between 0 and 43200")
        ));
        assert!(!says_lost(Some("AccessDenied"), None));
        assert!(!says_lost(None, None));
    }
}
