import Sqlite from 'better-sqlite3'
import { createLogSync, type LogSync } from './log-sync.ts'
import { migrations } from './migrations.ts'

export type SqlValue = string | number | bigint | Uint8Array | null
export type Row = Record<string, SqlValue>

/** Jobs committed together; beyond it the rest waits for the next turn, so that sockets get theirs. */
const MAX_BATCH = 512
/**
 * Pages in the write-ahead log before they are copied to the database file. A fleet writes the same few thousand
 * pages again and again (the end of each session): a long log copies them once instead of hundreds of times.
 */
const CHECKPOINT_PAGES = 32_000

interface Job {
  run(): void
  settle(): void
  fail(error: unknown): void
}

/**
 * One SQLite connection with group commit.
 *
 * Writes that arrive in the same turn of the event loop share one transaction and one fsync. Where one of them
 * throws, the transaction is undone and run again with a savepoint around each, so that it undoes only itself:
 * a job may run twice, and must take what it knows from the database or from a cache that `onUndo` empties. A promise resolves after the commit: what a station
 * is told is accepted is on disk. Jobs run one after the other and are synchronous, so a read outside of
 * a job sees committed data only.
 */
export class Database {
  readonly #db: Sqlite.Database
  readonly #begin: Sqlite.Statement
  readonly #commit: Sqlite.Statement
  readonly #savepoint: Sqlite.Statement
  readonly #release: Sqlite.Statement
  readonly #rollbackTo: Sqlite.Statement
  readonly #statements = new Map<string, Sqlite.Statement>()
  #queue: Job[] = []
  #scheduled = false
  readonly #log: LogSync | undefined
  readonly #undoListeners: (() => void)[] = []

  constructor(path: string) {
    this.#db = new Sqlite(path)
    this.#db.pragma('journal_mode = WAL')
    // SQLite itself syncs the log only before a checkpoint; we sync it after every commit and before anyone learns
    // of it, but in the thread pool: the event loop does not stand still for the disk.
    this.#db.pragma('synchronous = NORMAL')
    this.#log = path === ':memory:' ? undefined : createLogSync(`${path}-wal`)
    this.#db.pragma('busy_timeout = 5000')
    this.#db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    this.#db.pragma('foreign_keys = ON')
    this.#migrate()
    this.#begin = this.#db.prepare('BEGIN IMMEDIATE')
    this.#commit = this.#db.prepare('COMMIT')
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

  /** Called whenever writes were undone: what was remembered of them is not true. */
  onUndo(listener: () => void): void {
    this.#undoListeners.push(listener)
  }

  check(): void {
    this.#db.prepare('SELECT 1 FROM stations LIMIT 1').get()
  }

  close(): void {
    while (this.#queue.length > 0) this.#flush()
    this.#log?.close()
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
    if (this.#runTogether(batch)) this.#settle(batch)
    else this.#runApart(batch)
  }

  /** The common case: every job succeeds. False where one threw and nothing is left of any. */
  #runTogether(batch: readonly Job[]): boolean {
    try {
      this.#begin.run()
      for (const job of batch) job.run()
      this.#commit.run()
      return true
    } catch {
      this.#undo()
      return false
    }
  }

  #runApart(batch: readonly Job[]): void {
    const done: Job[] = []
    try {
      this.#begin.run()
      for (const job of batch) if (this.#runOne(job)) done.push(job)
      this.#commit.run()
    } catch (error) {
      this.#undo()
      for (const job of batch) job.fail(error)
      return
    }
    this.#settle(done)
  }

  /** Committed: who waits may know once the log is on disk. */
  #settle(jobs: readonly Job[]): void {
    if (this.#log === undefined) {
      for (const job of jobs) job.settle()
      return
    }
    this.#log.afterSync((error) => {
      for (const job of jobs) {
        if (error === null) job.settle()
        else job.fail(error)
      }
    })
  }

  #undo(): void {
    if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
    for (const listener of this.#undoListeners) listener()
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
      for (const listener of this.#undoListeners) listener()
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
