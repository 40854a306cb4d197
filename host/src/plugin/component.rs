//! A plugin: a component that has been checked, compiled and asked for its name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;

use super::bindings::mover::MoverPluginPre;
use super::bindings::validator::ValidatorPluginPre;
use super::engine::Sandbox;
use super::store::CallState;
use crate::measures;
use crate::model::{Digest, HashKind, Quoted, shortened};

/// The largest component that is taken. A Python guest is about 20 MiB.
pub const LARGEST_COMPONENT: usize = 128 << 20;

/// Bytes of a summary: it stands in every list of plugins.
const LONGEST_SUMMARY: usize = 1_000;

/// What every component may import, by the beginning of the interface's name.
const OFFERED: [&str; 11] = [
    "sluice:plugin/types@1.",
    "sluice:plugin/bundles@1.",
    "sluice:plugin/host@1.",
    "sluice:plugin/tables@1.",
    LOOKUP,
    "wasi:io/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:cli/",
    "wasi:filesystem/",
    "wasi:sockets/",
];

/// Where a file goes is not to depend on what a server says: only validators may import it.
const LOOKUP: &str = "sluice:plugin/lookup@1.";

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PluginKind {
    /// It judges bundles.
    Validator,
    /// It decides where files go.
    Mover,
}

impl PluginKind {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Mover => "mover",
        }
    }
}

/// What a plugin says of itself, and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PluginInfo {
    /// `sha256:` and the digest of the component.
    pub digest: String,
    /// The name, in kebab case.
    pub name: String,
    /// The semantic version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// Validator or mover.
    pub kind: PluginKind,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// The JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
    /// The size of the component in bytes.
    pub size: usize,
}

/// Why a component is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// More bytes than are taken.
    #[error("the component has {0} bytes; at most {LARGEST_COMPONENT} are taken")]
    TooLarge(usize),
    /// WebAssembly text, a core module, or something else.
    #[error("{0}")]
    NotComponent(&'static str),
    /// It does not export what a plugin must.
    #[error(
        "the component exports neither sluice:plugin/validator@1.0.0 nor sluice:plugin/mover@1.0.0, so it is no rule; it exports {0}"
    )]
    NoKnownWorld(String),
    /// It wants what rules are not given.
    #[error("the component imports {0}, which rules are not given; build it without")]
    Import(String),
    /// A mover wants what only validators are given.
    #[error("the component is a mover and imports {0}, which only validators are given; build it without")]
    MoverImport(String),
    /// wasmtime refuses it.
    #[error("the component cannot be compiled: {0}")]
    Invalid(String),
    /// Compiling it takes too long.
    #[error("the component takes longer than {0:?} to compile; make it smaller, or raise sandbox.compile_time")]
    TooSlow(Duration),
    /// Compiling it takes too much memory.
    #[error(
        "the component takes more than {0} MiB of memory to compile; make it smaller, or raise sandbox.compile_memory"
    )]
    TooMuchMemory(u64),
    /// The compiler itself failed.
    #[error("the compiler failed: {0}; the fault is not the component's")]
    Compiler(String),
    /// Its functions are not those of the contract.
    #[error("the component does not fit sluice:plugin@1.0.0: {0}; build it against the wit/ of this version")]
    Misfit(String),
    /// It failed to say what it is.
    #[error("the component failed when it was asked what it is: {0}")]
    Describe(String),
}

impl LoadError {
    /// Which check it did not pass.
    pub const fn check(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "size",
            Self::NotComponent(_) => "format",
            Self::NoKnownWorld(_) => "world",
            Self::Import(_) | Self::MoverImport(_) => "imports",
            Self::Invalid(_) | Self::TooSlow(_) | Self::TooMuchMemory(_) | Self::Compiler(_) => "compile",
            Self::Misfit(_) => "contract",
            Self::Describe(_) => "describe",
        }
    }
}

pub(super) enum Entry {
    Validator(ValidatorPluginPre<CallState>),
    Mover(MoverPluginPre<CallState>),
}

