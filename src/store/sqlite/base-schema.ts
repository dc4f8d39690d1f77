/** The first step of the schema: see migrations.ts. */
export const BASE_SCHEMA = `
  CREATE TABLE stations (
    id TEXT PRIMARY KEY,
    enrolment TEXT NOT NULL,
    registration TEXT NOT NULL,
    security_profile INTEGER NOT NULL,
    password_hash TEXT,
    serial_number TEXT,
    organisation TEXT,
    group_id TEXT,
    boot TEXT,
    last_seen_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) WITHOUT ROWID;

  -- A short number for a station in the large tables; kept when the station is removed, as its history is.
  CREATE TABLE station_numbers (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);

  CREATE TABLE connectors (
    station_id TEXT NOT NULL,
    evse_id INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    status TEXT NOT NULL,
    reported_at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (station_id, evse_id, connector_id)
  ) WITHOUT ROWID;

  -- '' and -1 stand for "absent" in the key columns, because NULLs never conflict.
  CREATE TABLE variables (
    station_id TEXT NOT NULL,
    component TEXT NOT NULL,
    component_instance TEXT NOT NULL,
    evse_id INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    variable TEXT NOT NULL,
    variable_instance TEXT NOT NULL,
    attribute_type TEXT NOT NULL,
    value TEXT,
    mutability TEXT,
    persistent INTEGER,
    constant INTEGER,
    characteristics TEXT,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (station_id, component, component_instance, evse_id, connector_id, variable, variable_instance, attribute_type)
  ) WITHOUT ROWID;

  CREATE TABLE id_tokens (
    type TEXT NOT NULL,
    token_key TEXT NOT NULL,
    id_token TEXT NOT NULL,
    status TEXT NOT NULL,
    group_type TEXT,
    group_token TEXT,
    expires_at TEXT,
    master_pass INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (type, token_key)
  ) WITHOUT ROWID;

  CREATE TABLE sessions (
    no INTEGER PRIMARY KEY,
    station_no INTEGER NOT NULL,
    transaction_id TEXT NOT NULL,
    evse_id INTEGER,
    connector_id INTEGER,
    token_type TEXT,
    token TEXT,
    started_at TEXT,
    ended_at TEXT,
    charging_state TEXT,
    stopped_reason TEXT,
    remote_start_id INTEGER,
    reservation_id INTEGER,
    phases_used INTEGER,
    first_seq_no INTEGER NOT NULL,
    last_seq_no INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    meter_start_wh REAL,
    meter_last_wh REAL,
    charging_state_seq_no INTEGER NOT NULL,
    phases_seq_no INTEGER NOT NULL,
    meter_seq_no INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (station_no, transaction_id)
  );
  CREATE INDEX sessions_started ON sessions (started_at);
  CREATE INDEX sessions_active ON sessions (station_no) WHERE ended_at IS NULL;

  -- The event without its meter values, which stand in meter_values under the same session and sequence number.
  CREATE TABLE transaction_events (
    session_no INTEGER NOT NULL,
    seq_no INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (session_no, seq_no)
  ) WITHOUT ROWID;

  CREATE TABLE meter_values (
    station_no INTEGER NOT NULL,
    evse_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    -- 0 outside of transactions
    session_no INTEGER NOT NULL,
    seq_no INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (station_no, evse_id, at_ms, session_no, seq_no, ordinal)
  ) WITHOUT ROWID;

  CREATE TABLE station_events (
    id INTEGER PRIMARY KEY,
    station_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    type TEXT NOT NULL,
    at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    critical INTEGER NOT NULL,
    detail TEXT NOT NULL
  );
  CREATE INDEX station_events_by_station ON station_events (station_id, id);
  CREATE INDEX station_events_critical ON station_events (id) WHERE critical = 1;

  CREATE TABLE authorities (
    id TEXT PRIMARY KEY,
    profile TEXT NOT NULL,
    generation INTEGER NOT NULL,
    issuer_id TEXT,
    certificate BLOB NOT NULL,
    key_name TEXT NOT NULL,
    created_at TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,
    authority_id TEXT,
    profile TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    subject TEXT NOT NULL,
    station_id TEXT,
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    der BLOB NOT NULL,
    key_name TEXT,
    revoked_at TEXT,
    revocation_reason TEXT,
    UNIQUE (authority_id, serial_number)
  );
  CREATE INDEX certificates_by_station ON certificates (station_id);
  CREATE INDEX certificates_by_expiry ON certificates (not_after);

  CREATE TABLE signing_orders (
    id TEXT PRIMARY KEY,
    station_id TEXT NOT NULL,
    -- '' where the station left the type out
    certificate_type TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    csr TEXT NOT NULL,
    state TEXT NOT NULL,
    fingerprint TEXT,
    attempts INTEGER NOT NULL,
    detail TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (station_id, certificate_type, key_hash)
  );
  CREATE INDEX signing_orders_by_state ON signing_orders (state);

  CREATE TABLE key_blobs (name TEXT PRIMARY KEY, blob BLOB NOT NULL) WITHOUT ROWID;

  CREATE TABLE sites (id TEXT PRIMARY KEY, config TEXT NOT NULL, updated_at TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE site_limits (
    site_id TEXT NOT NULL,
    id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    source TEXT NOT NULL,
    value REAL NOT NULL,
    unit TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    set_by TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (site_id, id)
  ) WITHOUT ROWID;

  CREATE TABLE energy_state (key TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    revoked_at TEXT
  ) WITHOUT ROWID;

  CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
  );
  `
