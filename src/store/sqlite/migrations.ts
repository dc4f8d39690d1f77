import { BASE_SCHEMA } from './base-schema.ts'
import { FLEET_SCHEMA } from './fleet-schema.ts'
import { READINGS_SCHEMA } from './readings-schema.ts'

/**
 * The schema, as the list of steps that made it. A step that has been released is never edited: add another one.
 * Times are ISO 8601 text (UTC, so that text order is time order), except where a table is large: there they are
 * milliseconds, and the column's name says so. Long steps have a file of their own.
 */
export const migrations: readonly string[] = [
  BASE_SCHEMA,
  `
  CREATE TABLE station_orders (
    id TEXT PRIMARY KEY,
    station_id TEXT NOT NULL,
    action TEXT NOT NULL,
    request TEXT NOT NULL,
    actor TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    detail TEXT,
    response TEXT,
    result TEXT,
    correlation INTEGER,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    expires_at TEXT
  );
  CREATE INDEX station_orders_by_station ON station_orders (station_id);
  CREATE INDEX station_orders_open ON station_orders (state) WHERE state IN ('sending', 'following');

  CREATE TABLE local_lists (
    station_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    entries TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) WITHOUT ROWID;

  -- Highest security profile that the station was told to move to and has not used yet (A05).
  ALTER TABLE stations ADD COLUMN upgrade_to INTEGER;
  `,
  `
  -- Generations of one authority share its line; a key may be elsewhere (an offline root), then key_name is ''.
  ALTER TABLE authorities ADD COLUMN line TEXT NOT NULL DEFAULT '';
  ALTER TABLE authorities ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
  ALTER TABLE authorities ADD COLUMN origin TEXT NOT NULL DEFAULT 'created';
  UPDATE authorities SET line = id;

  -- A serial number is here from before its certificate is signed until that certificate is recorded.
  CREATE TABLE serials (
    authority_id TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    profile TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (authority_id, serial_number)
  ) WITHOUT ROWID;

  CREATE INDEX certificates_revoked ON certificates (authority_id) WHERE revoked_at IS NOT NULL;

  CREATE TABLE crls (
    authority_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    this_update TEXT NOT NULL,
    next_update TEXT NOT NULL,
    der BLOB NOT NULL,
    PRIMARY KEY (authority_id, kind)
  ) WITHOUT ROWID;

  -- PEM to deliver, where the certificate is from an authority that is not ours.
  ALTER TABLE signing_orders ADD COLUMN chain TEXT;
  -- Earliest time of the next attempt at an authority that could not be reached.
  ALTER TABLE signing_orders ADD COLUMN not_before TEXT;

  CREATE TABLE authority_operations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    parameters TEXT NOT NULL,
    state TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    decided_by TEXT,
    result TEXT,
    detail TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  );

  -- SHA-256 over the entry and the hash of the one before it.
  ALTER TABLE audit ADD COLUMN hash TEXT;
  CREATE TABLE audit_checkpoints (
    last_id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    at TEXT NOT NULL,
    key TEXT NOT NULL,
    signature TEXT NOT NULL
  );
  `,
  `
  -- Events are appended, not kept in the order of their sessions: a fleet would touch a page per session and commit.
  CREATE TABLE appended_events (
    session_no INTEGER NOT NULL,
    seq_no INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    event TEXT NOT NULL,
    UNIQUE (session_no, seq_no)
  );
  INSERT INTO appended_events SELECT session_no, seq_no, received_at, event FROM transaction_events;
  DROP TABLE transaction_events;
  ALTER TABLE appended_events RENAME TO transaction_events;
  `,
  `
  -- Charging contracts of cars. account: the eMAID without its check digit.
  CREATE TABLE contracts (
    id TEXT PRIMARY KEY,
    emaid TEXT NOT NULL,
    account TEXT NOT NULL,
    pcid TEXT NOT NULL,
    state TEXT NOT NULL,
    state_before TEXT,
    priority INTEGER NOT NULL,
    source TEXT NOT NULL,
    protocol TEXT,
    valid_until TEXT,
    imported_chain TEXT,
    wrapped_key TEXT,
    fingerprint TEXT,
    certificate_not_after TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX contracts_living ON contracts (pcid, account) WHERE state <> 'terminated';
  CREATE INDEX contracts_by_account ON contracts (account);

  CREATE TABLE contract_certificates (
    fingerprint TEXT PRIMARY KEY,
    contract_id TEXT NOT NULL,
    authority_id TEXT,
    serial_number TEXT NOT NULL,
    issuer_key_hash TEXT NOT NULL,
    not_after TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    used_at TEXT
  ) WITHOUT ROWID;
  CREATE INDEX contract_certificates_by_contract ON contract_certificates (contract_id);
  -- Those of our own authorities are found by serial number in certificates.
  CREATE INDEX contract_certificates_by_serial ON contract_certificates (serial_number) WHERE authority_id IS NULL;

  -- What a car was answered, so that the same request again gets the same answer. Holds no secret but a sealed one.
  CREATE TABLE provisioning_answers (
    request_hash TEXT PRIMARY KEY,
    contract_id TEXT NOT NULL,
    -- '' where a car gets one contract per session (-2).
    session_key TEXT NOT NULL,
    exi_response BLOB NOT NULL,
    at TEXT NOT NULL,
    expires_at TEXT NOT NULL
  );
  CREATE INDEX provisioning_answers_by_session ON provisioning_answers (session_key) WHERE session_key <> '';

  CREATE TABLE vehicles (
    pcid TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    description TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE trusted_certificates (
    usage TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    subject TEXT NOT NULL,
    is_root INTEGER NOT NULL,
    not_after TEXT NOT NULL,
    der BLOB NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (usage, fingerprint)
  ) WITHOUT ROWID;
  `,
  `
  -- What each decision of a site came from, compressed; bounded by age and size.
  CREATE TABLE site_snapshots (
    site_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (site_id, at_ms)
  );

  -- The compliance record: one row per node and minute.
  CREATE TABLE site_minutes (
    site_id TEXT NOT NULL,
    minute_ms INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    minute TEXT NOT NULL,
    PRIMARY KEY (site_id, minute_ms, node_id)
  ) WITHOUT ROWID;
  `,
  FLEET_SCHEMA,
  `
  -- Where in meter_values a session's values are: its key is EVSE and time.
  ALTER TABLE sessions ADD COLUMN values_from_ms INTEGER;
  ALTER TABLE sessions ADD COLUMN values_to_ms INTEGER;
  CREATE TABLE value_times (session_no INTEGER PRIMARY KEY, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL);
  INSERT INTO value_times
    SELECT session_no, min(at_ms), max(at_ms) FROM meter_values WHERE session_no > 0 GROUP BY session_no;
  UPDATE sessions SET values_from_ms = value_times.from_ms, values_to_ms = value_times.to_ms
    FROM value_times WHERE value_times.session_no = sessions.no;
  DROP TABLE value_times;

  -- What is left of meter values that are no longer kept in detail.
  CREATE TABLE meter_quarters (
    station_no INTEGER NOT NULL,
    evse_id INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    energy_wh REAL,
    max_power_w REAL,
    max_l1_a REAL,
    max_l2_a REAL,
    max_l3_a REAL,
    samples INTEGER NOT NULL,
    -- The last reading of the energy register: the next value's energy counts from it.
    register_at_ms INTEGER,
    register_wh REAL,
    PRIMARY KEY (station_no, start_ms, evse_id)
  ) WITHOUT ROWID;
  CREATE INDEX meter_quarters_start ON meter_quarters (start_ms);

  CREATE INDEX station_events_received ON station_events (received_at);
  `,
  `
  -- The certificate that our server showed a station at its last connection.
  ALTER TABLE station_trust ADD COLUMN shown TEXT;
  -- Until when the station may come with an expired certificate to get a new one (A00.FR.429).
  ALTER TABLE station_trust ADD COLUMN expired_until TEXT;
  `,
  `
  -- Answers of hosted pools are kept like our own; contract_id is '' then.
  ALTER TABLE provisioning_answers ADD COLUMN provider TEXT;
  -- More answers of a hosted pool (ISO 15118-20), for the car's next requests in its session.
  CREATE TABLE waiting_answers (
    session_key TEXT NOT NULL,
    position INTEGER NOT NULL,
    provider TEXT NOT NULL,
    exi_response BLOB NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (session_key, position)
  );

  -- What the root pools of providers list, and what was decided about it.
  CREATE TABLE trust_proposals (
    usage TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    is_root INTEGER NOT NULL,
    not_after TEXT NOT NULL,
    der BLOB NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    decided_at TEXT,
    PRIMARY KEY (usage, fingerprint)
  ) WITHOUT ROWID;
  `,
  `
  CREATE TABLE station_messages (
    id INTEGER PRIMARY KEY,
    station_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    direction TEXT NOT NULL,
    kind TEXT NOT NULL,
    message_id TEXT NOT NULL,
    action TEXT,
    error_code TEXT,
    payload TEXT
  );
  CREATE INDEX station_messages_by_station ON station_messages (station_id, id);
  CREATE INDEX station_messages_at ON station_messages (at_ms);
  `,
  READINGS_SCHEMA,
  `
  -- CertSigningWaitMinimum of a station as it was before a slow authority made us raise it.
  ALTER TABLE station_trust ADD COLUMN signing_wait_s INTEGER;
  `,
  `
  -- What sessions on sites have cost, and what they would have cost uncontrolled.
  CREATE TABLE session_costs (
    site_id TEXT NOT NULL,
    ended_ms INTEGER NOT NULL,
    station_id TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    cost TEXT NOT NULL,
    PRIMARY KEY (site_id, ended_ms, station_id, transaction_id)
  ) WITHOUT ROWID;
  `,
  `
  -- The security log of all stations, newest first.
  CREATE INDEX station_events_by_kind ON station_events (kind, id);
  `,
  `
  -- Revocations that the issuer of the certificate, somebody else, has not answered yet.
  CREATE TABLE forwarded_revocations (
    fingerprint TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    not_before TEXT NOT NULL
  ) WITHOUT ROWID;
  `,
  `
  -- Limits of one group stand in for each other.
  ALTER TABLE site_limits ADD COLUMN rank_group TEXT;
  ALTER TABLE site_limits ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
  `,
]