/// A plugin that can be called. The compiled code is freed when the last one that holds it lets go.
pub struct Plugin {
    pub(super) sandbox: Sandbox,
    pub(super) entry: Entry,
    info: PluginInfo,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Plugin {
    /// What the plugin is.
    pub fn info(&self) -> &PluginInfo {
        &self.info
    }
}

/// The name that a component goes by: `sha256:` and its digest.
pub(super) fn digest(wasm: &[u8]) -> String {
    Digest::of(HashKind::Sha256, wasm).to_string()
}

impl Sandbox {
    /// Checks a component, compiles it (or takes it from the cache) and asks what it is.
    pub async fn load(&self, wasm: Arc<[u8]>) -> Result<Arc<Plugin>, LoadError> {
        check_binary(&wasm)?;
        let digest = digest(&wasm);
        let (component, size) = (self.compile(&digest, wasm.clone()).await?, wasm.len());

        let engine = &self.inner.engine;
        let shape = component.component_type();
        let imports: Vec<String> = shape.imports(engine).map(|(name, _)| name.to_owned()).collect();
        if let Some(name) = imports.iter().find(|name| !OFFERED.iter().any(|offered| name.starts_with(offered))) {
            return Err(LoadError::Import(shortened(name)));
        }
        let exports: Vec<String> = shape.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let exported = |interface: &str| exports.iter().any(|name| name.starts_with(interface));
        let kind = if exported("sluice:plugin/validator@1.") {
            PluginKind::Validator
        } else if exported("sluice:plugin/mover@1.") {
            PluginKind::Mover
        } else {
            return Err(LoadError::NoKnownWorld(shortened(exports.join(", "))));
        };
        if kind == PluginKind::Mover
            && let Some(name) = imports.iter().find(|name| name.starts_with(LOOKUP))
        {
            return Err(LoadError::MoverImport(shortened(name)));
        }
        let misfit = |error: wasmtime::Error| LoadError::Misfit(shortened(format_args!("{error:#}")));
        let pre = self.inner.linker.instantiate_pre(&component).map_err(misfit)?;
        let entry = match kind {
            PluginKind::Validator => Entry::Validator(ValidatorPluginPre::new(pre).map_err(misfit)?),
            PluginKind::Mover => Entry::Mover(MoverPluginPre::new(pre).map_err(misfit)?),
        };

        let info = PluginInfo {
            digest,
            name: String::new(),
            version: String::new(),
            summary: String::new(),
            kind,
            imports,
            config_schema: serde_json::Value::Null,
            size,
        };
        let unnamed = Arc::new(Plugin { sandbox: self.clone(), entry, info });
        let said = unnamed.describe().await.map_err(|failure| LoadError::Describe(failure.message))?;
        if !is_name(&said.name) {
            let why = format!(
                "its name {} is none: give letters, digits and hyphens, such as required-keys",
                Quoted(&said.name)
            );
            return Err(LoadError::Describe(why));
        }
        if !is_version(&said.version) {
            let why = format!("its version {} is none: give three numbers, such as 1.2.0", Quoted(&said.version));
            return Err(LoadError::Describe(why));
        }
        if said.summary.len() > LONGEST_SUMMARY {
            let why =
                format!("its summary has {} bytes; give one line of at most {LONGEST_SUMMARY}", said.summary.len());
            return Err(LoadError::Describe(why));
        }
        let config_schema = serde_json::from_str(&said.config_schema)
            .map_err(|error| LoadError::Describe(format!("its configuration's schema is no JSON: {error}")))?;
        let Ok(mut plugin) = Arc::try_unwrap(unnamed) else {
            return Err(LoadError::Describe("it is still being asked".to_owned()));
        };
        plugin.info.name = said.name;
        plugin.info.version = said.version;
        plugin.info.summary = said.summary;
        plugin.info.config_schema = config_schema;
        Ok(Arc::new(plugin))
    }

    async fn compile(&self, digest: &str, wasm: Arc<[u8]>) -> Result<Component, LoadError> {
        let _turn = self.inner.compiling.acquire().await.map_err(|error| LoadError::Invalid(error.to_string()))?;
        if let Some(component) = self.cached(digest).await? {
            measures::found_compiled();
            return Ok(component);
        }
        let began = Instant::now();
        let compiled = self.compile_anew(digest, wasm).await;
        measures::compiled(began.elapsed());
        compiled
    }

    async fn compile_anew(&self, digest: &str, wasm: Arc<[u8]>) -> Result<Component, LoadError> {
        if let Some(compiler) = &self.inner.compiler {
            let code = compiler.compile(wasm).await?;
            let (inner, digest) = (self.inner.clone(), digest.to_owned());
            let adopted = blocking(move || inner.cache.adopt(&inner.engine, &digest, &code)).await?;
            // The compiler is this very program, so what does not fit is the component: its tables, memories, modules.
            return adopted.map_err(|error| {
                LoadError::Invalid(shortened(format_args!("it asks for more than a call is given: {error:#}")))
            });
        }
        let (inner, digest) = (self.inner.clone(), digest.to_owned());
        let compiled = blocking(move || {
            let component = Component::from_binary(&inner.engine, &wasm)?;
            inner.cache.put(&digest, &component);
            Ok(component)
        });
        compiled.await?.map_err(|error: wasmtime::Error| LoadError::Invalid(shortened(format_args!("{error:#}"))))
    }

    async fn cached(&self, digest: &str) -> Result<Option<Component>, LoadError> {
        let (inner, digest) = (self.inner.clone(), digest.to_owned());
        blocking(move || inner.cache.get(&inner.engine, &digest)).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| LoadError::Compiler(error.to_string()))
}

/// Names go into paths and URLs as they are.
fn is_name(text: &str) -> bool {
    let inside = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    inside && (1..=100).contains(&text.len()) && !text.starts_with('-')
}

/// <https://semver.org>, section 2, with what may follow.
fn is_version(text: &str) -> bool {
    let (core, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let numbers: Vec<_> = core.split('.').collect();
    let follows = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'));
    numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u64>().is_ok()) && follows && text.len() <= 100
}

/// The first eight bytes of WebAssembly tell what kind it is.
fn check_binary(wasm: &[u8]) -> Result<(), LoadError> {
    if wasm.len() > LARGEST_COMPONENT {
        return Err(LoadError::TooLarge(wasm.len()));
    }
    match wasm {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::NotComponent(
            "this is a core WebAssembly module, not a component; make it one with `sluice plugin componentize`",
        )),
        [b'(', ..] => Err(LoadError::NotComponent("this is WebAssembly text; assemble it first")),
        _ => Err(LoadError::NotComponent("this is no WebAssembly component")),
    }
}
