/** Who is connected to this node: at most one connection per station, the newest (part 4 knows no other). */

import type { Connection } from './connection.ts'

export class Registry {
  private readonly byStation = new Map<string, Connection>()

  get size(): number {
    return this.byStation.size
  }

  get(stationId: string): Connection | undefined {
    return this.byStation.get(stationId)
  }

  /** Gives back the connection that this one replaces. */
  add(connection: Connection): Connection | undefined {
    const former = this.byStation.get(connection.stationId)
    this.byStation.set(connection.stationId, connection)
    return former
  }

  /** False where a newer connection of the station has taken the place already. */
  remove(connection: Connection): boolean {
    if (this.byStation.get(connection.stationId) !== connection) return false
    return this.byStation.delete(connection.stationId)
  }

  connections(): IterableIterator<Connection> {
    return this.byStation.values()
  }

  stationIds(): string[] {
    return [...this.byStation.keys()]
  }
}
