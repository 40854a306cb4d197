-- Events that a receiver is to be told of, written with the end of the job that each is about. Moments are microseconds
-- since 1970, UTC.

CREATE TABLE outbox (
    -- Never given twice, so that the order of a job's events is that of their numbers.
    number   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    job_id   BIGINT NOT NULL,
    state    TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given-up')),
    -- What the event says, as JSON.
    ended    TEXT NOT NULL,
    -- From when its age is counted: the end of the job, or when it was last taken up again by hand.
    since    BIGINT NOT NULL,
    -- Not to be sent before this moment. Whoever takes it up sets it to the end of his lease.
    due      BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    problem  TEXT NOT NULL DEFAULT '',
    -- When it was delivered or given up.
    settled  BIGINT
);

-- Only what waits is looked for all the time, however much was delivered.
CREATE INDEX outbox_due ON outbox (due, number) WHERE state = 'waiting';
CREATE INDEX outbox_job ON outbox (job_id, number) WHERE state = 'waiting';
CREATE INDEX outbox_since ON outbox (since) WHERE state = 'waiting';
CREATE INDEX outbox_given_up ON outbox (number) WHERE state = 'given-up';
CREATE INDEX outbox_settled ON outbox (settled) WHERE settled IS NOT NULL;
