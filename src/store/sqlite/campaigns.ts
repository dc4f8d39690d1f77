import type {
  Campaign,
  CampaignKind,
  CampaignState,
  CampaignStation,
  CampaignStationFilter,
  CampaignStationState,
  FleetStore,
} from '../fleet.ts'
import type { Database, Row } from './database.ts'
import { int, json, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

type CampaignStore = Pick<
  FleetStore,
  | 'createCampaign'
  | 'putCampaign'
  | 'campaign'
  | 'campaigns'
  | 'putCampaignStation'
  | 'campaignStation'
  | 'campaignStations'
  | 'campaignCounts'
  | 'campaignStartedSince'
  | 'moveCampaignStations'
>

const LARGEST = 100_000

export function createCampaignStore(db: Database): CampaignStore {
  return {
    createCampaign: (campaign, stations) =>
      db.write(() => {
        putCampaign(db, campaign)
        for (const station of stations) putStation(db, station)
      }),
    putCampaign: (campaign, before) =>
      db.write(() => {
        if (before !== undefined && !isUnchanged(db, before)) return false
        putCampaign(db, campaign)
        return true
      }),
    campaign: async (id) => {
      const row = db.get('SELECT * FROM campaigns WHERE id = ?', id)
      return row && toCampaign(row)
    },
    campaigns: async ({ states, limit } = {}) => {
      const { clause, args } = where([
        [
          'state IN (SELECT value FROM json_each(?))',
          states === undefined ? undefined : JSON.stringify(states),
        ],
      ])
      return db
        .all(
          `SELECT * FROM campaigns ${clause} ORDER BY created_at DESC, id LIMIT ?`,
          ...args,
          pageSize(limit),
        )
        .map(toCampaign)
    },
    putCampaignStation: (row) => db.write(() => putStation(db, row)),
    campaignStation: async (campaignId, stationId) => {
      const row = db.get(
        'SELECT * FROM campaign_stations WHERE campaign_id = ? AND station_id = ?',
        campaignId,
        stationId,
      )
      return row && toStation(row)
    },
    campaignStations: async (campaignId, filter = {}) => stationsOf(db, campaignId, filter),
    campaignCounts: async (campaignId) =>
      db
        .all(
          `SELECT wave, state, step, COUNT(*) AS count FROM campaign_stations WHERE campaign_id = ?
           GROUP BY wave, state, step`,
          campaignId,
        )
        .map((row) => ({
          wave: int(row, 'wave'),
          state: oneOf<CampaignStationState>(row, 'state'),
          step: text(row, 'step'),
          count: int(row, 'count'),
        })),
    campaignStartedSince: async (campaignId, at) => {
      const row = db.get(
        'SELECT COUNT(*) AS count FROM campaign_stations WHERE campaign_id = ? AND started_at >= ?',
        campaignId,
        at,
      )
      return row === undefined ? 0 : int(row, 'count')
    },
    moveCampaignStations: (campaignId, from, { state, step, reason }, at) =>
      db.write(
        () =>
          db.run(
            `UPDATE campaign_stations SET state = ?, step = COALESCE(?, step),
               reason = CASE WHEN ? THEN ? ELSE reason END, attempts = 0, not_before = NULL, updated_at = ?
             WHERE campaign_id = ? AND state IN (SELECT value FROM json_each(?))`,
            state,
            step ?? null,
            reason === undefined ? 0 : 1,
            reason ?? null,
            at,
            campaignId,
            JSON.stringify(from),
          ).changes,
      ),
  }
}

function stationsOf(db: Database, campaignId: string, filter: CampaignStationFilter): CampaignStation[] {
  const { states, step, upToWave, dueAt, after, limit } = filter
  const { clause, args } = where([
    ['campaign_id = ?', campaignId],
    ['state IN (SELECT value FROM json_each(?))', states === undefined ? undefined : JSON.stringify(states)],
    ['step = ?', step],
    ['wave <= ?', upToWave],
    ['(not_before IS NULL OR not_before <= ?)', dueAt],
    ['station_id > ?', after],
  ])
  const size = Math.max(1, Math.min(limit ?? 100, LARGEST))
  return db
    .all(`SELECT * FROM campaign_stations ${clause} ORDER BY station_id LIMIT ?`, ...args, size)
    .map(toStation)
}

function isUnchanged(db: Database, { id, state, phase, updatedAt }: Campaign): boolean {
  const row = db.get('SELECT state, phase, updated_at FROM campaigns WHERE id = ?', id)
  return (
    row !== undefined &&
    text(row, 'state') === state &&
    text(row, 'phase') === phase &&
    text(row, 'updated_at') === updatedAt
  )
}

function putCampaign(db: Database, one: Campaign): void {
  db.run(
    `INSERT INTO campaigns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, parameters = excluded.parameters, phase = excluded.phase,
       wave = excluded.wave, waves = excluded.waves, wave_started_at = excluded.wave_started_at,
       wave_ended_at = excluded.wave_ended_at, detail = excluded.detail, updated_at = excluded.updated_at,
       deadline = excluded.deadline`,
    one.id,
    one.kind,
    one.name,
    one.state,
    JSON.stringify(one.parameters),
    JSON.stringify(one.limits),
    one.phase,
    one.wave,
    one.waves,
    one.waveStartedAt,
    one.waveEndedAt,
    one.detail,
    one.createdBy,
    one.createdAt,
    one.updatedAt,
    one.deadline,
  )
}

function putStation(db: Database, row: CampaignStation): void {
  db.run(
    `INSERT INTO campaign_stations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET state = excluded.state, step = excluded.step, attempts = excluded.attempts,
       reason = excluded.reason, not_before = excluded.not_before, evidence = excluded.evidence,
       started_at = excluded.started_at, updated_at = excluded.updated_at`,
    row.campaignId,
    row.stationId,
    row.siteId,
    row.wave,
    row.state,
    row.step,
    row.attempts,
    row.reason,
    row.notBefore,
    JSON.stringify(row.evidence),
    row.startedAt,
    row.updatedAt,
  )
}

function toCampaign(row: Row): Campaign {
  return {
    id: text(row, 'id'),
    kind: oneOf<CampaignKind>(row, 'kind'),
    name: text(row, 'name'),
    state: oneOf<CampaignState>(row, 'state'),
    parameters: json<object>(row, 'parameters'),
    limits: json<object>(row, 'limits'),
    phase: text(row, 'phase'),
    wave: int(row, 'wave'),
    waves: int(row, 'waves'),
    waveStartedAt: textOrNull(row, 'wave_started_at'),
    waveEndedAt: textOrNull(row, 'wave_ended_at'),
    detail: textOrNull(row, 'detail'),
    createdBy: text(row, 'created_by'),
    createdAt: text(row, 'created_at'),
    updatedAt: text(row, 'updated_at'),
    deadline: textOrNull(row, 'deadline'),
  }
}

function toStation(row: Row): CampaignStation {
  return {
    campaignId: text(row, 'campaign_id'),
    stationId: text(row, 'station_id'),
    siteId: text(row, 'site_id'),
    wave: int(row, 'wave'),
    state: oneOf<CampaignStationState>(row, 'state'),
    step: text(row, 'step'),
    attempts: int(row, 'attempts'),
    reason: textOrNull(row, 'reason'),
    notBefore: textOrNull(row, 'not_before'),
    evidence: json<Record<string, string>>(row, 'evidence'),
    startedAt: textOrNull(row, 'started_at'),
    updatedAt: text(row, 'updated_at'),
  }
}
