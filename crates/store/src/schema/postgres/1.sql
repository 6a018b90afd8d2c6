-- One row a record, as in SQLite, for the logs of many gateways. Ids that many records share stand there as the numbers of
-- names, and a text as the number of its template and what is its own (`trace::Form`).
CREATE TABLE meta(key text COLLATE "C" PRIMARY KEY, value text NOT NULL);

-- One row a gateway. What its last commit left behind: the number of its last record, how many commits there were, which
-- opening wrote them, and the Merkle tree. It is written by each commit and fits in its page many times.
CREATE TABLE log(
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text COLLATE "C" NOT NULL UNIQUE,
    last    bigint NOT NULL DEFAULT 0,
    commits bigint NOT NULL DEFAULT 0,
    opening bigint NOT NULL DEFAULT 0,
    tree    text NOT NULL DEFAULT '0:'
) WITH (fillfactor = 20);

CREATE TABLE state(
    log   integer NOT NULL,
    kind  text COLLATE "C" NOT NULL,
    key   text COLLATE "C" NOT NULL,
    value text NOT NULL,
    PRIMARY KEY(log, kind, key)
);

-- Names may be longer than an index takes: they are found by their sums.
CREATE TABLE name(
    log  integer NOT NULL,
    id   bigint NOT NULL,
    sum  bigint NOT NULL,
    text text COLLATE "C" NOT NULL,
    PRIMARY KEY(log, id)
);
CREATE INDEX name_sum ON name(log, sum);

CREATE TABLE template(
    log  integer NOT NULL,
    id   bigint NOT NULL,
    sum  bigint NOT NULL,
    text text COLLATE "C" NOT NULL,
    PRIMARY KEY(log, id)
);
CREATE INDEX template_sum ON template(log, sum);

-- The key of each subject, wrapped: bodies are sealed under it. The subject is `human:ID`, or `gateway`. Once both are gone, nobody
-- reads those bodies again; the number stays, so that it stands for nobody else. A person who comes back has another.
CREATE TABLE subject_key(log integer, number bigint, subject text COLLATE "C", wrapped bytea, PRIMARY KEY(log, number));
CREATE INDEX subject_key_subject ON subject_key(log, subject);

-- What stands here may have to go: the planner keeps no samples of it.
ALTER TABLE subject_key ALTER subject SET STATISTICS 0, ALTER wrapped SET STATISTICS 0;
ALTER TABLE state ALTER key SET STATISTICS 0, ALTER value SET STATISTICS 0;

-- The templates of bodies, sealed under the key of this number.
CREATE TABLE sealed(
    log  integer NOT NULL,
    id   bigint NOT NULL,
    sum  bigint NOT NULL,
    key  bigint NOT NULL,
    text bytea NOT NULL,
    PRIMARY KEY(log, id)
);
CREATE INDEX sealed_sum ON sealed(log, sum);

CREATE TABLE record(
    log         integer NOT NULL,
    sequence    bigint NOT NULL,
    kind        bigint NOT NULL, -- 1 intent, 2 outcome, 3 change
    call_high   bigint NOT NULL, -- the 128 bits of the id
    call_low    bigint NOT NULL,
    at          bigint NOT NULL,
    agent       bigint,
    human       bigint,          -- the number of a subject
    app         bigint,
    tool        bigint,
    class       bigint,
    verdict     bigint,
    task        bigint,          -- 32 bits of a sum of it, which tell most tasks apart
    intent      bigint,          -- of an outcome that came with its intent: where that stands
    outcome     bigint,          -- of an intent: where that outcome stands
    leaf        bigint NOT NULL,
    body        bigint,          -- its sealed template
    leaf_hash   bytea NOT NULL,
    leaf_values bytea NOT NULL,
    body_values bytea,
    PRIMARY KEY(log, sequence)
);

-- What `outcome` leads to needs no entry.
CREATE INDEX record_call ON record(log, call_high, call_low) WHERE intent IS NULL;

-- What the leaves of a template say besides the columns, as names like `rule:crm.reads`.
CREATE TABLE facet(log integer, template bigint, name bigint, PRIMARY KEY(log, template, name));

-- Which blocks of 32 records a name stands in, that of a facet, too; a kind of record stands there as its negative number, a
-- person as the number of the subject below -15, and a task as the 32 bits of its sum and 2^40.
CREATE TABLE seen(log integer, name bigint, block bigint, PRIMARY KEY(log, name, block));

-- When blocks of 1,024 records were made. Times need not ascend.
CREATE TABLE span(
    log      integer NOT NULL,
    block    bigint NOT NULL,
    first_at bigint NOT NULL,
    last_at  bigint NOT NULL,
    PRIMARY KEY(log, block)
) WITH (fillfactor = 50);

-- Who used what how often; `human` is the number of a subject. Addresses of resources count together, as tool 0.
CREATE TABLE used(
    log      integer,
    agent    bigint,
    human    bigint,
    app      bigint,
    tool     bigint,
    verdict  bigint,
    calls    bigint NOT NULL,
    first_at bigint NOT NULL,
    last_at  bigint NOT NULL,
    PRIMARY KEY(log, agent, human, app, tool, verdict)
) WITH (fillfactor = 50);
CREATE INDEX used_human ON used(log, human);

-- The Merkle tree over the leaf hashes, as the tiles of tlog-tiles in pieces: the 32-byte hashes of some nodes one after the
-- other, behind so many before them. A full tile is one piece. The number is the level in the upper bits and the index in the
-- lower 48.
CREATE TABLE tile(
    log    integer,
    number bigint,
    first  bigint,
    hashes bytea NOT NULL,
    PRIMARY KEY(log, number, first)
);
