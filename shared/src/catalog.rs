//! Records of images. The only module that knows DynamoDB and the table's attribute names.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::Serialize;

use crate::identity::ImageId;
use crate::record::{Guard, Record, Sequencer};

/// Records of one status are spread over this many partitions of the index, so that none grows hot.
pub const LISTING_SHARDS: u8 = 10;

type Item = HashMap<String, AttributeValue>;

/// The table of records.
#[derive(Clone, Debug)]
pub struct Catalog {
    client: Client,
    table: String,
}

/// What became of a conditional write.
#[derive(Debug)]
pub enum Recorded {
    /// Written, in place of this record if there was one.
    Won {
        /// The record that was there before.
        replaced: Option<Box<Record>>,
    },
    /// Refused: the guard does not admit a write over this record, if it still exists.
    Lost {
        /// The record that stays.
        winner: Option<Box<Record>>,
    },
}

/// The table could not be used, or holds something that is not a record.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the record of image {image_id} in table {table}")]
pub struct CatalogError {
    action: &'static str,
    image_id: ImageId,
    table: String,
    source: BoxError,
}

/// A record as it stands in the table, with the attribute that the index is partitioned by.
#[derive(Serialize)]
struct Stored<'a> {
    #[serde(flatten)]
    record: &'a Record,
    status_shard: String,
}

impl Catalog {
    /// The table of that name.
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self {
            client: Client::new(config),
            table: table.into(),
        }
    }

    /// The record of an image, as of now: every write that was confirmed before is seen.
    pub async fn get(&self, image_id: &ImageId) -> Result<Option<Record>, CatalogError> {
        let error = |source| self.error("read", image_id, source);
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(image_id)))
            .consistent_read(true);
        let answer = request
            .send()
            .await
            .map_err(|source| error(source.into()))?;
        answer.item.map(read).transpose().map_err(error)
    }

    /// Puts `record` in place of whatever the guard admits.
    pub async fn put(&self, record: &Record, guard: &Guard) -> Result<Recorded, CatalogError> {
        let error = |source| self.error("write", &record.image_id, source);
        let shard = record.image_id.shard(LISTING_SHARDS);
        let stored = Stored {
            record,
            status_shard: format!("{}#{shard}", record.status),
        };
        let (condition, values) = condition(guard);
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(
                serde_dynamo::to_item(stored).map_err(|source| error(source.into()))?,
            ))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(answer) => Ok(Recorded::Won {
                replaced: read_if_any(answer.attributes).map_err(error)?,
            }),
            Err(failure) => match failure.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                    Ok(Recorded::Lost {
                        winner: read_if_any(refusal.item.clone()).map_err(error)?,
                    })
                }
                _ => Err(error(failure.into())),
            },
        }
    }

    /// Notes that `record`, as it was read, answers the event `sequencer` too. `false` when it has
    /// changed since.
    pub async fn advance(
        &self,
        record: &Record,
        sequencer: &Sequencer,
    ) -> Result<bool, CatalogError> {
        let guard = Guard::unchanged(sequencer, Some(record));
        let (condition, values) = condition(&guard);
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&record.image_id)))
            .update_expression("SET sequencer = :sequencer")
            .condition_expression(condition)
            .set_expression_attribute_values(values);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(source)
                if source
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(source) => Err(self.error("advance", &record.image_id, source.into())),
        }
    }

    fn error(&self, action: &'static str, image_id: &ImageId, source: BoxError) -> CatalogError {
        CatalogError {
            action,
            image_id: *image_id,
            table: self.table.clone(),
            source,
        }
    }
}

/// The guard in DynamoDB's words. Says the same as [`Guard::admits`]:
/// `the_table_admits_what_the_guard_admits` compares them.
fn condition(guard: &Guard) -> (&'static str, Option<Item>) {
    let value = |name: &str, value: &dyn ToString| (name.to_owned(), text(value));
    match guard {
        Guard::Newer {
            sequencer,
            replaces: None,
        } => (
            "attribute_not_exists(image_id) OR sequencer < :sequencer",
            Some(Item::from([value(":sequencer", &sequencer.as_str())])),
        ),
        Guard::Newer {
            sequencer,
            replaces: Some(replaces),
        } => (
            "attribute_not_exists(image_id) OR sequencer < :sequencer OR (sequencer = :sequencer AND notification_id = :replaces)",
            Some(Item::from([
                value(":sequencer", &sequencer.as_str()),
                value(":replaces", replaces),
            ])),
        ),
        Guard::Unchanged {
            sequencer,
            seen: Some(seen),
        } => (
            "notification_id = :seen AND sequencer <= :sequencer",
            Some(Item::from([
                value(":sequencer", &sequencer.as_str()),
                value(":seen", seen),
            ])),
        ),
        // A condition without values must not come with an empty set of them.
        Guard::Unchanged { seen: None, .. } => ("attribute_not_exists(image_id)", None),
    }
}

fn key(image_id: &ImageId) -> Item {
    Item::from([("image_id".to_owned(), text(image_id))])
}

fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

fn read(item: Item) -> Result<Record, BoxError> {
    serde_dynamo::from_item(item).map_err(Into::into)
}

fn read_if_any(item: Option<Item>) -> Result<Option<Box<Record>>, BoxError> {
    item.filter(|item| !item.is_empty())
        .map(|item| read(item).map(Box::new))
        .transpose()
}
