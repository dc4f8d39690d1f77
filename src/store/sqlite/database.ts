import Sqlite from 'better-sqlite3'
import { migrations } from './migrations.ts'

export type SqlValue = string | number | bigint | Uint8Array | null
export type Row = Record<string, SqlValue>

/** Jobs committed together; beyond it the rest waits for the next turn, so that sockets get theirs. */
const MAX_BATCH = 512

interface Job {
  run(): void
  settle(): void
  fail(error: unknown): void
}

/**
 * One SQLite connection with group commit.
 *
 * Writes that arrive in the same turn of the event loop share one transaction and one fsync; each has a savepoint
 * of its own, so that one that throws undoes only itself. A promise resolves after the commit: what a station
 * is told is accepted is on disk. Jobs run one after the other and are synchronous, so a read outside of
 * a job sees committed data only.
 */
export class Database {
  readonly #db: Sqlite.Database
  readonly #savepoint: Sqlite.Statement
  readonly #release: Sqlite.Statement
  readonly #rollbackTo: Sqlite.Statement
  readonly #statements = new Map<string, Sqlite.Statement>()
  #queue: Job[] = []
  #scheduled = false

  constructor(path: string) {
    this.#db = new Sqlite(path)
    this.#db.pragma('journal_mode = WAL')
    // FULL: a commit survives power loss, not only the death of the process. Group commit pays for it.
    this.#db.pragma('synchronous = FULL')
    this.#db.pragma('busy_timeout = 5000')
    this.#db.pragma('foreign_keys = ON')
    this.#migrate()
    this.#savepoint = this.#db.prepare('SAVEPOINT job')
    this.#release = this.#db.prepare('RELEASE job')
    this.#rollbackTo = this.#db.prepare('ROLLBACK TO job')
  }

  /** First matching row. Statements are prepared once per text. */
  get(sql: string, ...args: SqlValue[]): Row | undefined {
    return this.#prepare(sql).get(...args) as Row | undefined
  }

  all(sql: string, ...args: SqlValue[]): Row[] {
    return this.#prepare(sql).all(...args) as Row[]
  }

  /** Only inside `write`. */
  run(sql: string, ...args: SqlValue[]): { changes: number; lastId: number } {
    const info = this.#prepare(sql).run(...args)
    return { changes: info.changes, lastId: Number(info.lastInsertRowid) }
  }

  /** Queues a job; its promise settles when the transaction that holds it has been committed. */
  write<T>(job: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let value: T
      this.#queue.push({
        run: () => {
          value = job()
        },
        settle: () => resolve(value),
        fail: reject,
      })
      if (!this.#scheduled) {
        this.#scheduled = true
        setImmediate(() => this.#flush())
      }
    })
  }

  check(): void {
    this.#db.prepare('SELECT 1 FROM stations LIMIT 1').get()
  }

  close(): void {
    while (this.#queue.length > 0) this.#flush()
    this.#db.close()
  }

  #prepare(sql: string): Sqlite.Statement {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #flush(): void {
    this.#scheduled = false
    const batch = this.#queue.splice(0, MAX_BATCH)
    if (batch.length === 0) return
    if (this.#queue.length > 0) {
      this.#scheduled = true
      setImmediate(() => this.#flush())
    }
    const done: Job[] = []
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      for (const job of batch) if (this.#runOne(job)) done.push(job)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      for (const job of batch) job.fail(error)
      return
    }
    for (const job of done) job.settle()
  }

  #runOne(job: Job): boolean {
    this.#savepoint.run()
    try {
      job.run()
      this.#release.run()
      return true
    } catch (error) {
      // Some errors (a full disk) end the whole transaction; then there is no savepoint left to go back to.
      if (!this.#db.inTransaction) throw error
      this.#rollbackTo.run()
      this.#release.run()
      job.fail(error)
      return false
    }
  }

  #migrate(): void {
    const version = Number(this.#db.pragma('user_version', { simple: true }))
    if (version > migrations.length) {
      throw new Error(
        `The database is of schema version ${version}, this Gridkeep knows ${migrations.length}: start the newer Gridkeep, or restore a backup`,
      )
    }
    for (const [index, sql] of migrations.entries()) {
      if (index < version) continue
      this.#db.transaction(() => {
        this.#db.exec(sql)
        this.#db.pragma(`user_version = ${index + 1}`)
      })()
    }
  }
}
