import type {
  EventDataType,
  MonitoringBaseEnumType,
  MonitoringCriterionEnumType,
  MonitoringDataType,
  SetMonitoringDataType,
  SetMonitoringResultType,
} from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Placed } from '../device/model.ts'
import type { Cancel } from '../scheduler.ts'
import { isNamed } from './device-model.ts'

interface Monitor {
  readonly id: number
  readonly placed: Placed
  readonly data: SetMonitoringDataType
  /** Beyond its threshold at the moment; tells a cleared alarm from a silent one. */
  alarmed: boolean
  lastValue: number
  cancel: Cancel
}

const MAX_MONITORS = 100
const REPORT_SIZE = 16
const WATCH_PERIOD_MS = 5000

/** N02-N08: variable monitors, their reports and the events they raise. */
export class Monitoring {
  readonly #context: StationContext
  readonly #monitors = new Map<number, Monitor>()
  #nextId = 1
  #eventId = 1
  #level = 9
  #cancelWatch: Cancel = () => {}

  constructor(context: StationContext) {
    this.#context = context
  }

  stop(): void {
    this.#cancelWatch()
    for (const monitor of this.#monitors.values()) monitor.cancel()
  }

  readonly handlers: Handlers = {
    SetVariableMonitoring: ({ setMonitoringData }) => ({
      answer: { setMonitoringResult: setMonitoringData.map((data) => this.#set(data)) },
    }),
    ClearVariableMonitoring: ({ id }) => ({
      answer: {
        clearMonitoringResult: id.map((each) => ({
          id: each,
          status: this.#remove(each) ? 'Accepted' : 'NotFound',
        })),
      },
    }),
    SetMonitoringBase: ({ monitoringBase }) => {
      this.#rebase(monitoringBase)
      return { answer: { status: 'Accepted' } }
    },
    SetMonitoringLevel: ({ severity }) => {
      if (severity < 0 || severity > 9) return { answer: { status: 'Rejected' } }
      this.#level = severity
      this.#context.device.put('MonitoringCtrlr.ActiveMonitoringLevel', String(severity))
      return { answer: { status: 'Accepted' } }
    },
    GetMonitoringReport: ({ requestId, componentVariable, monitoringCriteria }) => {
      const found = [...this.#monitors.values()].filter(
        ({ placed, data }) => isNamed(placed, componentVariable) && meets(data, monitoringCriteria),
      )
      if (found.length === 0) return { answer: { status: 'EmptyResultSet' } }
      return { answer: { status: 'Accepted' }, after: () => this.#report(requestId, found) }
    },
  }

  #set(data: SetMonitoringDataType): SetMonitoringResultType {
    const { component, variable, type, severity } = data
    const result = { component, variable, type, severity }
    const { device } = this.#context
    const placed = device.find(component, variable)
    if (placed === undefined) {
      const known = device.hasComponent(component)
      return { ...result, status: known ? 'UnknownVariable' : 'UnknownComponent' }
    }
    if (!placed.spec.monitored) return { ...result, status: 'UnsupportedMonitorType' }
    const status = this.#refusal(data, placed)
    if (status !== undefined) return { ...result, status }
    const id = data.id ?? this.#nextId
    this.#nextId = Math.max(this.#nextId, id + 1)
    this.#remove(id)
    this.#add(id, placed, data)
    return { ...result, id, status: 'Accepted' }
  }

  #refusal(data: SetMonitoringDataType, placed: Placed): SetMonitoringResultType['status'] | undefined {
    if (data.severity < 0 || data.severity > 9) return 'Rejected'
    const numeric = placed.spec.dataType === 'decimal' || placed.spec.dataType === 'integer'
    if (!numeric && data.type !== 'Delta' && !data.type.startsWith('Periodic'))
      return 'UnsupportedMonitorType'
    const present = data.id === undefined ? undefined : this.#monitors.get(data.id)
    if (data.id !== undefined && present === undefined) return 'Rejected'
    if (present !== undefined && present.placed.key !== placed.key) return 'Rejected'
    const duplicate = [...this.#monitors.values()].some(
      (monitor) =>
        monitor.id !== data.id &&
        monitor.placed.key === placed.key &&
        monitor.data.type === data.type &&
        monitor.data.severity === data.severity,
    )
    if (duplicate) return 'Duplicate'
    return this.#monitors.size >= MAX_MONITORS && present === undefined ? 'Rejected' : undefined
  }

  #add(id: number, placed: Placed, data: SetMonitoringDataType): void {
    const lastValue = Number(this.#context.device.value(placed))
    const monitor: Monitor = { id, placed, data, alarmed: false, lastValue, cancel: () => {} }
    if (data.type.startsWith('Periodic') && data.value > 0) {
      monitor.cancel = this.#context.scheduler.every(data.value * 1000, () => {
        this.#raise(monitor, 'Periodic', false)
      })
    }
    this.#monitors.set(id, monitor)
    if (this.#monitors.size === 1) {
      this.#cancelWatch = this.#context.scheduler.every(WATCH_PERIOD_MS, () => this.#look())
    }
  }

