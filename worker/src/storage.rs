//! Originals and variants. The only module of the worker that knows S3.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Tag, Tagging};
use futures_util::future::try_join_all;
use shared::identity::{ObjectRef, SourceUrl};
use shared::record::{Moment, Source, StoredVariant};

use crate::render::{Format, Variant};
use crate::settings::Settings;

/// Variants whose names change with their content never change themselves (RFC 8246).
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Variants under stable names may be replaced at any time.
const REPLACEABLE: &str = "public, max-age=300";
/// Metadata of an ingested original: where it came from.
const URL_METADATA: &str = "source-url";
/// Variants with this tag are removed by a lifecycle rule of their bucket.
const SUPERSEDED: &str = "superseded";

/// The source bucket and the variants bucket.
#[derive(Clone, Debug)]
pub struct Storage {
    client: Client,
    source_bucket: String,
    variants_bucket: String,
    cache_control: &'static str,
    max_source_bytes: u64,
}

/// What was found where an original should be.
#[derive(Debug)]
pub enum Fetched {
    /// The original.
    Original(Original),
    /// It has the ETag that was asked about.
    Unchanged,
    /// It has more bytes than allowed, and was not read.
    TooLarge(Description),
    /// There is no object. Somebody has deleted it since.
    Gone,
}

/// A picture as it was uploaded.
#[derive(Debug)]
pub struct Original {
    /// What S3 says of it.
    pub description: Description,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// What S3 says of an original.
#[derive(Clone, Debug)]
pub struct Description {
    /// For the record.
    pub source: Source,
    /// Where it was ingested from.
    pub url: Option<String>,
}

impl Original {
    /// Whether it stands for a folder, as the console's "create folder" makes them.
    pub fn is_folder(&self) -> bool {
        self.bytes.is_empty() && self.description.source.object.key.ends_with('/')
    }
}

impl Description {
    /// Of an original that has not been read.
    pub fn unread(object: &ObjectRef, url: Option<&str>) -> Self {
        Self {
            source: Source::unread(object.clone()),
            url: url.map(str::to_owned),
        }
    }
}

/// A variant and the key that it is stored under.
#[derive(Debug)]
pub struct NamedVariant {
    /// In the variants bucket.
    pub key: String,
    /// The rendered picture.
    pub variant: Variant,
}

/// An object could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} s3://{bucket}/{key}")]
pub struct StorageError {
    action: &'static str,
    bucket: String,
    key: String,
    source: BoxError,
}

impl Storage {
    /// The buckets of these settings.
    pub fn new(config: &SdkConfig, settings: &Settings) -> Self {
        Self {
            client: Client::new(config),
            source_bucket: settings.source_bucket.clone(),
            variants_bucket: settings.variants_bucket.clone(),
            cache_control: if settings.variant_key.is_immutable() {
                IMMUTABLE
            } else {
                REPLACEABLE
            },
            max_source_bytes: settings.render.limits.max_bytes,
        }
    }

