//! A store of objects, made from its address and what the environment says of such stores.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::StoreArchive;
use super::parts::Parts;
use crate::config::StoreUrl;
use crate::db::Db;
use crate::seams::service::choose_cryptography;

/// How long a connection may take, and a request.
const CONNECT: Duration = Duration::from_secs(2);
const REQUEST: Duration = Duration::from_secs(60);
/// The store's client tries once more by itself; the pipeline does the rest.
const RETRIES: usize = 1;

/// The options of an address: all of them must be known. Of the environment's, those that are not speak of other things.
macro_rules! configured {
    ($builder:expr, $key:ty, $url:expr) => {{
        let mut builder = $builder.with_url($url.url().as_str());
        for (name, value) in $url.surroundings() {
            if let Ok(key) = name.parse::<$key>() {
                builder = builder.with_config(key, value);
            }
        }
        for (name, value) in $url.options() {
            let key: $key = name.parse().map_err(|_| anyhow::anyhow!("{} has no option {name:?}", $url))?;
            builder = builder.with_config(key, value);
        }
        builder
    }};
}

impl StoreArchive {
    /// The archive at an address. Nothing is asked of the store yet.
    pub(crate) fn open(url: &StoreUrl, concurrency: usize, db: Option<&Db>) -> anyhow::Result<Self> {
        choose_cryptography();
        let plain = url.is_plain();
        let client = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(REQUEST).with_allow_http(plain);
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: REQUEST, ..RetryConfig::default() };
        // What Azure has of an upload that was never completed it removes by itself after a week.
        let (store, parts): (Arc<dyn ObjectStore>, Option<Arc<dyn MultipartStore>>) = match url.url().scheme() {
            "s3" => {
                // The store checks every part against it. The signature needs the same digest, so it costs nothing.
                let builder = AmazonS3Builder::new().with_config(AmazonS3ConfigKey::Checksum, "sha256");
                let builder = configured!(builder, AmazonS3ConfigKey, url);
                let store = Arc::new(builder.with_client_options(client).with_retry(retry).build()?);
                (store.clone(), Some(store))
            }
            "gs" => {
                let builder = configured!(GoogleCloudStorageBuilder::new(), GoogleConfigKey, url);
                let store = Arc::new(builder.with_client_options(client).with_retry(retry).build()?);
                (store.clone(), Some(store))
            }
            "az" => {
                let builder = configured!(MicrosoftAzureBuilder::new(), AzureConfigKey, url);
                (Arc::new(builder.with_client_options(client).with_retry(retry).build()?), None)
            }
            other => bail!("{other} is no store"),
        };
        let prefix =
            Path::from_url_path(url.url().path()).with_context(|| format!("{url} has a prefix that is none"))?;
        let parts = parts.zip(db).map(|(store, db)| Parts { store, db: db.clone() });
        Ok(Self::new(store, parts, prefix, url.to_string(), concurrency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(text: &str) -> anyhow::Result<StoreArchive> {
        let store =
            StoreUrl::of(text, &[("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y"), ("AWS_PROFILE", "z")]);
        StoreArchive::open(&store, 4, None)
    }

    #[test]
    fn an_option_that_is_mistyped_is_named_and_a_foreign_variable_is_not() {
        assert!(opened("s3://bucket/a/b?endpoint=http://127.0.0.1:9000&region=eu").is_ok());
        let error = opened("s3://bucket/a?endpont=http://h").err().expect("an error").to_string();
        assert!(error.contains("s3://bucket/a has no option \"endpont\""), "{error}");
    }
}
