//! S3 event notifications, as S3 itself, SNS or EventBridge deliver them. The only module that
//! knows their formats.
//!
//! S3: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>,
//! EventBridge: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::identity::ObjectRef;
use crate::job::{Cause, Job, Render, Unreadable};
use crate::record::Sequencer;

/// SNS around SNS around EventBridge is conceivable; more is a mistake or an attack.
const MAX_NESTING: u8 = 3;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    event_version: String,
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    sequencer: Option<String>,
}

/// The jobs in an S3 event. Empty for `s3:TestEvent` and for what creates nothing.
pub(crate) fn read(value: Value) -> Result<Vec<Job>, Unreadable> {
    read_nested(value, 0)
}

fn read_nested(mut value: Value, depth: u8) -> Result<Vec<Job>, Unreadable> {
    if depth > MAX_NESTING {
        return Err(Unreadable::Nested(MAX_NESTING));
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if text("Event") == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if text("Type") == Some("Notification") {
        let inner = text("Message").ok_or(Unreadable::Unknown)?;
        let inner = serde_json::from_str(inner).map_err(Unreadable::NotJson)?;
        return read_nested(inner, depth + 1);
    }
    if text("source") == Some("aws.s3") {
        return read_event_bridge(value);
    }
    match value.get_mut("Records").map(Value::take) {
        Some(Value::Array(records)) => records
            .into_iter()
            .filter_map(|record| read_record(record).transpose())
            .collect(),
        _ => Err(Unreadable::Unknown),
    }
}

fn read_record(record: Value) -> Result<Option<Job>, Unreadable> {
    let Notification {
        event_version,
        event_name,
        s3,
    } = parse("S3 event", record)?;
    if !event_version.starts_with("2.") {
        return Err(Unreadable::EventVersion(event_version));
    }
    if !creates(&event_name) {
        return Ok(None);
    }
    let key = form_decode(&s3.object.key)?;
    render(s3.bucket, key, s3.object.sequencer).map(Some)
}

/// EventBridge says "Object Created" where S3 says `ObjectCreated:Put`, and gives the key as it is,
/// not URL-encoded.
fn read_event_bridge(mut value: Value) -> Result<Vec<Job>, Unreadable> {
    if value.get("detail-type").and_then(Value::as_str) != Some("Object Created") {
        return Ok(Vec::new());
    }
    let Entity { bucket, object } = parse("EventBridge event", value["detail"].take())?;
    Ok(vec![render(bucket, object.key, object.sequencer)?])
}

fn render(bucket: Bucket, key: String, sequencer: Option<String>) -> Result<Job, Unreadable> {
    let cause = match sequencer {
        Some(text) => Cause::Event(
            text.parse::<Sequencer>()
                .map_err(|error| Unreadable::malformed("S3 event", error))?,
        ),
        None => Cause::Request,
    };
    Ok(Job::Render(Render {
        object: ObjectRef {
            bucket: bucket.name,
            key,
        },
        cause,
    }))
}

fn creates(event_name: &str) -> bool {
    event_name
        .trim_start_matches("s3:")
        .starts_with("ObjectCreated:")
}

/// Keys in S3 events are encoded as in a form: `+` is a space, `%2B` a plus.
fn form_decode(key: &str) -> Result<String, Unreadable> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|error| Unreadable::malformed("S3 event", error))
}

