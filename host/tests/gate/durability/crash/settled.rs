//! What is there when the last death is over.

use std::collections::BTreeSet;

use super::Crash;
use crate::bundle::tree;
use crate::durability::check::{self, Database};
use crate::wait::{PATIENCE, until_or_not};

impl Crash {
    /// All that was promised is there, and nothing is left over.
    pub(super) async fn settle(mut self, rounds: usize) {
        self.site.start_what_ended().await;
        let data = self.site.data();
        let mut database = match &self.site.stores().database {
            Some(database) => Database::postgres(database.url()).await,
            None => Database::sqlite(&data.join("sluice.db")).await,
        };
        let address = format!("http://{}", self.site.address());
        let archive = || {
            let files = tree(&self.site.archive()).into_iter();
            // What lies aside is looked at below.
            files.filter(|(path, _)| !path.starts_with(".incoming/")).collect()
        };
        check::every_promise_is_kept(&address, &mut database, archive, &self.load).await;

        let revisions: Vec<(i64, String)> =
            database.rows("SELECT revision, message FROM policy_revisions ORDER BY revision").await;
        for (number, message) in &self.revisions {
            assert!(revisions.contains(&(*number, message.clone())), "revision {number} was acknowledged and is gone");
        }
        assert!(revisions.iter().map(|(number, _)| *number).eq(1..=revisions.len() as i64), "{revisions:?}");
        self.everybody_was_told().await;
        drop(database);
        // Whoever starts clears the spool of what those have left there who died, when it has had its time.
        self.site.stop_all().await;
        self.site.start_what_ended().await;
        check::the_spool_is_empty(&self.site.spool(), &BTreeSet::new()).await;
        check::nothing_is_left_aside(&self.site.spool(), &self.site.archive()).await;
        self.the_archive_is_verified().await;
        println!("{rounds} deaths, {} changes of the policy", self.revisions.len());
        self.site.stop_all().await;
        if let Some(elsewhere) = &self.elsewhere {
            assert!(!tree(elsewhere.path()).keys().any(|path| path.contains(".sluice-")), "copies are left half-way");
        }
    }

    /// An event came of every job that was promised.
    async fn everybody_was_told(&self) {
        let promised: BTreeSet<String> = self.load.promised().iter().map(|(_, _, job)| job.to_string()).collect();
        let mut untold = promised.clone();
        let told = until_or_not(2 * PATIENCE, || {
            for call in self.receiver.calls() {
                untold.remove(call.json()["subject"].as_str().unwrap_or_default());
            }
            untold.is_empty()
        })
        .await;
        assert!(told, "no event came of these jobs: {untold:?}");
    }

    async fn the_archive_is_verified(&self) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.args(["archive", "verify"]).args(self.site.flags()).current_dir(self.site.folder()).env_clear();
        let output = command.output().await.expect("the program runs");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "archive verify: {}\n{said}", output.status);
    }
}
