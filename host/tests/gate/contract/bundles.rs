//! What each bundle of `test_data/` ends as, under the starter policy.

use super::{assert_failed, assert_ok};
use crate::bundle::{bundle, listed_files, paths, tree};
use crate::site::Site;
use crate::stores::{Stores, over};

/// What a bundle ends as.
enum End {
    /// All listed files are in the archive, byte for byte, and nothing else is.
    Archived,
    /// The same, and the report warns of a member by this name.
    ArchivedWithWarning(&'static str),
    /// FAILED at one of these tasks, and nothing is in the archive.
    FailedAt(&'static [&'static str]),
    /// The same, and the exception contains all of these.
    FailedSaying(&'static str, &'static [&'static str]),
    /// FAILED at the last task, when the files are in the archive already.
    FailedAtMetadata,
}

use End::{Archived, ArchivedWithWarning, FailedAt, FailedAtMetadata, FailedSaying};

const TAR: &[&str] = &["open tar"];
const LOAD: &[&str] = &["load metadata"];
const TAR_OR_LOAD: &[&str] = &["open tar", "load metadata"];
const POLICY: &str = "Policy Validation";
const FILES: &[&str] = &["ingest files"];
const LOAD_OR_FILES: &[&str] = &["load metadata", "ingest files"];
const ANY_BEFORE_METADATA: &[&str] = &["load metadata", "Policy Validation", "ingest files"];

/// Each row is a test over each queue; `FOLDERS` are the folders that have one.
macro_rules! table {
    ($($test:ident: $folder:literal => $end:expr;)*) => {
        /// The folders of `test_data/` that are tried here.
        pub(crate) const FOLDERS: &[&str] = &[$($folder),*];
        $( async fn $test(stores: Stores) { try_bundle(stores, $folder, $end).await } )*
        over! { sqlite, redis: [$($test),*] }
    };
}

table! {
    a_bundle_with_metadata_last_is_archived: "metadata-last" => Archived;
    a_bundle_with_metadata_first_is_archived: "metadata-first" => Archived;
    a_bundle_with_metadata_between_is_archived: "metadata-between" => Archived;
    japanese_names_are_archived: "japanese-names" => Archived;
    japanese_names_in_a_gnu_tar_are_archived: "japanese-names-gnu" => Archived;
    a_pax_tar_is_archived: "pax-tar" => Archived;
    a_gnu_tar_is_archived: "gnu-tar" => Archived;
    a_ustar_tar_is_archived: "ustar-tar" => Archived;
    directory_entries_do_no_harm: "directory-entries" => Archived;
    a_tar_without_its_end_marker_is_archived: "no-end-marker" => Archived;
    bytes_after_the_tar_mean_nothing: "trailing-garbage" => Archived;
    every_hash_of_hashlib_is_known: "hash-types" => Archived;
    spellings_of_a_subdir_mean_one_folder: "subdir-spellings" => Archived;
    a_hashsum_may_repeat_its_hash_type: "hashsum-prefix" => Archived;
    a_submitter_may_be_a_string: "submitter-string" => Archived;
    extra_rows_and_keys_are_carried_along: "extra-rows" => Archived;
    an_empty_file_is_archived: "empty-file" => Archived;
    times_may_be_spelled_in_either_way: "time-spellings" => Archived;
    every_kind_of_mimetype_is_archived: "content-any-mimetype" => Archived;
    of_duplicate_members_the_last_counts: "duplicate-members-last-right" => Archived;

    an_unlisted_member_is_a_warning: "unlisted-member" => ArchivedWithWarning("unlisted.txt");
    a_member_outside_data_is_a_warning: "unlisted-outside-data" => ArchivedWithWarning("unlisted.txt");
    a_climbing_member_is_a_warning: "unlisted-dotdot" => ArchivedWithWarning("escaped-dotdot.txt");
    an_absolute_member_is_a_warning: "unlisted-absolute" => ArchivedWithWarning("sluice-escaped-absolute.txt");
    a_member_behind_a_link_is_a_warning: "unlisted-symlink" => ArchivedWithWarning("sluice-escaped-symlink.txt");
    device_members_are_a_warning: "unlisted-devices" => ArchivedWithWarning("char-device");

    not_a_tar_fails_at_open_tar: "not-a-tar" => FailedAt(TAR);
    a_gzipped_tar_fails_at_open_tar: "gzipped-tar" => FailedAt(TAR);
    an_empty_body_fails_at_open_tar: "empty-body" => FailedAt(TAR);
    a_wrong_first_checksum_fails_at_open_tar: "checksum-wrong-first" => FailedAt(TAR);
    truncation_before_any_member_fails: "truncated-in-header" => FailedAt(TAR_OR_LOAD);

    a_tar_without_members_fails_at_load_metadata: "empty-tar" => FailedAt(LOAD);
    no_metadata_fails_at_load_metadata: "no-metadata" => FailedAt(LOAD);
    bad_json_fails_at_load_metadata: "bad-json" => FailedAt(LOAD);
    empty_metadata_fails_at_load_metadata: "empty-metadata" => FailedAt(LOAD);
    a_json_object_fails_at_load_metadata: "json-object" => FailedAt(LOAD);
    a_row_that_is_no_object_fails_at_load_metadata: "row-not-an-object" => FailedAt(LOAD);
    a_row_without_table_fails_at_load_metadata: "row-without-table" => FailedAt(LOAD);
    two_projects_fail_at_load_metadata: "two-projects" => FailedAt(LOAD);
    truncation_in_a_member_fails_at_load_metadata: "truncated-in-member" => FailedAt(LOAD);
    truncation_after_metadata_fails_at_load_metadata: "truncated-metadata-first" => FailedAt(LOAD);
    truncation_in_metadata_fails_at_load_metadata: "truncated-in-metadata" => FailedAt(LOAD);
    a_wrong_later_checksum_fails_at_load_metadata: "checksum-wrong-later" => FailedAt(LOAD);
    a_size_beyond_the_end_fails_at_load_metadata: "size-beyond-end" => FailedAt(LOAD);
    a_metadata_directory_fails_at_load_metadata: "metadata-directory" => FailedAt(LOAD);
    a_metadata_link_fails_at_load_metadata: "metadata-symlink" => FailedAt(LOAD);
    metadata_twice_fails_at_load_metadata: "metadata-twice" => FailedAt(LOAD);
    metadata_that_is_not_utf8_fails_at_load_metadata: "invalid-utf8" => FailedAt(LOAD);
    deep_nesting_fails_at_load_metadata: "deep-nesting" => FailedAt(LOAD);
    duplicate_keys_fail_at_load_metadata: "duplicate-keys" => FailedAt(LOAD);
    nan_fails_at_load_metadata: "nan" => FailedAt(LOAD);
    a_negative_size_fails_at_load_metadata: "negative-size" => FailedAt(LOAD);

    a_missing_project_is_rejected: "missing-project" => FailedSaying(POLICY, &["project"]);
    all_that_is_missing_is_said_at_once:
        "missing-everything" => FailedSaying(POLICY, &["submitter", "project", "instrument"]);
    a_null_submitter_is_rejected: "null-submitter" => FailedSaying(POLICY, &["submitter"]);
    a_foreign_submitter_is_rejected: "foreign-submitter" => FailedSaying(POLICY, &["11"]);
    a_foreign_instrument_is_rejected: "foreign-instrument" => FailedSaying(POLICY, &["55"]);
    an_unknown_project_is_rejected: "unknown-project" => FailedSaying(POLICY, &["9999z"]);

    a_missing_file_fails_at_ingest_files: "file-missing" => FailedSaying("ingest files", &["002.csv"]);
    a_wrong_hash_fails_at_ingest_files: "wrong-hash" => FailedSaying("ingest files", &["002.csv"]);
    a_wrong_hash_names_the_japanese_file: "wrong-hash-japanese" => FailedSaying("ingest files", &["測定/結果.txt"]);
    an_unknown_hashtype_fails_at_ingest_files: "unknown-hashtype" => FailedSaying("ingest files", &["crc32"]);
    a_wrong_size_fails_at_ingest_files: "wrong-size" => FailedSaying("ingest files", &["002.csv"]);
    a_listed_symlink_fails_at_ingest_files: "symlink-listed" => FailedAt(FILES);
    a_listed_hard_link_fails_at_ingest_files: "hardlink-listed" => FailedAt(FILES);
    a_listed_pipe_fails_at_ingest_files: "pipe-listed" => FailedAt(FILES);
    a_listed_directory_fails_at_ingest_files: "directory-listed" => FailedAt(FILES);
    a_listed_absolute_path_fails_at_ingest_files: "absolute-listed" => FailedAt(FILES);
    a_climbing_subdir_fails: "dotdot-listed" => FailedAt(LOAD_OR_FILES);
    a_climbing_name_fails: "dotdot-name-listed" => FailedAt(LOAD_OR_FILES);
    a_path_listed_twice_fails: "path-listed-twice" => FailedAt(LOAD_OR_FILES);
    a_file_that_is_also_a_folder_fails: "file-and-folder" => FailedAt(ANY_BEFORE_METADATA);
    of_duplicate_members_the_first_does_not_count: "duplicate-members" => FailedAt(FILES);

    a_lame_mime_type_fails_at_ingest_metadata: "lame-mime-type" => FailedAtMetadata;
}

async fn try_bundle(stores: Stores, folder: &str, end: End) {
    let site = Site::over(stores).await;
    let job = site.upload(bundle(folder)).await;
    let state = site.wait(job).await;
    match end {
        Archived => assert_archived(&site, job, folder).await,
        ArchivedWithWarning(member) => {
            assert_archived(&site, job, folder).await;
            let said = site.report(job).await.to_string();
            assert!(said.contains("\"warning\"") && said.contains(member), "no warning of {member}: {said}");
        }
        FailedAt(tasks) => {
            assert_failed(&state, tasks);
            assert_eq!(paths(&site.archive()), Default::default(), "files of a failed bundle are in the archive");
        }
        FailedSaying(task, words) => {
            assert_failed(&state, &[task]);
            for word in words {
                assert!(state.exception.contains(word), "{word:?} is not in {:?}", state.exception);
            }
            assert_eq!(paths(&site.archive()), Default::default(), "files of a failed bundle are in the archive");
        }
        FailedAtMetadata => assert_failed(&state, &["ingest metadata"]),
    }
    assert_nothing_escaped(&site);
}

async fn assert_archived(site: &Site, job: u64, folder: &str) {
    assert_ok(&site.wait(job).await);
    let listed = listed_files(folder);
    assert_eq!(site.files(job).await, listed, "what the API gives");
    let place = site.place(job).await;
    let placed = listed.into_iter().map(|(path, contents)| (format!("{place}/{path}"), contents)).collect();
    assert_eq!(tree(&site.archive()), placed, "what the archive folder holds");
}

/// The names that hostile members of `test_data/` aim at.
fn assert_nothing_escaped(site: &Site) {
    let escaped = paths(site.folder()).into_iter().filter(|path| path.contains("escaped")).collect::<Vec<_>>();
    assert_eq!(escaped, Vec::<String>::new(), "written where a member pointed");
    for name in ["absolute", "symlink", "listed"] {
        let target = std::env::temp_dir().join(format!("sluice-escaped-{name}.txt"));
        assert!(!target.exists(), "{} was written", target.display());
    }
}