  #remove(id: number): boolean {
    this.#monitors.get(id)?.cancel()
    const removed = this.#monitors.delete(id)
    if (this.#monitors.size === 0) this.#cancelWatch()
    return removed
  }

  #look(): void {
    for (const monitor of this.#monitors.values()) {
      const { type, value: bound } = monitor.data
      const value = Number(this.#context.device.value(monitor.placed))
      if (type === 'Delta') {
        if (Math.abs(value - monitor.lastValue) < bound) continue
        monitor.lastValue = value
        this.#raise(monitor, 'Delta', false)
      } else if (type === 'UpperThreshold' || type === 'LowerThreshold') {
        const beyond = type === 'UpperThreshold' ? value > bound : value < bound
        if (beyond === monitor.alarmed) continue
        monitor.alarmed = beyond
        this.#raise(monitor, 'Alerting', !beyond)
      }
    }
  }

  #raise(monitor: Monitor, trigger: EventDataType['trigger'], cleared: boolean): void {
    if (monitor.data.severity > this.#level) return
    const { clock, device } = this.#context
    const { component, variable } = device.report(monitor.placed)
    const eventData: EventDataType = {
      eventId: this.#eventId++,
      timestamp: clock.iso(),
      trigger,
      actualValue: device.value(monitor.placed),
      component,
      variable,
      variableMonitoringId: monitor.id,
      eventNotificationType: 'CustomMonitor',
      ...(cleared ? { cleared } : {}),
    }
    this.#context.send('NotifyEvent', { generatedAt: clock.iso(), seqNo: 0, eventData: [eventData] })
  }

  #rebase(base: MonitoringBaseEnumType): void {
    this.#context.device.put('MonitoringCtrlr.ActiveMonitoringBase', base)
    // This station has no preconfigured monitors: back to the factory means none of ours.
    if (base !== 'All') for (const id of [...this.#monitors.keys()]) this.#remove(id)
  }

  #report(requestId: number, monitors: readonly Monitor[]): void {
    const { clock, device } = this.#context
    const data = monitors.map(({ id, placed, data: { type, value, severity, transaction } }) => ({
      component: device.report(placed).component,
      variable: device.report(placed).variable,
      variableMonitoring: [{ id, type, value, severity, transaction: transaction ?? false }],
    })) satisfies MonitoringDataType[]
    const parts = Math.ceil(data.length / REPORT_SIZE)
    for (let seqNo = 0; seqNo < parts; seqNo++) {
      const monitor = data.slice(seqNo * REPORT_SIZE, (seqNo + 1) * REPORT_SIZE)
      const request = { requestId, seqNo, tbc: seqNo < parts - 1, generatedAt: clock.iso(), monitor }
      this.#context.send('NotifyMonitoringReport', request, { solicited: true })
    }
  }
}

function meets(
  data: SetMonitoringDataType,
  criteria: readonly MonitoringCriterionEnumType[] | undefined,
): boolean {
  if (criteria === undefined || criteria.length === 0) return true
  return criteria.some((criterion) => {
    if (criterion === 'ThresholdMonitoring') return data.type.endsWith('Threshold')
    if (criterion === 'DeltaMonitoring') return data.type === 'Delta'
    return data.type.startsWith('Periodic')
  })
}
