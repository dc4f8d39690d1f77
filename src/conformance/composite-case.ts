import { Ajv } from 'ajv'
import type { ChargingProfile, CompositePeriod } from '../../profiles/index.ts'

/** One line of a case file. Fields beyond these are left to other readers of the file. */
export interface CompositeCase {
  readonly name: string
  readonly n: number
  readonly evses: number
  readonly defaults: {
    readonly A: number
    readonly W: number
    readonly numberPhases: number
    readonly voltage: number
  }
  readonly profiles: readonly { readonly evseId: number | string; readonly profile: ChargingProfile }[]
  readonly transactions: readonly {
    readonly evse: number
    readonly id: string
    readonly start: string | null
  }[]
  readonly query: {
    readonly start: string
    readonly end: string
    readonly evseId: number
    readonly unit: 'A' | 'W'
    readonly offline: boolean
    readonly simulateTx: boolean
  }
  readonly expected: {
    readonly duration: number | null
    readonly periods: readonly (Partial<CompositePeriod> & { readonly startPeriod: number })[]
  }
}

const number = { type: 'number' }
const positive = { type: 'number', exclusiveMinimum: 0 }
const count = { type: 'integer', minimum: 0 }
const boolean = { type: 'boolean' }
const time = {
  type: 'string',
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:\\d\\d)?$',
}
const unit = { enum: ['A', 'W'] }

/** An object that must have `properties` and may have `optional` ones. */
const object = (properties: object, optional: object = {}) => ({
  type: 'object',
  required: Object.keys(properties),
  properties: { ...properties, ...optional },
})
const list = (items: object, minItems = 0) => ({ type: 'array', items, minItems })
const perPhase = (name: string) => ({ [name]: number, [`${name}_L2`]: number, [`${name}_L3`]: number })

const period = object(
  { startPeriod: count },
  {
    ...perPhase('limit'),
    ...perPhase('setpoint'),
    ...perPhase('dischargeLimit'),
    numberPhases: { enum: [1, 2, 3] },
    phaseToUse: { enum: [1, 2, 3] },
    operationMode: { type: 'string' },
  },
)

const profile = object(
  {
    id: { type: 'integer' },
    stackLevel: count,
    chargingProfilePurpose: {
      enum: [
        'ChargingStationExternalConstraints',
        'ChargingStationMaxProfile',
        'TxDefaultProfile',
        'TxProfile',
        'PriorityCharging',
        'LocalGeneration',
      ],
    },
    chargingProfileKind: { enum: ['Absolute', 'Recurring', 'Relative', 'Dynamic'] },
    chargingSchedule: list(
      object(
        { chargingRateUnit: unit, chargingSchedulePeriod: list(period, 1) },
        { startSchedule: time, duration: count },
      ),
      1,
    ),
  },
  {
    recurrencyKind: { enum: ['Daily', 'Weekly'] },
    validFrom: time,
    validTo: time,
    transactionId: { type: 'string' },
    maxOfflineDuration: count,
    invalidAfterOfflineDuration: boolean,
  },
)

const SCHEMA = object({
  name: { type: 'string' },
  n: { type: 'integer' },
  evses: { type: 'integer', minimum: 1, maximum: 1000 },
  defaults: object({ A: number, W: number, numberPhases: { enum: [1, 2, 3] }, voltage: positive }),
  profiles: list(object({ evseId: { anyOf: [count, { type: 'string', pattern: '^\\d{1,9}$' }] }, profile })),
  transactions: list(
    object({ evse: count, id: { type: 'string' }, start: { anyOf: [time, { type: 'null' }] } }),
  ),
  query: object({ start: time, end: time, evseId: count, unit, offline: boolean, simulateTx: boolean }),
  expected: object({ duration: { anyOf: [number, { type: 'null' }] }, periods: list(period, 1) }),
})

const isCase = new Ajv({ allowUnionTypes: true }).compile<CompositeCase>(SCHEMA)

/** A case, or what is wrong with the line: the path of the field and what it must be. */
export function readCase(line: string): CompositeCase | string {
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch (cause) {
    return `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`
  }
  if (isCase(read)) return read
  const [error] = isCase.errors ?? []
  const allowed: unknown = error?.params.allowedValues
  const values = Array.isArray(allowed) ? ` (${allowed.join(', ')})` : ''
  return `${error?.instancePath || 'the line'} ${error?.message}${values}`
}
