import type {
  ComponentType,
  EVSEType,
  GetVariableDataType,
  GetVariableResultType,
  ReportDataType,
  SetVariableDataType,
  SetVariableResultType,
  SetVariableStatusEnumType,
  VariableType,
} from '../../ocpp/v201/messages.generated.ts'
import { isDateTime } from '../wire.ts'
import { type LiveValues, VARIABLES, type VariableSpec } from './variables.ts'

/** One variable where it really is: a spec, and the EVSE or connector it belongs to. */
export interface Placed {
  readonly spec: VariableSpec
  readonly evse: EVSEType | undefined
  readonly key: string
}

export interface Layout {
  /** Number of connectors of each EVSE; EVSE ids start at 1. */
  readonly connectors: readonly number[]
}

export type ChangeListener = (placed: Placed, value: string) => void

/** Names are case-insensitive in OCPP. */
function keyOf(component: ComponentType, variable: VariableType): string {
  const place = component.evse ? `@${component.evse.id}.${component.evse.connectorId ?? ''}` : ''
  const name = `${component.name}#${component.instance ?? ''}${place}/${variable.name}#${variable.instance ?? ''}`
  return name.toLowerCase()
}

const placements = new Map<string, readonly Placed[]>()

/** Stations of the same shape share their list of variables. */
function placeAll(layout: Layout): readonly Placed[] {
  const shape = layout.connectors.join(',')
  const known = placements.get(shape)
  if (known !== undefined) return known
  const placed = VARIABLES.flatMap((spec) => placesOf(spec, layout).map((evse) => place(spec, evse)))
  placements.set(shape, placed)
  return placed
}

function placesOf(spec: VariableSpec, layout: Layout): (EVSEType | undefined)[] {
  if (spec.level === 'station') return [undefined]
  return layout.connectors.flatMap((connectors, index): EVSEType[] =>
    spec.level === 'evse'
      ? [{ id: index + 1 }]
      : Array.from({ length: connectors }, (_, connector) => ({ id: index + 1, connectorId: connector + 1 })),
  )
}

function place(spec: VariableSpec, evse: EVSEType | undefined): Placed {
  return { spec, evse, key: keyOf(componentOf(spec, evse), variableOf(spec)) }
}

function componentOf(spec: VariableSpec, evse: EVSEType | undefined): ComponentType {
  return {
    name: spec.component,
    ...(spec.componentInstance === undefined ? {} : { instance: spec.componentInstance }),
    ...(evse === undefined ? {} : { evse }),
  }
}

function variableOf(spec: VariableSpec): VariableType {
  return {
    name: spec.variable,
    ...(spec.variableInstance === undefined ? {} : { instance: spec.variableInstance }),
  }
}

const indexes = new Map<readonly Placed[], ReadonlyMap<string, Placed>>()

function indexOf(placed: readonly Placed[]): ReadonlyMap<string, Placed> {
  const known = indexes.get(placed)
  if (known !== undefined) return known
  const index = new Map(placed.map((each) => [each.key, each]))
  indexes.set(placed, index)
  return index
}

/** The station's components and variables: defaults shared by all stations, differences kept here. */
export class DeviceModel {
  readonly #placed: readonly Placed[]
  readonly #index: ReadonlyMap<string, Placed>
  readonly #live: LiveValues
  readonly #values = new Map<string, string>()
  readonly #onChange: ChangeListener

  constructor(options: { layout: Layout; live: LiveValues; onChange: ChangeListener }) {
    this.#placed = placeAll(options.layout)
    this.#index = indexOf(this.#placed)
    this.#live = options.live
    this.#onChange = options.onChange
  }

  all(): readonly Placed[] {
    return this.#placed
  }

  find(component: ComponentType, variable: VariableType): Placed | undefined {
    return this.#index.get(keyOf(component, variable))
  }

