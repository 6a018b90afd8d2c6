-- A change is found by what it concerns: a name of `seen` below -2^40 is the number of a person whom it concerns, one below -2^41
-- is 32 bits of a sum of what it concerns else, and -15 stands for all of which the body alone says it, as those from before this.
INSERT INTO seen SELECT log, -15, block FROM seen WHERE name = -3;

-- What follows is for people who ask in SQL: docs/guide/trace.md says what the columns mean. Nothing of ours reads it. Whoever may
-- read these views need not be let into the tables.
CREATE FUNCTION call_id(high bigint, low bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $id$
    SELECT 'c_' || string_agg(
        substr('0123456789abcdefghjkmnpqrstvwxyz',
            1 + substring(B'00' || high::bit(64) || low::bit(64) FROM 1 + 5 * place FOR 5)::bit(5)::integer, 1),
        '' ORDER BY place)
    FROM generate_series(0, 25) place
$id$;

CREATE VIEW records AS SELECT
    l.name AS log,
    r.sequence,
    timestamptz 'epoch' + r.at * interval '1 microsecond' AS time,
    CASE r.kind WHEN 1 THEN 'intent' WHEN 2 THEN 'outcome' ELSE 'change' END AS kind,
    call_id(r.call_high, r.call_low) AS id,
    encode(r.leaf_hash, 'hex') AS leaf_hash,
    r.at AS at_us
FROM record r JOIN log l ON l.id = r.log;

CREATE VIEW calls AS SELECT
    l.name AS log,
    r.sequence,
    timestamptz 'epoch' + r.at * interval '1 microsecond' AS time,
    call_id(r.call_high, r.call_low) AS call,
    (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.agent) AS agent,
    (SELECT substr(k.subject, 7) FROM subject_key k WHERE k.log = r.log AND k.number = r.human) AS human,
    (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.app) AS app,
    (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.tool) AS tool,
    (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.class) AS class,
    own.method,
    (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.verdict) AS verdict,
    own.rules,
    own.would,
    own.bundle,
    after.effect,
    after.status,
    after.code,
    ended.sequence AS outcome,
    ended.at - r.at AS ended_after_us,
    r.at AS at_us
FROM record r JOIN log l ON l.id = r.log
    LEFT JOIN record ended ON ended.log = r.log AND ended.sequence = coalesce(r.outcome, (SELECT o.sequence FROM record o
        WHERE o.log = r.log AND o.call_high = r.call_high AND o.call_low = r.call_low AND o.intent IS NULL AND o.kind = 2
        ORDER BY o.sequence LIMIT 1))
    CROSS JOIN LATERAL (SELECT
            max(substr(n.text, 8)) FILTER (WHERE n.text LIKE 'method:%') AS method,
            string_agg(substr(n.text, 6), ' ' ORDER BY n.id) FILTER (WHERE n.text LIKE 'rule:%') AS rules,
            max(substr(n.text, 7)) FILTER (WHERE n.text LIKE 'would:%') AS would,
            max(substr(n.text, 8)) FILTER (WHERE n.text LIKE 'bundle:%') AS bundle
        FROM facet f JOIN name n ON n.log = f.log AND n.id = f.name WHERE f.log = r.log AND f.template = r.leaf) own
    CROSS JOIN LATERAL (SELECT
            max(substr(n.text, 8)) FILTER (WHERE n.text LIKE 'effect:%') AS effect,
            max(substr(n.text, 8)) FILTER (WHERE n.text LIKE 'status:%') AS status,
            max(substr(n.text, 6)) FILTER (WHERE n.text LIKE 'code:%') AS code
        FROM facet f JOIN name n ON n.log = f.log AND n.id = f.name WHERE f.log = ended.log AND f.template = ended.leaf) after
WHERE r.kind = 1;

CREATE VIEW changes AS SELECT
    l.name AS log,
    r.sequence,
    timestamptz 'epoch' + r.at * interval '1 microsecond' AS time,
    call_id(r.call_high, r.call_low) AS change,
    (SELECT substr(n.text, 6) FROM facet f JOIN name n ON n.log = f.log AND n.id = f.name
        WHERE f.log = r.log AND f.template = r.leaf AND n.text LIKE 'what:%') AS what,
    r.at AS at_us
FROM seen s JOIN log l ON l.id = s.log
    JOIN record r ON r.log = s.log AND r.sequence >= s.block << 5 AND r.sequence < (s.block + 1) << 5
WHERE s.name = -3 AND r.kind = 3;

CREATE VIEW used_tools AS SELECT
    l.name AS log,
    (SELECT text FROM name n WHERE n.log = u.log AND n.id = u.agent) AS agent,
    (SELECT substr(k.subject, 7) FROM subject_key k WHERE k.log = u.log AND k.number = u.human) AS human,
    (SELECT text FROM name n WHERE n.log = u.log AND n.id = u.app) AS app,
    (SELECT text FROM name n WHERE n.log = u.log AND n.id = u.tool) AS tool,
    (SELECT text FROM name n WHERE n.log = u.log AND n.id = u.verdict) AS verdict,
    u.calls,
    timestamptz 'epoch' + u.first_at * interval '1 microsecond' AS first,
    timestamptz 'epoch' + u.last_at * interval '1 microsecond' AS last
FROM used u JOIN log l ON l.id = u.log;

-- The map of logs: who may add a round to it now, and the rounds, which nobody changes.
CREATE TABLE map_lease(one boolean PRIMARY KEY DEFAULT true CHECK (one), holder text NOT NULL, until timestamptz NOT NULL);
INSERT INTO map_lease(holder, until) VALUES ('', '-infinity');
CREATE TABLE map_round(
    number bigint PRIMARY KEY,
    text   text COLLATE "C" NOT NULL, -- every log and how far it was
    tree   text NOT NULL,             -- over all rounds up to this one
    note   text NOT NULL,             -- the signed checkpoint of that tree
    back   boolean NOT NULL           -- whether it names a log that went back
);
CREATE INDEX map_round_back ON map_round(number) WHERE back;
CREATE FUNCTION map_round_stands() RETURNS trigger LANGUAGE plpgsql AS $stands$
    BEGIN RAISE EXCEPTION 'a round of the map stands as it is'; END $stands$;
CREATE TRIGGER map_round_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON map_round
    FOR EACH STATEMENT EXECUTE FUNCTION map_round_stands();
