//! The revisions of the policy, and which of them is active.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::document::PolicyDocument;
use super::snapshot::Snapshot;
use super::starter;
use crate::db::{Db, NewRevision, PutRevisionError};
use crate::model::{Revision, Timestamp};
use crate::plugin::Registry;

/// How often a node looks whether another one has made a new revision.
const LOOK: Duration = Duration::from_millis(500);

/// The policy of this node: the database's newest revision, ready to be run.
pub struct PolicyBook {
    db: Db,
    registry: Arc<Registry>,
    active: ArcSwap<Snapshot>,
}

/// Why a policy does not become active.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// What is wrong with it, each mistake on a line of its own.
    #[error("the policy cannot be used:\n{}", .0.join("\n"))]
    Mistakes(Vec<String>),
    /// Something failed on the way.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl PolicyBook {
    /// Opens the book at start. A policy file that says something else than the newest revision makes a new one;
    /// without a file the newest revision counts, and a site that has none starts with the starter policy.
    pub async fn open(
        db: Db,
        registry: Arc<Registry>,
        file: Option<&Path>,
        move_roots: &[PathBuf],
    ) -> Result<Self, PolicyError> {
        let latest = db.latest_revision().await.context("the policy's revisions cannot be read")?;
        let (document, origin) = match (file, &latest) {
            (Some(path), _) => {
                let document = PolicyDocument::read(path).map_err(|mistake| PolicyError::Mistakes(vec![mistake]))?;
                (Some(document), format!("file {}", path.display()))
            }
            (None, Some(latest)) if latest.origin != starter::ORIGIN => (None, String::new()),
            (None, _) => {
                let document = starter::document(move_roots).context("the starter policy cannot be made")?;
                (Some(document), starter::ORIGIN.to_owned())
            }
        };
        let Some(document) = document else {
            // Set by an admin at runtime, and checked then.
            let latest = latest.context("there is no revision")?;
            let snapshot = Snapshot::load(latest.revision, &latest.rules, &registry).await;
            let snapshot = snapshot.with_context(|| format!("revision {} cannot be taken up", latest.revision))?;
            return Ok(Self { db, registry, active: ArcSwap::from_pointee(snapshot) });
        };

        let mut snapshot = Snapshot::check(&document, &registry).await.map_err(PolicyError::Mistakes)?;
        let rules = serde_json::to_string(&snapshot.kept()).context("the rules cannot be written")?;
        let same = latest.as_ref().filter(|latest| latest.rules == rules).map(|latest| latest.revision);
        let revision = match same {
            Some(revision) => revision,
            None => {
                let message = document.message.clone().unwrap_or_else(|| format!("from {origin}"));
                let new = NewRevision {
                    rules: &rules,
                    message: &message,
                    author: "the gate at its start",
                    origin: &origin,
                    created: Timestamp::now(),
                };
                match db.put_revision(latest.as_ref().map(|latest| latest.revision), new).await {
                    Ok(revision) => revision,
                    // Another node of the site starts at the same moment, with the same settings: its revision counts,
                    // if it says the same.
                    Err(PutRevisionError::Conflict { .. }) => return Self::follow_other(db, registry).await,
                    Err(error) => return Err(anyhow::Error::from(error).into()),
                }
            }
        };
        snapshot.revision = Some(revision);
        tracing::info!(%revision, rules = snapshot.rules.len(), "the policy is active");
        Ok(Self { db, registry, active: ArcSwap::from_pointee(snapshot) })
    }

    async fn follow_other(db: Db, registry: Arc<Registry>) -> Result<Self, PolicyError> {
        let latest = db.latest_revision().await.context("the policy's revisions cannot be read")?;
        let latest = latest.context("there is no revision")?;
        let snapshot = Snapshot::load(latest.revision, &latest.rules, &registry).await?;
        Ok(Self { db, registry, active: ArcSwap::from_pointee(snapshot) })
    }

    /// The active snapshot. Whoever holds it may go on with it when another becomes active.
    pub fn active(&self) -> Arc<Snapshot> {
        self.active.load_full()
    }

    /// The plugins.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
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
        if newest.is_none() || newest == self.active().revision {
            return Ok(());
        }
        let Some(latest) = self.db.latest_revision().await? else { return Ok(()) };
        let snapshot = Snapshot::load(latest.revision, &latest.rules, &self.registry).await?;
        self.active.store(Arc::new(snapshot));
        tracing::info!(revision = %latest.revision, "the policy is active");
        Ok(())
    }
}

impl std::fmt::Debug for PolicyBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyBook").field("revision", &self.active().revision).finish_non_exhaustive()
    }
}
