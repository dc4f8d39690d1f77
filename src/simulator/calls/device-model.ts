import type {
  ComponentCriterionEnumType,
  ComponentVariableType,
  ReportDataType,
} from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Placed } from '../device/model.ts'

/** B05-B08: variables one by one, and as reports in parts. */
export function deviceModelCalls(context: StationContext): Handlers {
  const { device } = context
  const itemsPerMessage = (kind: string) => device.number(`DeviceDataCtrlr.ItemsPerMessage[${kind}]`)

  const sendReport = (requestId: number, placed: readonly Placed[]) => {
    const size = itemsPerMessage('GetReport')
    const parts = Math.max(1, Math.ceil(placed.length / size))
    const generatedAt = context.clock.iso()
    for (let seqNo = 0; seqNo < parts; seqNo++) {
      const reportData: ReportDataType[] = placed
        .slice(seqNo * size, (seqNo + 1) * size)
        .map((each) => device.report(each))
      const request = { requestId, generatedAt, seqNo, tbc: seqNo < parts - 1, reportData }
      context.send('NotifyReport', request, { solicited: true })
    }
  }

  return {
    GetVariables: ({ getVariableData }) => ({
      answer: { getVariableResult: getVariableData.map((each) => device.get(each)) },
    }),
    SetVariables: ({ setVariableData }) => ({
      answer: { setVariableResult: setVariableData.map((each) => device.set(each)) },
    }),
    GetBaseReport: ({ requestId, reportBase }) => {
      // A summary is the components that are unavailable, unless it says otherwise; the rest is inventory.
      const placed =
        reportBase === 'ConfigurationInventory'
          ? device.all().filter((each) => each.spec.mutability !== 'ReadOnly')
          : reportBase === 'SummaryInventory'
            ? device.all().filter((each) => ['AvailabilityState', 'Problem'].includes(each.spec.variable))
            : device.all()
      return { answer: { status: 'Accepted' }, after: () => sendReport(requestId, placed) }
    },
    GetReport: ({ requestId, componentVariable, componentCriteria }) => {
      const placed = device
        .all()
        .filter((each) => isNamed(each, componentVariable) && meets(context, each, componentCriteria))
      if (placed.length === 0) return { answer: { status: 'EmptyResultSet' } }
      return { answer: { status: 'Accepted' }, after: () => sendReport(requestId, placed) }
    },
  }
}

const same = (a: string | undefined, b: string | undefined) => a?.toLowerCase() === b?.toLowerCase()

export function isNamed(placed: Placed, wanted: readonly ComponentVariableType[] | undefined): boolean {
  if (wanted === undefined) return true
  const { spec, evse } = placed
  return wanted.some(({ component, variable }) => {
    if (!same(component.name, spec.component)) return false
    if (component.instance !== undefined && !same(component.instance, spec.componentInstance)) return false
    if (component.evse !== undefined && component.evse.id !== evse?.id) return false
    const connectorId = component.evse?.connectorId
    if (connectorId !== undefined && connectorId !== evse?.connectorId) return false
    if (variable === undefined) return true
    if (!same(variable.name, spec.variable)) return false
    return variable.instance === undefined || same(variable.instance, spec.variableInstance)
  })
}

/** B08: a component meets a criterion when its variable of that name says so, or it has none (Active, Available). */
function meets(
  context: StationContext,
  placed: Placed,
  criteria: readonly ComponentCriterionEnumType[] | undefined,
): boolean {
  if (criteria === undefined || criteria.length === 0) return true
  return criteria.some((criterion) => {
    const component = {
      name: placed.spec.component,
      ...(placed.evse === undefined ? {} : { evse: placed.evse }),
    }
    const found = context.device.find(component, { name: criterion })
    if (found === undefined) return criterion !== 'Problem'
    return context.device.value(found).toLowerCase() === 'true'
  })
}
