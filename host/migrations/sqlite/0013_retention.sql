-- Reports are forgotten by their age, where a site wants that.
CREATE INDEX reports_recorded ON reports (recorded);

-- For lists by kind, newest first, where few jobs are of it.
CREATE INDEX jobs_kind ON jobs (kind, id);
