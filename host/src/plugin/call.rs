//! One call of a plugin: prepared, bounded, run, and its end put into words.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use wasmtime::component::Resource;
use wasmtime::{Store, Trap};

use super::bindings::types;
use super::budget::Budget;
use super::bundle::Bundle;
use super::capability::bundles::LentBundle;
use super::component::{Entry, Plugin};
use super::granted::Granted;
use super::limits::{Breach, CROSSING_BYTES, FINDING_TEXT, FINDINGS, HANDLES, Limits};
use super::lookup::Asking;
use super::store::{CallState, shortened};
use super::threads::Seat;
use crate::measures::GuestCall;
use crate::model::{Failure, FailureKind, Finding, Location, LookupReport, Severity};

/// Where one file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The index of the file among the document's `Files` rows.
    pub file: usize,
    /// The path in the archive, as the mover gave it: not checked yet.
    pub path: String,
}

/// What a mover decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A place for each file.
    Place(Vec<Placement>),
    /// None, and why.
    Refuse(Vec<Finding>),
}

/// How a call ended and what it took.
#[derive(Clone, Debug)]
pub struct CallResult<T> {
    /// What the plugin answered, or why it could not.
    pub answer: Result<T, Failure>,
    /// How long it took, from instantiation to the answer.
    pub duration: Duration,
    /// How much of that it took until there was an instance; zero where there never was one.
    pub instantiated: Duration,
    /// All its linear memories together, in bytes, when the call ended: they never shrink.
    pub memory: usize,
    /// What it looked up, in order.
    pub lookups: Vec<LookupReport>,
}

impl<T> CallResult<T> {
    /// A call that never began.
    fn none(failure: Failure) -> Self {
        Self {
            answer: Err(failure),
            duration: Duration::ZERO,
            instantiated: Duration::ZERO,
            memory: 0,
            lookups: Vec::new(),
        }
    }
}

/// What a plugin says of itself.
pub(super) struct Description {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) summary: String,
    pub(super) config_schema: String,
}

impl Plugin {
    /// Has a validator judge a bundle.
    pub async fn validate(
        self: &Arc<Self>,
        bundle: &Arc<Bundle>,
        config: Arc<str>,
        granted: Granted,
        limits: Limits,
    ) -> CallResult<Vec<Finding>> {
        self.call(Some(bundle.clone()), config, granted, limits, async |entry, store, lent| {
            let Entry::Validator(pre) = entry else { return Err(Ended::wrong_kind("validator")) };
            let instance = pre.instantiate_async(&mut *store).await?;
            store.data_mut().instantiated();
            let findings = instance.sluice_plugin_validator().call_validate(&mut *store, lent()?).await??;
            Ok(findings_of(findings)?)
        })
        .await
    }

    /// Has a mover decide where a bundle's files go.
    pub async fn plan(
        self: &Arc<Self>,
        bundle: &Arc<Bundle>,
        config: Arc<str>,
        granted: Granted,
        limits: Limits,
    ) -> CallResult<Plan> {
        self.call(Some(bundle.clone()), config, granted, limits, async |entry, store, lent| {
            let Entry::Mover(pre) = entry else { return Err(Ended::wrong_kind("mover")) };
            let instance = pre.instantiate_async(&mut *store).await?;
            store.data_mut().instantiated();
            Ok(match instance.sluice_plugin_mover().call_plan(&mut *store, lent()?).await?? {
                types::Decision::Place(places) => {
                    let place = |place: types::Placement| Placement { file: place.file as usize, path: place.path };
                    Plan::Place(places.into_iter().map(place).collect())
                }
                types::Decision::Refuse(findings) => Plan::Refuse(findings_of(findings)?),
            })
        })
        .await
    }

    /// Has a plugin look at a configuration. The inner error names each mistake.
    pub async fn check_config(self: &Arc<Self>, config: Arc<str>) -> Result<Result<(), Vec<String>>, Failure> {
        let json = config.to_string();
        self.call(None, config, Granted::default(), Limits::default(), async move |entry, store, _| {
            Ok(match entry {
                Entry::Validator(pre) => {
                    let instance = pre.instantiate_async(&mut *store).await?;
                    instance.sluice_plugin_plugin().call_check_config(&mut *store, &json).await?
                }
                Entry::Mover(pre) => {
                    let instance = pre.instantiate_async(&mut *store).await?;
                    instance.sluice_plugin_plugin().call_check_config(&mut *store, &json).await?
                }
            })
        })
        .await
        .answer
    }

