//! The revisions of the policy, and which of them is active.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::diff::PolicyDiff;
use super::document::{PolicyDocument, Rule};
use super::health::Health;
use super::snapshot::{KeptRule, Snapshot};
use super::starter;
use super::tables::Tables;
use crate::db::{Db, DbError, NewRevision, PutRevisionError, StoredRevision};
use crate::failpoint::{self, Point};
use crate::model::{Revision, Timestamp};
use crate::plugin::Registry;

/// How often a node looks whether another one has made a new revision.
const LOOK: Duration = Duration::from_millis(500);

/// The policy of this node: the database's newest revision, ready to be run.
pub struct PolicyBook {
    db: Db,
    registry: Arc<Registry>,
    active: ArcSwap<Snapshot>,
    health: Health,
    tables: Tables,
}

/// How the origin of a revision begins that a policy file has made.
const FROM_FILE: &str = "file ";

/// Who makes a revision, and how.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Who.
    pub author: String,
    /// By what: a call and where it came from, a file.
    pub origin: String,
}

/// Why a policy does not become active.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// What is wrong with it, each mistake on a line of its own.
    #[error("the policy cannot be used:\n{}", .0.join("\n"))]
    Mistakes(Vec<String>),
    /// Somebody else has changed the policy meanwhile.
    #[error("{}", conflict_text(.latest))]
    Conflict {
        /// The newest revision; none where there is none yet.
        latest: Option<Revision>,
    },
    /// There is no such revision.
    #[error("there is no revision {0}")]
    NoSuchRevision(Revision),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something failed on the way.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

fn conflict_text(latest: &Option<Revision>) -> String {
    match latest {
        Some(latest) => format!("the policy is at revision {latest} by now; look at it, and change that one"),
        None => "there is no policy yet".to_owned(),
    }
}

impl PolicyBook {
    /// Opens the book at start. A policy file that was changed since it was last taken up makes a new revision; one that
    /// was not is no reason to undo what admins have done at runtime. Without a file the newest revision counts, and a
    /// site that has none starts with the starter policy.
    pub async fn open(
        db: Db,
        registry: Arc<Registry>,
        file: Option<&Path>,
        move_roots: &[PathBuf],
    ) -> Result<Self, PolicyError> {
        let tables = Tables::new(db.clone());
        let latest = db.latest_revision().await.context("the policy's revisions cannot be read")?;
        let (document, origin) = match (file, &latest) {
            (Some(path), latest) => {
                let document = PolicyDocument::read(path).map_err(|mistake| PolicyError::Mistakes(vec![mistake]))?;
                let changed = match latest {
                    Some(latest) if !latest.origin.starts_with(FROM_FILE) => is_new(&db, &document).await?,
                    _ => true,
                };
                (changed.then_some(document), format!("{FROM_FILE}{}", path.display()))
            }
            (None, Some(latest)) if latest.origin != starter::ORIGIN => (None, String::new()),
            (None, _) => {
                let document = starter::document(move_roots).context("the starter policy cannot be made")?;
                (Some(document), starter::ORIGIN.to_owned())
            }
        };
        let Some(mut document) = document else {
            // Set by an admin at runtime, and checked then.
            let latest = latest.context("there is no revision")?;
            return Self::taken_up(db, registry, tables, &latest).await;
        };
        let message = document.message.take().unwrap_or_else(|| format!("from {origin}"));
        let mut snapshot = Snapshot::check(&document, &registry, &tables).await.map_err(PolicyError::Mistakes)?;
        let rules = snapshot.kept().context("the rules cannot be written")?;
        let revision = match latest.as_ref().filter(|latest| latest.rules == rules).map(|latest| latest.revision) {
            Some(same) => same,
            None => {
                let base = latest.as_ref().map(|latest| latest.revision);
                let origin = Origin { author: "the gate at its start".to_owned(), origin };
                match record(&db, base, &snapshot, &rules, &message, &origin).await {
                    // Another node of the site starts at the same moment, with the same settings: its revision counts.
                    Err(PolicyError::Conflict { .. }) => {
                        let latest = db.latest_revision().await?.context("there is no revision")?;
                        return Self::taken_up(db, registry, tables, &latest).await;
                    }
                    other => other?,
                }
            }
        };
        snapshot.revision = Some(revision);
        tracing::info!(%revision, rules = snapshot.rules.len(), "the policy is active");
        Ok(Self { db, registry, active: ArcSwap::from_pointee(snapshot), health: Health::default(), tables })
    }