fn parse<T: DeserializeOwned>(kind: &'static str, value: Value) -> Result<T, Unreadable> {
    serde_json::from_value(value).map_err(|error| Unreadable::malformed(kind, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job;

    /// As S3 sends it, with the fields that are ignored.
    fn s3_record(name: &str, key: &str) -> String {
        format!(
            r#"{{"eventVersion":"2.5","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2026-01-02T03:04:05.678Z",
            "eventName":"{name}","userIdentity":{{"principalId":"AWS:X"}},"requestParameters":{{"sourceIPAddress":"192.0.2.1"}},
            "responseElements":{{"x-amz-request-id":"R","x-amz-id-2":"I"}},"s3":{{"s3SchemaVersion":"1.0","configurationId":"images",
            "bucket":{{"name":"pictures","ownerIdentity":{{"principalId":"P"}},"arn":"arn:aws:s3:::pictures"}},
            "object":{{"key":"{key}","size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","versionId":"v","sequencer":"0055AED6DCD90281E5"}}}}}}"#
        )
    }

    fn s3_event(key: &str) -> String {
        format!(r#"{{"Records":[{}]}}"#, s3_record("ObjectCreated:Put", key))
    }

    fn through_sns(message: &str) -> String {
        let message = serde_json::to_string(message).unwrap();
        format!(
            r#"{{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:eu-west-1:1:t","Message":{message},"Timestamp":"t"}}"#
        )
    }

    fn event_bridge(detail_type: &str, key: &str) -> String {
        format!(
            r#"{{"version":"0","id":"i","detail-type":"{detail_type}","source":"aws.s3","account":"1","time":"t","region":"eu-west-1",
            "resources":["arn:aws:s3:::pictures"],"detail":{{"version":"0","bucket":{{"name":"pictures"}},"object":{{"key":"{key}",
            "size":5,"etag":"b1946ac92492d2347c6235b4d2611184","version-id":"v","sequencer":"0055AED6DCD90281E5"}},"request-id":"R",
            "requester":"1","source-ip-address":"192.0.2.1","reason":"PutObject"}}}}"#
        )
    }

    fn check(body: &str, keys: &[&str]) {
        let job = |key: &&str| {
            let object = ObjectRef {
                bucket: "pictures".into(),
                key: (*key).into(),
            };
            Job::Render(Render {
                object,
                cause: Cause::Event("0055AED6DCD90281E5".parse().unwrap()),
            })
        };
        assert_eq!(
            job::read(body).unwrap(),
            keys.iter().map(job).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_event_is_understood_in_every_envelope() {
        let event = s3_event("images/a.jpg");
        check(&event, &["images/a.jpg"]);
        check(&through_sns(&event), &["images/a.jpg"]);
        check(
            &event_bridge("Object Created", "images/a.jpg"),
            &["images/a.jpg"],
        );
        check(
            &through_sns(&event_bridge("Object Created", "images/a.jpg")),
            &["images/a.jpg"],
        );
    }

    #[test]
    fn every_record_of_an_event_is_a_job() {
        let records = ["images/1.jpg", "images/2.jpg"]
            .map(|key| s3_record("ObjectCreated:CompleteMultipartUpload", key));
        check(
            &format!(r#"{{"Records":[{}]}}"#, records.join(",")),
            &["images/1.jpg", "images/2.jpg"],
        );
    }

    #[test]
    fn plus_in_a_key_means_space_and_percent_is_decoded_once() {
        check(&s3_event("images/a+b.jpg"), &["images/a b.jpg"]);
        check(&s3_event("images/a%2Bb.jpg"), &["images/a+b.jpg"]);
        check(&s3_event("images/100%25.jpg"), &["images/100%.jpg"]);
        check(&s3_event("images/%2541.jpg"), &["images/%41.jpg"]);
        check(
            &s3_event("images/gr%C3%BC%C3%9Fe+%F0%9F%90%88.jpg"),
            &["images/grüße 🐈.jpg"],
        );
    }

    #[test]
    fn event_bridge_keys_are_taken_as_they_are() {
        check(
            &event_bridge("Object Created", "images/a+b%20c.jpg"),
            &["images/a+b%20c.jpg"],
        );
    }

    #[test]
    fn what_creates_nothing_is_nothing_to_do() {
        check(
            r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"t","Bucket":"pictures","RequestId":"R","HostId":"H"}"#,
            &[],
        );
        check(
            &through_sns(r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#),
            &[],
        );
        check(
            &format!(
                r#"{{"Records":[{}]}}"#,
                s3_record("ObjectRemoved:Delete", "images/a.jpg")
            ),
            &[],
        );
        check(&event_bridge("Object Deleted", "images/a.jpg"), &[]);
    }

    #[test]
    fn an_event_without_sequencer_is_ordered_as_the_record_is() {
        let body = s3_event("images/a.jpg").replace(r#","sequencer":"0055AED6DCD90281E5""#, "");
        let jobs = job::read(&body).unwrap();
        assert!(matches!(
            &jobs[..],
            [Job::Render(Render {
                cause: Cause::Request,
                ..
            })]
        ));
    }

    #[test]
    fn later_minor_versions_are_read_and_other_majors_are_not() {
        check(
            &s3_event("images/a.jpg").replace("2.5", "2.17"),
            &["images/a.jpg"],
        );
        let error = job::read(&s3_event("images/a.jpg").replace("2.5", "3.0")).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"S3 event version "3.0" is not supported: this build reads 2.x"#
        );
    }

    #[test]
    fn envelopes_without_end_are_refused() {
        let mut body = s3_event("images/a.jpg");
        for _ in 0..4 {
            body = through_sns(&body);
        }
        assert_eq!(
            job::read(&body).unwrap_err().to_string(),
            "message is wrapped more than 3 times"
        );
    }

    #[test]
    fn one_malformed_record_makes_the_message_unreadable() {
        let body = format!(
            r#"{{"Records":[{},{{"eventVersion":"2.1"}}]}}"#,
            s3_record("ObjectCreated:Put", "images/a.jpg")
        );
        assert_eq!(
            job::read(&body).unwrap_err().to_string(),
            "S3 event is malformed"
        );
        assert_eq!(
            job::read(&s3_event("images/%FF.jpg"))
                .unwrap_err()
                .to_string(),
            "S3 event is malformed"
        );
    }
}