    /// Asks a plugin what it is.
    pub(super) async fn describe(self: &Arc<Self>) -> Result<Description, Failure> {
        macro_rules! description {
            ($instance:expr, $store:expr) => {{
                let info = $instance.sluice_plugin_plugin().call_describe(&mut *$store).await?;
                Description {
                    name: info.name,
                    version: info.version,
                    summary: info.summary,
                    config_schema: info.config_schema,
                }
            }};
        }
        self.call(None, Arc::from("{}"), Granted::default(), Limits::default(), async |entry, store, _| {
            Ok(match entry {
                Entry::Validator(pre) => description!(pre.instantiate_async(&mut *store).await?, store),
                Entry::Mover(pre) => description!(pre.instantiate_async(&mut *store).await?, store),
            })
        })
        .await
        .answer
    }

    async fn call<T, F>(
        self: &Arc<Self>,
        bundle: Option<Arc<Bundle>>,
        config: Arc<str>,
        granted: Granted,
        limits: Limits,
        body: F,
    ) -> CallResult<T>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&Entry, &mut Store<CallState>, &mut dyn FnMut() -> Lent) -> Result<T, Ended> + Send + 'static,
    {
        let _counted = GuestCall::begin();
        let plugin = self.clone();
        let inner = &self.sandbox.inner;
        let threads = if granted.asks().is_some() { &inner.waiting } else { &inner.threads };
        let received = bundle.as_ref().map_or(0, |bundle| bundle.received.as_seconds());
        let seed = bundle.as_ref().and_then(|bundle| bundle.job).map_or(0, |job| job.get() as u64);
        let asking = Asking::new(granted.lookup.clone(), inner.lookups.clone(), Handle::try_current().ok());
        let pace = granted.pace.clone();
        let state = CallState::new(config, granted, asking, &limits, received, seed);
        let run = move |seat| plugin.run(bundle, state, seat, body);
        threads.run(pace, run).await.unwrap_or_else(|| {
            let message = "the gate failed while the rule ran; its log says how".to_owned();
            CallResult::none(Failure { kind: FailureKind::Other, message })
        })
    }

    /// One call, on the thread it stays on.
    async fn run<T, F>(
        self: Arc<Self>,
        bundle: Option<Arc<Bundle>>,
        state: CallState,
        seat: Arc<Seat>,
        body: F,
    ) -> CallResult<T>
    where
        F: AsyncFnOnce(&Entry, &mut Store<CallState>, &mut dyn FnMut() -> Lent) -> Result<T, Ended>,
    {
        let (started, limits) = (Instant::now(), state.limits);
        let job = bundle.as_ref().and_then(|bundle| bundle.job).map_or(0, |job| job.get());
        let budget = Budget::begin(limits.time_ms, &state.granted, seat, &self.sandbox.inner.turns);
        let mut store = Store::new(&self.sandbox.inner.engine, state);
        store.limiter(|state| &mut state.watch);
        store.set_hostcall_fuel(CROSSING_BYTES);
        store.set_max_component_handles(HANDLES);
        store.set_epoch_deadline(budget.first_ticks());
        let judge = budget.clone();
        store.epoch_deadline_callback(move |_| Ok(judge.verdict()));

        let mut rep = None;
        if let Some(bundle) = bundle {
            match store.data_mut().table.push(LentBundle(bundle)) {
                Ok(resource) => rep = Some(resource.rep()),
                Err(error) => {
                    return CallResult::none(Failure { kind: FailureKind::Other, message: error.to_string() });
                }
            }
        }
        let mut lent = || rep.map(Resource::new_borrow).ok_or_else(|| Ended::wrong_kind("rule about bundles"));
        let answer = match budget.run(body(&self.entry, &mut store, &mut lent)).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(ended)) => Err(explain(ended, store.data(), &limits)),
            None => Err(explain(Ended::Late, store.data(), &limits)),
        };
        for (level, line) in &store.data().log {
            let plugin = self.info().name.as_str();
            match *level {
                tracing::Level::ERROR | tracing::Level::WARN => tracing::info!(plugin, job, "{line}"),
                _ => tracing::debug!(plugin, job, "{line}"),
            }
        }
        let lookups = store.data_mut().asking.reports();
        let state = store.data();
        let instantiated = state.instantiated.map_or(Duration::ZERO, |at| at.duration_since(started));
        CallResult { answer, duration: budget.end(), instantiated, memory: state.watch.memory(), lookups }
    }
}

type Lent = Result<Resource<LentBundle>, Ended>;

