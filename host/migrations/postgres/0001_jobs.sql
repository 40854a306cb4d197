-- Jobs, their leases, their reports, and the counters that ids are taken from. Moments are microseconds since 1970, UTC.

CREATE TABLE ids (
    mode TEXT PRIMARY KEY,
    next BIGINT NOT NULL
);

INSERT INTO ids (mode, next) VALUES ('job', 1), ('file', 1);

-- A job is updated a dozen times; room on its page keeps most of the updates out of the indexes.
CREATE TABLE jobs (
    id          BIGINT PRIMARY KEY,
    kind        TEXT NOT NULL,
    user_name   TEXT NOT NULL,
    stage       TEXT NOT NULL CHECK (stage IN ('receiving', 'waiting', 'running', 'done')),
    state       TEXT NOT NULL CHECK (state IN ('OK', 'FAILED')),
    task        TEXT NOT NULL,
    percent     DOUBLE PRECISION NOT NULL DEFAULT 0,
    exception   TEXT NOT NULL DEFAULT '',
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL,
    -- When the whole bundle was on disk; none where it never was.
    received    BIGINT,
    bytes       BIGINT NOT NULL DEFAULT 0,
    files       BIGINT NOT NULL DEFAULT 0,
    submitter   TEXT,
    project     TEXT,
    instrument  TEXT,
    revision    BIGINT,
    attempts    BIGINT NOT NULL DEFAULT 0,
    steps       TEXT NOT NULL DEFAULT '[]',
    -- The process that receives the bundle or works on it, and until when it need not be heard of.
    lease_owner TEXT,
    lease_until BIGINT,
    -- Fencing token: grows with every claim and every cancellation, so that a late worker is told from the present one.
    lease_epoch BIGINT NOT NULL DEFAULT 0,
    -- Not to be taken up before this moment.
    due         BIGINT NOT NULL,
    -- Since when temporary faults have kept the job from getting on.
    fault_since BIGINT
) WITH (fillfactor = 70);

-- The indexes of the hot path are partial: finished jobs are in none of them, however many there are.
CREATE INDEX jobs_unfinished ON jobs (stage, id) WHERE stage <> 'done';
CREATE INDEX jobs_due ON jobs (due) WHERE stage = 'waiting';
CREATE INDEX jobs_lease ON jobs (lease_until) WHERE lease_until IS NOT NULL;

-- For lists, newest first.
CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'FAILED';
CREATE INDEX jobs_user ON jobs (user_name, id);
CREATE INDEX jobs_submitter ON jobs (submitter, id) WHERE submitter IS NOT NULL;
CREATE INDEX jobs_project ON jobs (project, id) WHERE project IS NOT NULL;
CREATE INDEX jobs_instrument ON jobs (instrument, id) WHERE instrument IS NOT NULL;

CREATE TABLE reports (
    job_id   BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL,
    accepted BIGINT NOT NULL CHECK (accepted IN (0, 1)),
    recorded BIGINT NOT NULL,
    -- The report, as JSON.
    document TEXT NOT NULL
);