    async fn taken_up(
        db: Db,
        registry: Arc<Registry>,
        tables: Tables,
        latest: &StoredRevision,
    ) -> Result<Self, PolicyError> {
        let revision = latest.revision;
        let snapshot = Snapshot::load(revision, &latest.rules, &registry).await;
        let snapshot = snapshot.with_context(|| format!("revision {revision} cannot be taken up"))?;
        tracing::info!(%revision, rules = snapshot.rules.len(), "the policy is active");
        Ok(Self { db, registry, active: ArcSwap::from_pointee(snapshot), health: Health::default(), tables })
    }

    /// The active snapshot. Whoever holds it may go on with it when another becomes active.
    pub fn active(&self) -> Arc<Snapshot> {
        self.active.load_full()
    }

    /// The plugins.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The tables that rules may be granted.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Which rules keep failing.
    pub fn health(&self) -> &Health {
        &self.health
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// Checks a document whole, as [`apply`](Self::apply) does, and what it would change; nothing takes effect.
    pub async fn check(&self, document: &PolicyDocument) -> Result<PolicyDiff, PolicyError> {
        let snapshot = Snapshot::check(document, &self.registry, &self.tables).await.map_err(PolicyError::Mistakes)?;
        let rules = snapshot.kept().context("the rules cannot be written")?;
        let latest = self.db.latest_revision().await?;
        let before = latest.as_ref().map_or("[]", |latest| latest.rules.as_str());
        PolicyDiff::between(&self.db, before, &rules).await
    }

    /// What is wrong with one rule by itself, each mistake beginning with the place in the rule that it is about, where it is
    /// about one: `config/most: …`, `limits.time_ms …`. With a digest, the rule runs that very plugin.
    pub async fn check_rule(&self, rule: &Rule, digest: Option<&str>) -> Vec<String> {
        let digests = digest.map(|digest| (rule.name.clone(), digest.to_owned())).into_iter().collect();
        let document = PolicyDocument { rules: vec![rule.clone()], message: None, digests };
        let mistakes = Snapshot::check(&document, &self.registry, &self.tables).await.err().unwrap_or_default();
        let prefix = rule.mistake("");
        mistakes.into_iter().map(|mistake| mistake.strip_prefix(&prefix).unwrap_or(&mistake).to_owned()).collect()
    }

    /// Checks a document whole and makes it the revision after `base`, or nothing of it. It is active on this node when
    /// this returns. A document that says what `base` says already makes no revision.
    pub async fn apply(
        &self,
        base: Option<Revision>,
        document: &PolicyDocument,
        origin: &Origin,
    ) -> Result<Arc<Snapshot>, PolicyError> {
        let latest = self.db.latest_revision().await?;
        let newest = latest.as_ref().map(|latest| latest.revision);
        if newest != base {
            return Err(PolicyError::Conflict { latest: newest });
        }
        let snapshot = Snapshot::check(document, &self.registry, &self.tables).await.map_err(PolicyError::Mistakes)?;
        let rules = snapshot.kept().context("the rules cannot be written")?;
        if let Some(same) = latest.filter(|latest| latest.rules == rules) {
            return self.publish(Snapshot { revision: Some(same.revision), ..snapshot });
        }
        let message = document.message.as_deref().unwrap_or_default();
        let revision = record(&self.db, base, &snapshot, &rules, message, origin).await?;
        let published = self.publish(Snapshot { revision: Some(revision), ..snapshot });
        failpoint::pass(Point::PolicyPublished);
        published
    }

    /// Makes an old revision the next one, with the very plugins it had.
    pub async fn roll_back(
        &self,
        base: Option<Revision>,
        to: Revision,
        message: Option<&str>,
        origin: &Origin,
    ) -> Result<Arc<Snapshot>, PolicyError> {
        let old = self.db.revision(to).await?.ok_or(PolicyError::NoSuchRevision(to))?;
        let base = match base {
            Some(base) => Some(base),
            None => self.db.latest_revision_number().await?,
        };
        let snapshot = Snapshot::load(to, &old.rules, &self.registry).await;
        let snapshot = snapshot.with_context(|| format!("revision {to} cannot be taken up"))?;
        let message = message.map_or_else(|| format!("back to revision {to}"), str::to_owned);
        // It is kept as it was, digests and all.
        let revision = record(&self.db, base, &snapshot, &old.rules, &message, origin).await?;
        self.publish(Snapshot { revision: Some(revision), ..snapshot })
    }

    /// A revision, ready to be run, be it the active one or an old one.
    pub async fn revision(&self, revision: Revision) -> Result<Arc<Snapshot>, PolicyError> {
        let active = self.active();
        if active.revision == Some(revision) {
            return Ok(active);
        }
        let old = self.db.revision(revision).await?.ok_or(PolicyError::NoSuchRevision(revision))?;
        Ok(Arc::new(Snapshot::load(revision, &old.rules, &self.registry).await?))
    }

    /// A document as a snapshot that is nobody's: to see what it would say.
    pub async fn candidate(&self, document: &PolicyDocument) -> Result<Arc<Snapshot>, PolicyError> {
        Ok(Arc::new(Snapshot::check(document, &self.registry, &self.tables).await.map_err(PolicyError::Mistakes)?))
    }

    /// What one revision says that another does not.
    pub async fn diff(&self, from: Revision, to: Revision) -> Result<PolicyDiff, PolicyError> {
        let one = self.db.revision(from).await?.ok_or(PolicyError::NoSuchRevision(from))?;
        let other = self.db.revision(to).await?.ok_or(PolicyError::NoSuchRevision(to))?;
        PolicyDiff::between(&self.db, &one.rules, &other.rules).await
    }

    /// Makes a snapshot the active one, unless a newer one is so already, and answers it.
    fn publish(&self, snapshot: Snapshot) -> Result<Arc<Snapshot>, PolicyError> {
        let snapshot = Arc::new(snapshot);
        self.active.rcu(|active| if active.revision < snapshot.revision { snapshot.clone() } else { active.clone() });
        if let Some(revision) = snapshot.revision {
            tracing::info!(%revision, rules = snapshot.rules.len(), "the policy is active");
        }
        Ok(snapshot)
    }

    /// Follows the revisions that other nodes make, until it is told to stop.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut complained = String::new();
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let error = self.look().await.err().map(|error| format!("{error:#}")).unwrap_or_default();
            // Said once, not twice a second.
            if !error.is_empty() && error != complained {
                tracing::warn!(error, "the newest policy revision cannot be taken up; the one before stays active");
            }
            complained = error;
        }
    }

    async fn look(&self) -> anyhow::Result<()> {
        let newest: Option<Revision> = self.db.latest_revision_number().await?;
        if newest.is_none() || newest <= self.active().revision {
            return Ok(());
        }
        let Some(latest) = self.db.latest_revision().await? else { return Ok(()) };
        self.publish(Snapshot::load(latest.revision, &latest.rules, &self.registry).await?)?;
        Ok(())
    }
}

