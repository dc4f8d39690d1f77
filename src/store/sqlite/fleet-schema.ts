/** The migration step of the fleet's certificates. */
export const FLEET_SCHEMA = `
  CREATE TABLE installed_certificates (
    station_id TEXT NOT NULL,
    use TEXT NOT NULL,
    hash_algorithm TEXT NOT NULL,
    issuer_name_hash TEXT NOT NULL,
    issuer_key_hash TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    -- The same sub-CA may be listed under several leaves; '' where nothing is above it.
    parent_key TEXT NOT NULL,
    reported_at TEXT NOT NULL,
    PRIMARY KEY (station_id, use, parent_key, serial_number, issuer_key_hash, hash_algorithm, issuer_name_hash)
  ) WITHOUT ROWID;

  CREATE TABLE station_trust (
    station_id TEXT PRIMARY KEY,
    inventory_at TEXT,
    leaf_fingerprint TEXT,
    connected_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before TEXT,
    refused TEXT NOT NULL DEFAULT '[]',
    detail TEXT,
    password_candidate TEXT
  ) WITHOUT ROWID;

  CREATE TABLE trust_anchors (
    use TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    subject TEXT NOT NULL,
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    der BLOB NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (use, fingerprint)
  ) WITHOUT ROWID;

  CREATE TABLE trust_policies (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    use TEXT NOT NULL,
    fingerprints TEXT NOT NULL,
    repair TEXT NOT NULL,
    set_by TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE campaigns (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    parameters TEXT NOT NULL,
    limits TEXT NOT NULL,
    phase TEXT NOT NULL,
    wave INTEGER NOT NULL,
    waves INTEGER NOT NULL,
    wave_started_at TEXT,
    wave_ended_at TEXT,
    detail TEXT,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deadline TEXT
  );
  CREATE INDEX campaigns_open ON campaigns (state);

  CREATE TABLE campaign_stations (
    campaign_id TEXT NOT NULL,
    station_id TEXT NOT NULL,
    site_id TEXT NOT NULL,
    wave INTEGER NOT NULL,
    state TEXT NOT NULL,
    step TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    reason TEXT,
    not_before TEXT,
    evidence TEXT NOT NULL,
    started_at TEXT,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (campaign_id, station_id)
  ) WITHOUT ROWID;
  CREATE INDEX campaign_stations_by_state ON campaign_stations (campaign_id, state, wave);

  CREATE TABLE fleet_settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) WITHOUT ROWID;
  `
