import type { Action } from '../../ocpp/v201/messages.generated.ts'
import type { OrderFilter, OrderStore, StationOrder, StationOrderState } from '../orders.ts'
import type { Database, Row, SqlValue } from './database.ts'
import { intOrNull, json, jsonOrNull, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

export function createOrderStore(db: Database): OrderStore {
  return {
    put: (order) =>
      db.write(() => {
        db.run(
          `INSERT INTO station_orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET state = excluded.state, outcome = excluded.outcome, detail = excluded.detail,
             response = excluded.response, result = excluded.result, updated_at = excluded.updated_at,
             expires_at = excluded.expires_at`,
          ...values(order),
        )
      }),

    get: async (id) => {
      const row = db.get('SELECT * FROM station_orders WHERE id = ?', id)
      return row && toOrder(row)
    },

    list: async (filter = {}) => listOrders(db, filter),

    prune: (at) =>
      db.write(
        () =>
          db.run(`DELETE FROM station_orders WHERE state IN ('done', 'failed') AND updated_at < ?`, at)
            .changes,
      ),
  }
}

function values(order: StationOrder): SqlValue[] {
  return [
    order.id,
    order.stationId,
    order.action,
    JSON.stringify(order.request),
    order.actor,
    order.state,
    order.outcome,
    order.detail,
    order.response === null ? null : JSON.stringify(order.response),
    order.result === null ? null : JSON.stringify(order.result),
    order.correlation,
    order.createdAt,
    order.updatedAt,
    order.expiresAt,
  ]
}

function listOrders(db: Database, filter: OrderFilter): StationOrder[] {
  const { clause, args } = where([
    ['station_id = ?', filter.stationId],
    ['action = ?', filter.action],
    ['rowid < (SELECT rowid FROM station_orders WHERE id = ?)', filter.before],
    [
      'state IN (SELECT value FROM json_each(?))',
      filter.states === undefined ? undefined : JSON.stringify(filter.states),
    ],
  ])
  return db
    .all(
      `SELECT * FROM station_orders ${clause} ORDER BY rowid DESC LIMIT ?`,
      ...args,
      pageSize(filter.limit),
    )
    .map(toOrder)
}

function toOrder(row: Row): StationOrder {
  return {
    id: text(row, 'id'),
    stationId: text(row, 'station_id'),
    action: oneOf<Action>(row, 'action'),
    request: json<object>(row, 'request'),
    actor: text(row, 'actor'),
    state: oneOf<StationOrderState>(row, 'state'),
    outcome: textOrNull(row, 'outcome'),
    detail: textOrNull(row, 'detail'),
    response: jsonOrNull<object>(row, 'response'),
    result: jsonOrNull<object>(row, 'result'),
    correlation: intOrNull(row, 'correlation'),
    createdAt: text(row, 'created_at'),
    updatedAt: text(row, 'updated_at'),
    expiresAt: textOrNull(row, 'expires_at'),
  }
}