/// Whether a policy file says something else than when a revision was last made of one.
async fn is_new(db: &Db, document: &PolicyDocument) -> Result<bool, PolicyError> {
    let Some(last) = db.latest_revision_from(FROM_FILE).await? else { return Ok(true) };
    let kept: Vec<KeptRule> = serde_json::from_str(&last.rules).context("a revision cannot be read")?;
    Ok(!kept.iter().map(|kept| &kept.rule).eq(&document.rules))
}

async fn record(
    db: &Db,
    base: Option<Revision>,
    snapshot: &Snapshot,
    rules: &str,
    message: &str,
    origin: &Origin,
) -> Result<Revision, PolicyError> {
    let new = NewRevision {
        rules,
        plugins: &snapshot.digests(),
        tables: &snapshot.tables(),
        message,
        author: &origin.author,
        origin: &origin.origin,
        created: Timestamp::now(),
    };
    failpoint::pass(Point::PolicyChecked);
    let recorded = db.put_revision(base, new).await;
    failpoint::pass(Point::PolicyRecorded);
    recorded.map_err(|error| match error {
        PutRevisionError::Conflict { latest } => PolicyError::Conflict { latest },
        PutRevisionError::PluginGone(_) | PutRevisionError::TableGone(_) => {
            PolicyError::Mistakes(vec![error.to_string()])
        }
        PutRevisionError::Db(error) => PolicyError::Db(error),
    })
}

impl std::fmt::Debug for PolicyBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyBook").field("revision", &self.active().revision).finish_non_exhaustive()
    }
}
