import type { BootInfo, Connector, Station, StationStore, VariableAttribute } from '../stations.ts'
import type { Database, Row } from './database.ts'
import { int, intOrNull, json, jsonOrNull, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

export function createStationStore(db: Database): StationStore {
  const get = (id: string): Station | undefined => {
    const row = db.get('SELECT * FROM stations WHERE id = ?', id)
    return row && toStation(row)
  }
  return {
    get: async (id) => get(id),

    list: async (filter = {}) => {
      const { clause, args } = where([
        ['group_id = ?', filter.group],
        ['enrolment = ?', filter.enrolment],
        ['id > ?', filter.after],
      ])
      return db
        .all(`SELECT * FROM stations ${clause} ORDER BY id LIMIT ?`, ...args, pageSize(filter.limit))
        .map(toStation)
    },

    put: (station, at) =>
      db.write(() => {
        db.run(
          `INSERT INTO stations (id, enrolment, registration, security_profile, password_hash, serial_number, organisation, group_id, created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET enrolment = excluded.enrolment, registration = excluded.registration,
             security_profile = excluded.security_profile, password_hash = excluded.password_hash,
             serial_number = excluded.serial_number, organisation = excluded.organisation,
             group_id = excluded.group_id, updated_at = excluded.updated_at`,
          station.id,
          station.enrolment,
          station.registration,
          station.securityProfile,
          station.passwordHash,
          station.serialNumber,
          station.organisation,
          station.group,
          at,
          at,
        )
        const stored = get(station.id)
        if (!stored) throw new Error(`Station ${station.id} was written but cannot be read`)
        return stored
      }),

    remove: (id) =>
      db.write(() => {
        db.run('DELETE FROM connectors WHERE station_id = ?', id)
        db.run('DELETE FROM variables WHERE station_id = ?', id)
        return db.run('DELETE FROM stations WHERE id = ?', id).changes > 0
      }),

    offerUpgrade: (id, to) =>
      db.write(() => {
        db.run('UPDATE stations SET upgrade_to = ? WHERE id = ? AND security_profile < ?', to, id, to)
      }),

    upgradeOf: async (id) => {
      const row = db.get('SELECT upgrade_to FROM stations WHERE id = ?', id)
      return row && toUpgrade(intOrNull(row, 'upgrade_to'))
    },

    completeUpgrade: (id, to, at) =>
      db.write(() => {
        db.run(
          'UPDATE stations SET security_profile = ?, upgrade_to = NULL, updated_at = ? WHERE id = ? AND security_profile < ?',
          to,
          at,
          id,
          to,
        )
      }),

    recordBoot: (id, boot) =>
      db.write(() => {
        db.run(
          'UPDATE stations SET boot = ?, last_seen_at = ? WHERE id = ?',
          JSON.stringify(boot),
          boot.at,
          id,
        )
      }),

    recordSeen: (seen) =>
      db.write(() => {
        for (const [id, at] of seen) db.run('UPDATE stations SET last_seen_at = ? WHERE id = ?', at, id)
      }),

    recordConnector: (connector) =>
      db.write(() => {
        db.run(
          `INSERT INTO connectors VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET status = excluded.status, reported_at = excluded.reported_at, received_at = excluded.received_at`,
          connector.stationId,
          connector.evseId,
          connector.connectorId,
          connector.status,
          connector.reportedAt,
          connector.receivedAt,
        )
      }),

    connectors: async (stationId) =>
      db
        .all('SELECT * FROM connectors WHERE station_id = ? ORDER BY evse_id, connector_id', stationId)
        .map(toConnector),

    recordVariables: (stationId, attributes, at) =>
      db.write(() => {
        for (const attribute of attributes) recordVariable(db, stationId, attribute, at)
      }),

    variables: async (stationId, filter = {}) => {
      const { clause, args } = where([
        ['station_id = ?', stationId],
        ['component = ?', filter.component],
        ['variable = ?', filter.variable],
      ])
      return db.all(`SELECT * FROM variables ${clause}`, ...args).map(toVariable)
    },
  }
}

/** A later report may know less than an earlier one (a Get/SetVariables result has the value only): it does not erase. */
function recordVariable(db: Database, stationId: string, attribute: VariableAttribute, at: string): void {
  db.run(
    `INSERT INTO variables VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET value = coalesce(excluded.value, value), mutability = coalesce(excluded.mutability, mutability),
       persistent = coalesce(excluded.persistent, persistent), constant = coalesce(excluded.constant, constant),
       characteristics = coalesce(excluded.characteristics, characteristics), updated_at = excluded.updated_at`,
    stationId,
    attribute.component,
    attribute.componentInstance ?? '',
    attribute.evseId ?? -1,
    attribute.connectorId ?? -1,
    attribute.variable,
    attribute.variableInstance ?? '',
    attribute.attributeType,
    attribute.value,
    attribute.mutability,
    toFlag(attribute.persistent),
    toFlag(attribute.constant),
    attribute.characteristics === null ? null : JSON.stringify(attribute.characteristics),
    at,
  )
}

function toFlag(value: boolean | null): number | null {
  return value === null ? null : Number(value)
}

function fromFlag(value: number | null): boolean | null {
  return value === null ? null : value === 1
}

function toStation(row: Row): Station {
  const securityProfile = int(row, 'security_profile')
  if (securityProfile !== 1 && securityProfile !== 2 && securityProfile !== 3) {
    throw new Error(`Station ${text(row, 'id')} has security profile ${securityProfile} in the database`)
  }
  return {
    id: text(row, 'id'),
    enrolment: oneOf(row, 'enrolment'),
    registration: oneOf(row, 'registration'),
    securityProfile,
    passwordHash: textOrNull(row, 'password_hash'),
    serialNumber: textOrNull(row, 'serial_number'),
    organisation: textOrNull(row, 'organisation'),
    group: textOrNull(row, 'group_id'),
    boot: jsonOrNull<BootInfo>(row, 'boot'),
    lastSeenAt: textOrNull(row, 'last_seen_at'),
    createdAt: text(row, 'created_at'),
    updatedAt: text(row, 'updated_at'),
  }
}

function toConnector(row: Row): Connector {
  return {
    stationId: text(row, 'station_id'),
    evseId: int(row, 'evse_id'),
    connectorId: int(row, 'connector_id'),
    status: text(row, 'status'),
    reportedAt: text(row, 'reported_at'),
    receivedAt: text(row, 'received_at'),
  }
}

function toVariable(row: Row): VariableAttribute {
  const evseId = int(row, 'evse_id')
  const connectorId = int(row, 'connector_id')
  return {
    component: text(row, 'component'),
    componentInstance: text(row, 'component_instance') || null,
    evseId: evseId === -1 ? null : evseId,
    connectorId: connectorId === -1 ? null : connectorId,
    variable: text(row, 'variable'),
    variableInstance: text(row, 'variable_instance') || null,
    attributeType: oneOf(row, 'attribute_type'),
    value: textOrNull(row, 'value'),
    mutability: textOrNull(row, 'mutability'),
    persistent: fromFlag(intOrNull(row, 'persistent')),
    constant: fromFlag(intOrNull(row, 'constant')),
    characteristics: row.characteristics === null ? null : json<object>(row, 'characteristics'),
  }
}

function toUpgrade(profile: number | null): 2 | 3 | undefined {
  return profile === 2 || profile === 3 ? profile : undefined
}