/// How a call can end without an answer.
pub(super) enum Ended {
    /// wasmtime's error: a trap, or a breach noted in the call's state.
    Error(wasmtime::Error),
    /// The plugin's own failure.
    Said(types::Failure),
    /// A breach found in the answer.
    Breach(Breach),
    /// It waited too long.
    Late,
}

impl Ended {
    fn wrong_kind(wanted: &str) -> Self {
        Self::Breach(Breach::new(FailureKind::Other, format!("the plugin is no {wanted}")))
    }
}

impl From<wasmtime::Error> for Ended {
    fn from(error: wasmtime::Error) -> Self {
        Self::Error(error)
    }
}

impl From<types::Failure> for Ended {
    fn from(failure: types::Failure) -> Self {
        Self::Said(failure)
    }
}

impl From<Breach> for Ended {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

/// Puts the end of a call into words, with the plugin's own last ones.
fn explain(ended: Ended, state: &CallState, limits: &Limits) -> Failure {
    let (kind, mut message) = match (ended, &state.watch.breach) {
        (Ended::Said(failure), _) => {
            let (kind, text) = match failure {
                types::Failure::BadConfig(text) => (FailureKind::Config, text),
                types::Failure::Unavailable(text) => (FailureKind::Unavailable, text),
                types::Failure::Other(text) => (FailureKind::Other, text),
            };
            (kind, shortened(&text, FINDING_TEXT).to_owned())
        }
        (_, Some(breach)) => (breach.kind, breach.message.clone()),
        (Ended::Breach(breach), None) => (breach.kind, breach.message),
        (Ended::Late, None) => (FailureKind::Timeout, late(limits)),
        (Ended::Error(error), None) => explain_error(&error, limits),
    };
    let panic = state.panic().filter(|_| kind == FailureKind::Trap);
    if let Some(panic) = &panic {
        message = format!("it panicked at {panic}");
    }
    if let Some(words) = state.last_words(panic.is_some()) {
        message.push_str("; its last words: ");
        message.push_str(&words);
    }
    Failure { kind, message }
}

fn late(limits: &Limits) -> String {
    format!("it took longer than its limit of {} ms", limits.time_ms)
}

fn explain_error(error: &wasmtime::Error, limits: &Limits) -> (FailureKind, String) {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => (FailureKind::Timeout, late(limits)),
        Some(Trap::AllocationTooLarge) => (FailureKind::Memory, "it wanted more memory than there is".to_owned()),
        Some(Trap::StackOverflow) => (FailureKind::Trap, "it called itself too deeply: the stack is full".to_owned()),
        Some(trap) => (FailureKind::Trap, format!("it trapped: {trap}")),
        None => {
            // wasmtime has no types for these two.
            let text = format!("{error:#}");
            if text.contains("fuel allocated for hostcalls") {
                let mib = CROSSING_BYTES >> 20;
                (FailureKind::Output, format!("it handed over more than {mib} MiB at once"))
            } else if text.contains("handle limit exceeded") {
                (FailureKind::Handles, format!("it held more than {HANDLES} handles"))
            } else {
                (FailureKind::Trap, text)
            }
        }
    }
}

fn findings_of(findings: Vec<types::Finding>) -> Result<Vec<Finding>, Breach> {
    if findings.len() > FINDINGS {
        let message = format!("it made {} findings; at most {FINDINGS} are taken", findings.len());
        return Err(Breach::new(FailureKind::Output, message));
    }
    findings.into_iter().map(finding_of).collect()
}

fn finding_of(finding: types::Finding) -> Result<Finding, Breach> {
    let bounded = |what: &str, text: String| {
        if text.len() <= FINDING_TEXT {
            return Ok(text);
        }
        let message = format!("a finding's {what} has {} bytes; at most {FINDING_TEXT} are taken", text.len());
        Err(Breach::new(FailureKind::Output, message))
    };
    Ok(Finding {
        severity: match finding.severity {
            types::Severity::Info => Severity::Info,
            types::Severity::Warning => Severity::Warning,
            types::Severity::Error => Severity::Error,
        },
        code: bounded("code", finding.code)?,
        message: bounded("message", finding.message)?,
        location: match finding.location {
            types::Location::Bundle => Location::Bundle,
            types::Location::Metadata(pointer) => Location::Metadata(bounded("location", pointer)?),
            types::Location::File(path) => Location::File(bounded("location", path)?),
        },
        hint: finding.hint.map(|hint| bounded("hint", hint)).transpose()?,
    })
}