  value(placed: Placed): string {
    const { spec, evse, key } = placed
    const own = this.#values.get(key)
    if (own !== undefined) return own
    return spec.live === undefined ? spec.value : String(spec.live(this.#live, evse?.id, evse?.connectorId))
  }

  /** Reads by the short name that this file's callers use: `Component.Variable` or `Component.Variable[instance]`. */
  text(name: string): string {
    const placed = this.#named(name)
    return this.value(placed)
  }

  number(name: string): number {
    return Number(this.text(name))
  }

  flag(name: string): boolean {
    return this.text(name).toLowerCase() === 'true'
  }

  list(name: string): readonly string[] {
    return this.text(name)
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  }

  /** The largest value that a variable's characteristics allow. */
  limit(name: string): number {
    return this.#named(name).spec.max ?? Number.POSITIVE_INFINITY
  }

  /** Set by the station itself or its owner, whatever the mutability. */
  put(name: string, value: string): void {
    this.#store(this.#named(name), value)
  }

  get(request: GetVariableDataType): GetVariableResultType {
    const { component, variable, attributeType = 'Actual' } = request
    const result = { component, variable, attributeType }
    const placed = this.find(component, variable)
    if (placed === undefined) return { ...result, attributeStatus: this.#unknown(component) }
    if (attributeType !== 'Actual') return { ...result, attributeStatus: 'NotSupportedAttributeType' }
    if (placed.spec.mutability === 'WriteOnly') return { ...result, attributeStatus: 'Rejected' }
    return { ...result, attributeStatus: 'Accepted', attributeValue: this.value(placed) }
  }

  set(request: SetVariableDataType): SetVariableResultType {
    const { component, variable, attributeType = 'Actual', attributeValue } = request
    const result = { component, variable, attributeType }
    const placed = this.find(component, variable)
    if (placed === undefined) return { ...result, attributeStatus: this.#unknown(component) }
    if (attributeType !== 'Actual') return { ...result, attributeStatus: 'NotSupportedAttributeType' }
    const refusal = refuses(placed.spec, attributeValue)
    if (refusal !== undefined) {
      return { ...result, attributeStatus: 'Rejected', attributeStatusInfo: { reasonCode: refusal } }
    }
    this.#store(placed, attributeValue)
    return { ...result, attributeStatus: placed.spec.rebootRequired ? 'RebootRequired' : 'Accepted' }
  }

  report(placed: Placed): ReportDataType {
    const { spec, evse } = placed
    const readable = spec.mutability !== 'WriteOnly'
    return {
      component: componentOf(spec, evse),
      variable: variableOf(spec),
      variableAttribute: [
        {
          type: 'Actual',
          mutability: spec.mutability,
          persistent: true,
          constant: false,
          ...(readable ? { value: this.value(placed) } : {}),
        },
      ],
      variableCharacteristics: {
        dataType: spec.dataType,
        supportsMonitoring: spec.monitored ?? false,
        ...(spec.unit === undefined ? {} : { unit: spec.unit }),
        ...(spec.min === undefined ? {} : { minLimit: spec.min }),
        ...(spec.max === undefined ? {} : { maxLimit: spec.max }),
        ...(spec.values === undefined ? {} : { valuesList: spec.values }),
      },
    }
  }

  hasComponent(component: ComponentType): boolean {
    return this.#unknown(component) === 'UnknownVariable'
  }

  #unknown(component: ComponentType): SetVariableStatusEnumType & ('UnknownComponent' | 'UnknownVariable') {
    const prefix = keyOf(component, { name: '' }).replace(/\/#$/, '/')
    for (const key of this.#index.keys()) if (key.startsWith(prefix)) return 'UnknownVariable'
    return 'UnknownComponent'
  }

  #store(placed: Placed, value: string): void {
    this.#values.set(placed.key, value)
    this.#onChange(placed, value)
  }

  #named(name: string): Placed {
    const [component = '', rest = ''] = name.split('.')
    const match = /^([^[]+)(?:\[(.+)\])?$/.exec(rest)
    const instance = match?.[2]
    const variable = { name: match?.[1] ?? rest, ...(instance === undefined ? {} : { instance }) }
    const placed = this.find({ name: component }, variable)
    if (placed === undefined) throw new RangeError(`The simulated station has no variable ${name}.`)
    return placed
  }
}

/** Why a value does not fit, as a reason code; undefined when it does. */
function refuses(spec: VariableSpec, value: string): string | undefined {
  if (spec.mutability === 'ReadOnly') return 'ReadOnly'
  if (value.length > 1000) return 'TooLargeElement'
  if (spec.dataType === 'boolean' && !/^(true|false)$/i.test(value)) return 'InvalidValue'
  if (spec.dataType === 'dateTime' && !isDateTime(value)) return 'InvalidValue'
  if (spec.dataType === 'integer' && !/^-?\d+$/.test(value)) return 'InvalidValue'
  if (spec.dataType === 'decimal' && !/^-?\d+(\.\d+)?$/.test(value)) return 'InvalidValue'
  if (spec.dataType === 'string' && spec.max !== undefined && value.length > spec.max) {
    return 'InvalidValue'
  }
  if (spec.dataType === 'integer' || spec.dataType === 'decimal') {
    const number = Number(value)
    if (number < (spec.min ?? number) || number > (spec.max ?? number)) return 'ValueOutOfRange'
  }
  return refusesMember(spec, value)
}

function refusesMember(spec: VariableSpec, value: string): string | undefined {
  const allowed = spec.values?.split(',')
  if (allowed === undefined) return undefined
  const members = spec.dataType === 'OptionList' ? [value] : value.split(',').map((item) => item.trim())
  const isKnown = (member: string) => allowed.includes(member) || member === ''
  return members.every(isKnown) ? undefined : 'InvalidValue'
}
