//! Traces for an OpenTelemetry collector: calls, jobs, their steps and what rules said, as spans.
//!
//! The spans are `tracing`'s, so that log lines have them as well. They leave by a thread of their own, in batches; a
//! collector that is away costs spans and nothing else.

use std::time::Duration;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::config::TraceSettings;

/// How long the collector may take for a batch, and what is left may take when the program ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// What sends spans. What it holds is sent when it is dropped, which must not be on a thread of the runtime.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send to the collector, as a process of this role; none where no collector is set. Must not be called on
    /// a thread of the runtime.
    pub fn start(settings: &TraceSettings, role: &'static str) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = &settings.endpoint else { return Ok(None) };
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::blocking::Client::builder().timeout(PATIENCE).build()?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(endpoint.as_str())
            .with_timeout(PATIENCE)
            .build()?;
        // OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME are heeded, and come before these.
        let resource = Resource::builder()
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", format!("{role}-{}", std::process::id())),
            ])
            .with_detectors(&[Box::new(opentelemetry_sdk::resource::EnvResourceDetector::new())]);
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource,
            None => resource.with_service_name("sluice"),
        };
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .with_sampler(sampler)
            .build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Some(Self(provider)))
    }

    /// What turns `tracing`'s spans into OpenTelemetry's.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        // Where in the source a span was begun is of no use to whoever runs the gate.
        tracing_opentelemetry::layer().with_tracer(self.0.tracer("sluice")).with_location(false).with_threads(false)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// Makes a span the child of the one that a request names in its `traceparent` (W3C Trace Context).
pub fn continue_from(span: &Span, headers: &HeaderMap) {
    struct Headers<'a>(&'a HeaderMap);
    impl Extractor for Headers<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key)?.to_str().ok()
        }
        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(http::HeaderName::as_str).collect()
        }
    }
    if headers.contains_key("traceparent") {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        if parent.span().span_context().is_valid() {
            // Without a collector there is nothing to be the parent of.
            drop(span.set_parent(parent));
        }
    }
}
