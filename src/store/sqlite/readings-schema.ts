/** The step that put transaction events and meter values into one table: see migrations.ts. */
export const READINGS_SCHEMA = `
  -- Transaction events and meter values in one table that grows at its end only. session_no: 0 outside of
  -- transactions. previous_no: the session's reading before this one; 0 for its first. at_ms: outside of transactions.
  CREATE TABLE readings (
    -- Never given again, or a chain would go on in another session.
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    station_no INTEGER NOT NULL,
    evse_id INTEGER NOT NULL,
    session_no INTEGER NOT NULL,
    seq_no INTEGER NOT NULL,
    previous_no INTEGER NOT NULL,
    at_ms INTEGER,
    received_ms INTEGER NOT NULL,
    event TEXT,
    meter_values TEXT
  );
  CREATE TABLE values_by_event AS
    SELECT session_no, seq_no, station_no, max(evse_id) AS evse_id, max(at_ms) AS at_ms,
      json_group_array(json(value) ORDER BY at_ms, ordinal) AS list
    FROM meter_values WHERE session_no > 0 GROUP BY session_no, seq_no, station_no;
  CREATE INDEX values_by_event_key ON values_by_event (session_no, seq_no);
  INSERT INTO readings (station_no, evse_id, session_no, seq_no, previous_no, received_ms, event, meter_values)
    SELECT coalesce(s.station_no, v.station_no), coalesce(v.evse_id, s.evse_id, 0), coalesce(e.session_no, v.session_no),
      coalesce(e.seq_no, v.seq_no), 0,
      coalesce(CAST(round(unixepoch(e.received_at, 'subsec') * 1000) AS INTEGER), v.at_ms, 0), e.event, v.list
    FROM transaction_events e
      FULL JOIN values_by_event v ON v.session_no = e.session_no AND v.seq_no = e.seq_no
      LEFT JOIN sessions s ON s.no = e.session_no
    ORDER BY 6;
  INSERT INTO readings (station_no, evse_id, session_no, seq_no, previous_no, at_ms, received_ms, meter_values)
    SELECT station_no, evse_id, 0, 0, 0, at_ms, iif(seq_no = 0, at_ms, seq_no), json_array(json(value))
    FROM meter_values WHERE session_no = 0 ORDER BY 7;
  UPDATE readings SET previous_no = before.no
    FROM (SELECT no AS own, lag(no, 1, 0) OVER (PARTITION BY session_no ORDER BY no) AS no
          FROM readings WHERE session_no > 0) AS before
    WHERE before.own = readings.no;
  ALTER TABLE sessions ADD COLUMN last_reading_no INTEGER NOT NULL DEFAULT 0;
  UPDATE sessions SET last_reading_no = newest.no
    FROM (SELECT session_no, max(no) AS no FROM readings WHERE session_no > 0 GROUP BY session_no) AS newest
    WHERE newest.session_no = sessions.no;
  CREATE INDEX readings_outside ON readings (station_no, at_ms) WHERE session_no = 0;
  DROP TABLE values_by_event;
  DROP TABLE meter_values;
  DROP TABLE transaction_events;

  -- Up to which reading values are in quarters, and up to which they are no longer kept in detail.
  CREATE TABLE reading_marks (id INTEGER PRIMARY KEY CHECK (id = 1), folded_no INTEGER NOT NULL, stripped_no INTEGER NOT NULL);
  INSERT INTO reading_marks VALUES (1, 0, 0);
  `
