-- One row a record, in the order of the log. Ids that many records share stand there as the numbers of names, and a text as
-- the number of its template and what is its own (`trace::Form`).
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE state(
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY(kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE template(id INTEGER PRIMARY KEY, sum INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX template_sum ON template(sum);

CREATE TABLE record(
    sequence    INTEGER PRIMARY KEY,
    kind        INTEGER NOT NULL, -- 1 intent, 2 outcome, 3 change
    call_high   INTEGER NOT NULL, -- the 128 bits of the id
    call_low    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    agent       INTEGER,
    human       INTEGER,
    app         INTEGER,
    tool        INTEGER,
    class       INTEGER,
    verdict     INTEGER,
    task        INTEGER,          -- 32 bits of a sum of it, which tell most tasks apart
    intent      INTEGER,          -- of an outcome that came into the tables with its intent: where that stands
    outcome     INTEGER,          -- of an intent: where that outcome stands
    leaf        INTEGER NOT NULL,
    body        INTEGER,
    leaf_hash   BLOB NOT NULL,
    leaf_values BLOB NOT NULL,
    body_values BLOB
) STRICT;

-- Call ids begin with their time, so this grows at its right edge. What `outcome` leads to needs no entry.
CREATE INDEX record_call ON record(call_high, call_low) WHERE intent IS NULL;

-- What the leaves of a template say besides the columns, as names like `rule:crm.reads`.
CREATE TABLE facet(template INTEGER, name INTEGER, PRIMARY KEY(template, name)) STRICT, WITHOUT ROWID;

-- Which blocks of 32 records a name stands in, that of a facet, too; a kind of record stands there as its negative number. How
-- a call ended stands in the block of its intent as well, unless it ended as most do. A name that is met all the time costs one
-- entry for 32 records instead of one for each.
CREATE TABLE seen(name INTEGER, block INTEGER, PRIMARY KEY(name, block)) STRICT, WITHOUT ROWID;

-- When blocks of 1,024 records were made. Times need not ascend.
CREATE TABLE span(block INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL) STRICT;
CREATE INDEX span_first ON span(first_at);
CREATE INDEX span_last ON span(last_at);

-- Which tasks were met in a span of 1,024 records: for each the 32 bits, then one for each of the span's blocks of 32 records.
CREATE TABLE task(span INTEGER PRIMARY KEY, blocks BLOB NOT NULL) STRICT;

-- Who used what how often. Addresses of resources count together, as tool 0.
CREATE TABLE used(
    agent    INTEGER,
    human    INTEGER,
    app      INTEGER,
    tool     INTEGER,
    verdict  INTEGER,
    calls    INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY(agent, human, app, tool, verdict)
) STRICT, WITHOUT ROWID;
CREATE INDEX used_human ON used(human);

-- What follows is for people who ask in SQL: docs/guide/trace.md says what the columns mean. Nothing of ours reads it.
CREATE VIEW records AS SELECT
    r.sequence,
    strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000, 'unixepoch') || printf('.%06dZ', r.at % 1000000) AS time,
    CASE r.kind WHEN 1 THEN 'intent' WHEN 2 THEN 'outcome' ELSE 'change' END AS kind,
    'c_'
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 61) & 7), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 56) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 51) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 46) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 41) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 36) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 31) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 26) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 21) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 16) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 11) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 6) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_high >> 1) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + (((r.call_high & 1) << 4) | ((r.call_low >> 60) & 15)), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 55) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 50) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 45) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 40) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 35) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 30) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 25) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 20) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 15) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 10) & 31), 1)
        || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 5) & 31), 1) || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((r.call_low >> 0) & 31), 1) AS id,
    lower(hex(r.leaf_hash)) AS leaf_hash,
    r.at AS at_us
FROM record r;

CREATE VIEW calls AS SELECT
    r.sequence,
    strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000, 'unixepoch') || printf('.%06dZ', r.at % 1000000) AS time,
    (SELECT id FROM records WHERE sequence = r.sequence) AS call,
    (SELECT text FROM name WHERE id = r.agent) AS agent,
    (SELECT text FROM name WHERE id = r.human) AS human,
    (SELECT text FROM name WHERE id = r.app) AS app,
    (SELECT text FROM name WHERE id = r.tool) AS tool,
    (SELECT text FROM name WHERE id = r.class) AS class,
    (SELECT substr(n.text, 8) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'method:*') AS method,
    (SELECT text FROM name WHERE id = r.verdict) AS verdict,
    (SELECT group_concat(substr(n.text, 6), ' ') FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'rule:*') AS rules,
    (SELECT substr(n.text, 7) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'would:*') AS would,
    (SELECT substr(n.text, 8) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'bundle:*') AS bundle,
    (SELECT substr(n.text, 8) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = ended.leaf AND n.text GLOB 'effect:*') AS effect,
    (SELECT substr(n.text, 8) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = ended.leaf AND n.text GLOB 'status:*') AS status,
    (SELECT substr(n.text, 6) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = ended.leaf AND n.text GLOB 'code:*') AS code,
    ended.sequence AS outcome,
    (ended.at - r.at) AS ended_after_us,
    r.at AS at_us
FROM record r LEFT JOIN record ended ON ended.sequence = coalesce(r.outcome, (SELECT o.sequence FROM record o
    WHERE o.call_high = r.call_high AND o.call_low = r.call_low AND o.intent IS NULL AND o.kind = 2
    ORDER BY o.sequence LIMIT 1))
WHERE r.kind = 1;

CREATE VIEW changes AS SELECT
    r.sequence,
    strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000, 'unixepoch') || printf('.%06dZ', r.at % 1000000) AS time,
    (SELECT id FROM records WHERE sequence = r.sequence) AS change,
    (SELECT substr(n.text, 6) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'what:*') AS what,
    r.at AS at_us
FROM seen s CROSS JOIN record r ON r.sequence >= s.block << 5 AND r.sequence < (s.block + 1) << 5
WHERE s.name = -3 AND r.kind = 3;

CREATE VIEW used_tools AS SELECT
    (SELECT text FROM name WHERE id = r.agent) AS agent,
    (SELECT text FROM name WHERE id = r.human) AS human,
    (SELECT text FROM name WHERE id = r.app) AS app,
    (SELECT text FROM name WHERE id = r.tool) AS tool,
    (SELECT text FROM name WHERE id = r.verdict) AS verdict,
    r.calls,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.first_at / 1000000, 'unixepoch') AS first,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.last_at / 1000000, 'unixepoch') AS last
FROM used r;
