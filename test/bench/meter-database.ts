import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Store } from '../../src/store/ports.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'

const VALUES = 10_000_000
const STATIONS = 100
const EVSES = 2
/** Per day and EVSE: two sessions of two hours, read every minute; every quarter of an hour otherwise. */
const SESSION_STARTS_MIN = [8 * 60, 18 * 60]
const SESSION_MIN = 120
const ALIGNED_MIN = 15
const DAY_MS = 86_400_000
const START_MS = Date.parse('2026-01-01T00:00:00Z')
const SITE_STATIONS = 50
const LIMIT_MS = 100
const PAGE = 1000
/** As in the retention loop. */
const ROLL_UP_BATCH = 500
/** A busy day and more: enough to see how long a step takes. */
const ROLL_UP_STEPS = 400
/** Whose quarters are there when the measurement begins; those of the days after are made by it. */
const QUARTER_DAYS = 145
const RUNS = 200
const SITE_RUNS = 30

const idOf = (station: number) => `BENCH-${station}`
const transactionOf = (evse: number, day: number, number: number) => `tx-${evse}-${day}-${number}`

interface Built {
  readonly days: number
  readonly values: number
}

/** Straight into the tables: through the port it would take as many commits as a fleet makes in months. */
function build(path: string): Built {
  const db = new Sqlite(path)
  db.pragma('synchronous = OFF')
  const insertReading = db.prepare(
    `INSERT INTO readings (station_no, evse_id, session_no, seq_no, previous_no, at_ms, received_ms, event, meter_values)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const insertSession = db.prepare(
    `INSERT INTO sessions (station_no, transaction_id, evse_id, connector_id, started_at, ended_at, first_seq_no,
       last_seq_no, event_count, meter_start_wh, meter_last_wh, charging_state_seq_no, phases_seq_no, meter_seq_no,
       updated_at, values_from_ms, values_to_ms)
     VALUES (?, ?, ?, 1, ?, ?, 0, ?, ?, 0, 22000, 0, -1, ?, ?, ?, ?)`,
  )
  const setLast = db.prepare('UPDATE sessions SET last_reading_no = ? WHERE no = ?')
  const insertQuarter = db.prepare(
    'INSERT INTO meter_quarters VALUES (?, ?, ?, 250, 11040, 16, 16, 16, 15, ?, ?)',
  )
  const insertStation = db.prepare('INSERT INTO station_numbers (no, id) VALUES (?, ?)')
  db.transaction(() => {
    for (let station = 1; station <= STATIONS; station++) insertStation.run(station, idOf(station))
  })()
  let values = 0
  let day = 0
  let foldedNo = 0

  function openSession(station: number, evse: number, number: number, fromMs: number) {
    const toMs = fromMs + (SESSION_MIN - 1) * 60_000
    const last = SESSION_MIN - 1
    const transactionId = transactionOf(evse, day, number)
    const no = Number(
      insertSession.run(
        station,
        transactionId,
        evse,
        iso(fromMs),
        iso(toMs),
        last,
        SESSION_MIN,
        last,
        iso(toMs),
        fromMs,
        toMs,
      ).lastInsertRowid,
    )
    return { no, transactionId, lastReadingNo: 0, seqNo: 0 }
  }

  /** Minute by minute over all stations, as it would have come. */
  function buildDay(dayMs: number): void {
    const sessions = new Map<string, ReturnType<typeof openSession>>()
    for (let minute = 0; minute < 1440; minute++) {
      const atMs = dayMs + minute * 60_000
      const number = SESSION_STARTS_MIN.findIndex((start) => minute >= start && minute < start + SESSION_MIN)
      for (let station = 1; station <= STATIONS; station++) {
        for (let evse = 1; evse <= EVSES; evse++) {
          if (minute % ALIGNED_MIN === 0) {
            insertReading.run(station, evse, 0, 0, 0, atMs, atMs, null, `[${valueAt(atMs)}]`)
            values++
            if (day < QUARTER_DAYS)
              insertQuarter.run(station, evse, atMs, atMs, Math.round((atMs - START_MS) / 1000))
          }
          if (number < 0) continue
          const key = `${station}/${evse}/${number}`
          const session = sessions.get(key) ?? openSession(station, evse, number, atMs)
          sessions.set(key, session)
          const { no, seqNo, transactionId } = session
          const event = eventAt(seqNo, atMs, transactionId)
          session.lastReadingNo = Number(
            insertReading.run(
              station,
              evse,
              no,
              seqNo,
              session.lastReadingNo,
              null,
              atMs,
              event,
              `[${valueAt(atMs)}]`,
            ).lastInsertRowid,
          )
          session.seqNo++
          values++
        }
      }
    }
    for (const { no, lastReadingNo } of sessions.values()) setLast.run(lastReadingNo, no)
  }

  for (; values < VALUES; day++) {
    db.transaction(() => buildDay(START_MS + day * DAY_MS))()
    if (day === QUARTER_DAYS - 1) foldedNo = values
  }
  // The days after these are rolled up by the service itself.
  db.prepare('UPDATE reading_marks SET folded_no = ?').run(foldedNo)
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.close()
  return { days: day, values }
}

const iso = (atMs: number) => new Date(atMs).toISOString()

function valueAt(atMs: number): string {
  const wh = Math.round((atMs - START_MS) / 1000)
  return `{"timestamp":"${iso(atMs)}","sampledValue":[{"value":${wh},"measurand":"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh"}},{"value":11040,"measurand":"Power.Active.Import"},{"value":16,"measurand":"Current.Import","phase":"L1"},{"value":16,"measurand":"Current.Import","phase":"L2"},{"value":16,"measurand":"Current.Import","phase":"L3"}]}`
}

function eventAt(seqNo: number, atMs: number, transactionId: string): string {
  const eventType = seqNo === 0 ? 'Started' : seqNo === SESSION_MIN - 1 ? 'Ended' : 'Updated'
  return `{"eventType":"${eventType}","timestamp":"${iso(atMs)}","triggerReason":"MeterValuePeriodic","seqNo":${seqNo},"transactionInfo":{"transactionId":"${transactionId}","chargingState":"Charging"}}`
}

interface Query {
  readonly name: string
  readonly runs: number
  /** What the API would answer with; a run's number picks another place each time. */
  ask(run: number): Promise<readonly (readonly unknown[])[]>
}

function queries(store: Store, { days }: Built): readonly Query[] {
  // Multiples of a prime spread over the whole database.
  const pick = (run: number, count: number) => (run * 7919) % count
  const dayOf = (run: number) => {
    const fromMs = START_MS + pick(run, days) * DAY_MS
    return { from: iso(fromMs), to: iso(fromMs + DAY_MS), limit: PAGE }
  }
  const quarterDayOf = (run: number) => {
    const fromMs = START_MS + pick(run, QUARTER_DAYS) * DAY_MS
    return { from: iso(fromMs), to: iso(fromMs + DAY_MS), limit: PAGE }
  }
  const site = Array.from({ length: SITE_STATIONS }, (_, index) => idOf(1 + index))
  const session = (run: number) => ({
    stationId: idOf(1 + pick(run, STATIONS)),
    transactionId: transactionOf(1 + (run % EVSES), pick(run * 3, days), run % SESSION_STARTS_MIN.length),
  })
  return [
    {
      name: 'meter values of a session',
      runs: RUNS,
      ask: async (run) => [await store.sessions.meterValues({ ...session(run), limit: PAGE })],
    },
    {
      name: 'events of a session',
      runs: RUNS,
      ask: async (run) => {
        const { stationId, transactionId } = session(run)
        return [await store.sessions.events(stationId, transactionId)]
      },
    },
    {
      name: 'sessions of a station in a day',
      runs: RUNS,
      ask: async (run) => [
        await store.sessions.list({ stationId: idOf(1 + pick(run, STATIONS)), ...dayOf(run) }),
      ],
    },
    {
      name: 'a day of an EVSE',
      runs: RUNS,
      ask: async (run) => [
        await store.sessions.meterValues({
          stationId: idOf(1 + pick(run, STATIONS)),
          evseId: 1 + (run % EVSES),
          ...dayOf(run),
        }),
      ],
    },
    {
      name: 'a day of a station',
      runs: RUNS,
      ask: async (run) => [
        await store.sessions.meterValues({ stationId: idOf(1 + pick(run, STATIONS)), ...dayOf(run) }),
      ],
    },
    {
      name: `a day of a site of ${SITE_STATIONS} stations`,
      runs: RUNS,
      ask: async (run) => [
        await store.retention.siteQuarters({ stationIds: site, by: 'site', ...quarterDayOf(run) }),
      ],
    },
    {
      name: `a day of a site of ${SITE_STATIONS} stations, by EVSE`,
      runs: SITE_RUNS,
      ask: async (run) => [
        await store.retention.siteQuarters({
          stationIds: site,
          by: 'evse',
          ...quarterDayOf(run),
          limit: 10_000,
        }),
      ],
    },
    {
      name: 'a day of a station in quarters',
      runs: RUNS,
      ask: async (run) => [
        await store.retention.quarters({ stationId: idOf(1 + pick(run, STATIONS)), ...quarterDayOf(run) }),
      ],
    },
  ]
}

/** What the retention loop does: how long each step holds the event loop. */
async function rollUp(store: Store): Promise<{ readings: number; p50Ms: number; p99Ms: number }> {
  const times: number[] = []
  let readings = 0
  for (let step = 0; step < ROLL_UP_STEPS; step++) {
    const startMs = performance.now()
    readings += await store.retention.rollUp(ROLL_UP_BATCH)
    times.push(performance.now() - startMs)
  }
  times.sort((one, other) => one - other)
  const at = (share: number) => round(times[Math.floor(times.length * share)] ?? Number.NaN)
  return { readings, p50Ms: at(0.5), p99Ms: at(0.99) }
}

interface Measured {
  readonly rows: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of this process, per run: what it would take without neighbours on shared cores. */
  readonly cpuMs: number
}

async function measure({ runs, ask }: Query): Promise<Measured> {
  const times: number[] = []
  let rows = 0
  const cpuBefore = process.cpuUsage()
  for (let run = 0; run < runs; run++) {
    const startMs = performance.now()
    const answers = await ask(run)
    for (const items of answers) JSON.stringify({ items })
    times.push(performance.now() - startMs)
    rows = answers.reduce((sum, items) => sum + items.length, 0)
    if (rows === 0) throw new Error('A query found nothing: the database is not what it should be')
  }
  const { user, system } = process.cpuUsage(cpuBefore)
  times.sort((one, other) => one - other)
  const at = (share: number) => times[Math.min(runs - 1, Math.floor(runs * share))] ?? Number.NaN
  return { rows, p50Ms: round(at(0.5)), p99Ms: round(at(0.99)), cpuMs: round((user + system) / 1000 / runs) }
}

const round = (value: number) => Number(value.toFixed(2))

/** The API's queries on 10 million meter values, each with the JSON text of its answer. True when all are fast enough. */
export async function run(print: (line: string) => void): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'gridkeep-bench-'))
  const path = join(directory, 'gridkeep.db')
  try {
    // The service's own migrations make the schema.
    await createSqliteStore(path).close()
    const startMs = performance.now()
    const built = build(path)
    const buildS = (performance.now() - startMs) / 1000
    const sizeMb = statSync(path).size / 1e6
    print(
      JSON.stringify({
        bench: 'meter-database',
        ...built,
        buildS: round(buildS),
        sizeMb: Math.round(sizeMb),
      }),
    )
    const store = createSqliteStore(path)
    let met = true
    try {
      const report = async (query: Query): Promise<void> => {
        const measured = await measure(query)
        met &&= measured.p99Ms < LIMIT_MS
        print(JSON.stringify({ bench: 'meter-database', query: query.name, ...measured, limitMs: LIMIT_MS }))
      }
      for (const query of queries(store, built)) await report(query)
      print(JSON.stringify({ bench: 'meter-database', rollUp: await rollUp(store) }))
    } finally {
      await store.close()
    }
    print(JSON.stringify({ bench: 'meter-database', met }))
    return met
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
