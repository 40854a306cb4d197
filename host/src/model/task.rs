//! The legal steps of a job, as one pure table. The wire names of kinds and tasks are spelled here and nowhere else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What brought a job into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// A tar of data and metadata.
    Upload,
    /// A metadata document whose files lie on this side already.
    Move,
}

impl JobKind {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Move => "move",
        }
    }

    /// The tasks of such a job, in order. The first is the receipt of the bytes, the rest are a worker's.
    pub const fn tasks(self) -> &'static [Task] {
        match self {
            Self::Upload => &[
                Task::Uploading,
                Task::OpenTar,
                Task::LoadMetadata,
                Task::PolicyValidation,
                Task::IngestFiles,
                Task::IngestMetadata,
            ],
            Self::Move => {
                &[Task::Uploading, Task::LoadMetadata, Task::PolicyValidation, Task::MoveFiles, Task::IngestMetadata]
            }
        }
    }

    /// The task in which the files of such a job reach the archive.
    pub const fn file_task(self) -> Task {
        match self {
            Self::Upload => Task::IngestFiles,
            Self::Move => Task::MoveFiles,
        }
    }

    /// Whether a job of this kind may go from one task to the other: a step forward, or the same again after a crash.
    pub fn may_go(self, from: Task, to: Task) -> bool {
        let place = |task| self.tasks().iter().position(|known| *known == task);
        match (place(from), place(to)) {
            (Some(from), Some(to)) => to == from || to == from + 1,
            _ => false,
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JobKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Upload, Self::Move]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("{text:?} is no kind of job; the kinds are upload and move"))
    }
}

/// One step of a job, in Pacifica's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// The bytes are being received.
    Uploading,
    /// The archive is read as a tar.
    OpenTar,
    /// The metadata document is parsed and ids are given.
    LoadMetadata,
    /// Every rule in scope judges the bundle.
    PolicyValidation,
    /// The files of an upload go into the archive.
    IngestFiles,
    /// The files of a move go into the archive.
    MoveFiles,
    /// The metadata is recorded, which ends the job.
    IngestMetadata,
}

impl Task {
    const ALL: [Self; 7] = [
        Self::Uploading,
        Self::OpenTar,
        Self::LoadMetadata,
        Self::PolicyValidation,
        Self::IngestFiles,
        Self::MoveFiles,
        Self::IngestMetadata,
    ];

    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uploading => "UPLOADING",
            Self::OpenTar => "open tar",
            Self::LoadMetadata => "load metadata",
            Self::PolicyValidation => "Policy Validation",
            Self::IngestFiles => "ingest files",
            Self::MoveFiles => "move files",
            Self::IngestMetadata => "ingest metadata",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Task {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|task| task.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|task| format!("{:?}", task.name())).collect();
            format!("{text:?} is no task of a job; the tasks are {}", known.join(", "))
        })
    }
}

impl utoipa::PartialSchema for Task {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("One step of a job, in Pacifica's words."))
            .enum_values(Some(Self::ALL.map(Self::name)))
            .into()
    }
}

impl utoipa::ToSchema for Task {}

impl Serialize for Task {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_the_tasks_they_name() {
        for task in Task::ALL {
            assert_eq!(task.name().parse(), Ok(task));
        }
        assert!("ingest".parse::<Task>().is_err());
    }

    #[test]
    fn a_job_goes_forward_one_task_at_a_time_and_never_back() {
        assert!(JobKind::Upload.may_go(Task::Uploading, Task::OpenTar));
        assert!(JobKind::Upload.may_go(Task::IngestFiles, Task::IngestFiles));
        assert!(!JobKind::Upload.may_go(Task::OpenTar, Task::PolicyValidation));
        assert!(!JobKind::Upload.may_go(Task::IngestMetadata, Task::IngestFiles));
        assert!(!JobKind::Move.may_go(Task::Uploading, Task::OpenTar));
        assert!(JobKind::Move.may_go(Task::Uploading, Task::LoadMetadata));
    }
}
