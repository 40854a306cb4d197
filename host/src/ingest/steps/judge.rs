//! `Policy Validation`: every rule in scope judges the bundle.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::{Placing, Run, StepError};
use crate::failpoint::{self, Point};
use crate::ingest::contents;
use crate::measures;
use crate::model::{Document, Finding, JobKind, Location, Mode, Outcome, RuleReport, Severity, Timestamp};
use crate::plugin::Bundle;
use crate::policy::{PinError, Review, Verdict, review};
use crate::seams::policy::{Judgement, PolicyService};
use crate::spool::Manifest;

/// Warnings of the gate's own that are listed one by one.
const LISTED: usize = 100;

impl Run<'_> {
    /// Has the policy judge the bundle and keeps the report. A run before this one that came as far as reserving
    /// places was judged already, and is not judged again: one revision judges a job whole.
    pub(in crate::ingest) async fn validate(&mut self) -> Result<(), StepError> {
        let pipeline = self.pipeline;
        if !self.is_first() && !pipeline.db.archived(self.id()).await?.is_empty() {
            self.placing = Placing::Reserved;
            return Ok(());
        }
        let loaded = self.loaded()?.clone();
        let job = &self.claim.job;
        let bundle = Arc::new(Bundle::new(
            Some(job.id),
            job.kind,
            job.user.clone(),
            job.created,
            loaded.document.clone(),
            loaded.file_ids,
            contents::waiting(job, &self.opened.manifest, &loaded.document, &pipeline.spool, &pipeline.sources),
        ));
        let own = unlisted(&self.opened.manifest, &loaded.document);
        // The job keeps this snapshot, whatever becomes active meanwhile.
        let snapshot = pipeline.policy.active();
        // So it does with the tables: all of its rules read one version.
        let tables = pipeline.policy.tables().pin(&snapshot, &BTreeMap::new()).await;
        let tables = tables.map_err(|error| match error {
            PinError::Db(error) => error.into(),
            gone @ PinError::Gone { .. } => StepError::Temporary(gone.to_string()),
        })?;
        let mut review = review(&snapshot, &tables, &bundle, own).await;
        if let (Verdict::Accepted(_), Some(service)) = (&review.verdict, &pipeline.policy_service) {
            self.ask_service(service, &bundle, &mut review).await?;
        }
        failpoint::pass(Point::JobJudged);
        // Of a bundle that goes on at once, it is written with the places of its files.
        let goes_on = matches!(review.verdict, Verdict::Accepted(_)) && job.kind == JobKind::Upload && self.is_first();
        if !goes_on {
            pipeline.db.put_report(&review.report, self.epoch(), Timestamp::now()).await?;
            failpoint::pass(Point::JobReported);
        }
        measures::judged(&review.report);
        pipeline.policy.note_health(&snapshot, &review.report, Timestamp::now()).await;
        self.revision = Some(review.report.revision);
        self.unreported = goes_on.then(|| Arc::new(review.report));
        self.placing = match review.verdict {
            Verdict::Accepted(Some(places)) => Placing::Planned(places),
            Verdict::Accepted(None) => Placing::Default,
            Verdict::Unplaceable(why) => Placing::Refused(why),
            Verdict::Rejected(why) => return Err(StepError::Final(why)),
        };
        Ok(())
    }

    /// Has the site's policy service judge what the rules have accepted. What it says stands behind theirs.
    async fn ask_service(
        &self,
        service: &PolicyService,
        bundle: &Bundle,
        review: &mut Review,
    ) -> Result<(), StepError> {
        let (began, loaded) = (Instant::now(), self.loaded()?);
        let judgement = service.judge(&bundle.user, &bundle.document, self.id(), &loaded.file_ids).await?;
        let mut entry = RuleReport {
            rule: "policy-service".to_owned(),
            plugin: "pacifica-policy".to_owned(),
            version: String::new(),
            digest: String::new(),
            config_digest: String::new(),
            limits: None,
            mode: Mode::Enforce,
            outcome: Outcome::Passed,
            failure: None,
            findings: Vec::new(),
            duration_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            tables: BTreeMap::new(),
            lookups: Vec::new(),
        };
        if let Judgement::Rejected(why) = judgement {
            entry.outcome = Outcome::Rejected;
            entry.findings.push(Finding {
                severity: Severity::Error,
                code: "policy-service".to_owned(),
                message: why.clone(),
                location: Location::Bundle,
                hint: None,
            });
            review.report.accepted = false;
            review.verdict = Verdict::Rejected(why);
        }
        review.report.rules.push(entry);
        Ok(())
    }
}

/// What the tar brings and no row lists is not archived; the uploader is told so.
fn unlisted(manifest: &Manifest, document: &Document) -> Vec<Finding> {
    let listed: HashSet<_> = document.files().iter().filter_map(|file| file.path.as_ref().ok()).collect();
    let members = manifest.members.iter().filter(|member| !listed.contains(&member.path)).map(|member| Finding {
        severity: Severity::Warning,
        code: "unlisted-member".to_owned(),
        message: format!("data/{} is in the bundle but no Files row lists it, so it is not archived", member.path),
        location: Location::File(member.path.to_string()),
        hint: Some("add a Files row for it to metadata.txt, or leave it out of the bundle".to_owned()),
    });
    let ignored = manifest.ignored.iter().map(|ignored| Finding {
        severity: Severity::Warning,
        code: "ignored-member".to_owned(),
        message: format!("{:?} is in the bundle but is not archived: {}", ignored.path, ignored.reason),
        location: Location::Bundle,
        hint: None,
    });
    members.chain(ignored).take(LISTED).collect()
}
