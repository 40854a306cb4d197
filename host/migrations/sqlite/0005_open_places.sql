-- Places that are reserved and not filled for good: those of unfinished jobs, and of failed ones whose files are still to
-- be taken back. However many files the archive has, these are few.
CREATE INDEX archive_files_open ON archive_files (job_id) WHERE archived_at IS NULL;