    /// Reads what is at `object` now, unless its ETag is `answered`.
    pub async fn fetch(
        &self,
        object: &ObjectRef,
        answered: Option<&str>,
    ) -> Result<Fetched, StorageError> {
        let error = |source| failure("fetch", &object.bucket, &object.key, source);
        let request = self
            .client
            .get_object()
            .bucket(&object.bucket)
            .key(&object.key);
        let answer = match request
            .set_if_none_match(answered.map(|etag| format!("\"{etag}\"")))
            .send()
            .await
        {
            Ok(answer) => answer,
            Err(refusal) if is_not_modified(&refusal) => return Ok(Fetched::Unchanged),
            Err(refusal)
                if refusal
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                return Ok(Fetched::Gone);
            }
            Err(source) => return Err(error(source.into())),
        };
        let description = describe(object, &answer);
        // The condition is only a saving: a store that ignores it answers with the same ETag.
        if answered.is_some() && description.source.etag.as_deref() == answered {
            return Ok(Fetched::Unchanged);
        }
        if description
            .source
            .size
            .is_some_and(|size| size > self.max_source_bytes)
        {
            return Ok(Fetched::TooLarge(description));
        }
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|source| error(source.into()))?;
        Ok(Fetched::Original(Original {
            description,
            bytes: bytes.to_vec(),
        }))
    }

    /// Writes all variants at once. Writing the same again changes nothing.
    pub async fn store_all(
        &self,
        variants: Vec<NamedVariant>,
    ) -> Result<Vec<StoredVariant>, StorageError> {
        try_join_all(variants.into_iter().map(|variant| self.store(variant))).await
    }

    async fn store(
        &self,
        NamedVariant { key, variant }: NamedVariant,
    ) -> Result<StoredVariant, StorageError> {
        let stored = StoredVariant {
            name: variant.name,
            bucket: self.variants_bucket.clone(),
            key,
            width: variant.width,
            height: variant.height,
            format: variant.format.name().to_owned(),
            bytes: variant.bytes.len() as u64,
        };
        let request = self
            .client
            .put_object()
            .bucket(&stored.bucket)
            .key(&stored.key)
            .cache_control(self.cache_control);
        let request = request
            .content_type(variant.format.content_type())
            .body(ByteStream::from(variant.bytes));
        match request.send().await {
            Ok(_) => Ok(stored),
            Err(source) => Err(failure("store", &stored.bucket, &stored.key, source.into())),
        }
    }

    /// Keeps an ingested original, with the URL that it came from.
    pub async fn keep_original(
        &self,
        key: &str,
        url: &SourceUrl,
        format: Format,
        bytes: Vec<u8>,
    ) -> Result<(), StorageError> {
        let request = self
            .client
            .put_object()
            .bucket(&self.source_bucket)
            .key(key)
            .metadata(URL_METADATA, url.as_str());
        let answer = request
            .content_type(format.content_type())
            .body(ByteStream::from(bytes))
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|source| failure("store", &self.source_bucket, key, source.into()))
    }

    /// Marks variants that no record will ever name again, for the lifecycle rule to remove.
    /// Harmless where there is none.
    pub async fn retire(&self, keys: &[String]) -> Result<(), StorageError> {
        try_join_all(keys.iter().map(|key| self.mark_superseded(key)))
            .await
            .map(drop)
    }

    async fn mark_superseded(&self, key: &str) -> Result<(), StorageError> {
        let tag = Tag::builder()
            .key(SUPERSEDED)
            .value("true")
            .build()
            .expect("key and value are set");
        let tagging = Tagging::builder()
            .tag_set(tag)
            .build()
            .expect("the tag set is set");
        let request = self
            .client
            .put_object_tagging()
            .bucket(&self.variants_bucket)
            .key(key)
            .tagging(tagging);
        match request.send().await {
            Err(refusal) if refusal.code() != Some("NoSuchKey") => Err(failure(
                "retire",
                &self.variants_bucket,
                key,
                refusal.into(),
            )),
            _ => Ok(()),
        }
    }
}

/// Reads an object that is no picture of anybody's: a watermark.
pub async fn read(config: &SdkConfig, object: &ObjectRef) -> Result<Vec<u8>, StorageError> {
    let error = |source| failure("read", &object.bucket, &object.key, source);
    let client = Client::new(config);
    let request = client.get_object().bucket(&object.bucket).key(&object.key);
    let answer = request
        .send()
        .await
        .map_err(|source| error(source.into()))?;
    let bytes = answer
        .body
        .collect()
        .await
        .map_err(|source| error(source.into()))?;
    Ok(bytes.to_vec())
}

fn describe(object: &ObjectRef, answer: &GetObjectOutput) -> Description {
    let modified = answer
        .last_modified()
        .and_then(|time| time.to_millis().ok())
        .and_then(Moment::from_millis);
    let source = Source {
        etag: answer.e_tag().map(|etag| etag.trim_matches('"').to_owned()),
        size: answer
            .content_length()
            .and_then(|size| size.try_into().ok()),
        content_type: answer.content_type().map(str::to_owned),
        uploaded_at: modified,
        ..Source::unread(object.clone())
    };
    Description {
        source,
        url: answer
            .metadata()
            .and_then(|metadata| metadata.get(URL_METADATA))
            .cloned(),
    }
}

fn is_not_modified(error: &SdkError<GetObjectError>) -> bool {
    error
        .raw_response()
        .is_some_and(|response| response.status().as_u16() == 304)
}

fn failure(action: &'static str, bucket: &str, key: &str, source: BoxError) -> StorageError {
    StorageError {
        action,
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        source,
    }
}
