/** The device model as Gridkeep keeps it: one row per attribute, from reports and from Get/SetVariables results. */

import type {
  AttributeEnumType,
  ComponentType,
  GetVariableResultType,
  ReportDataType,
  SetVariableDataType,
  SetVariableResultType,
  VariableType,
} from '../ocpp/v201/messages.generated.ts'
import type { VariableAttribute } from '../store/stations.ts'

/** Values that must never be stored or shown (A01.FR.09), by component and variable in lower case. */
const SECRETS: ReadonlySet<string> = new Set(['securityctrlr.basicauthpassword'])

export function isSecret(component: ComponentType, variable: VariableType): boolean {
  return SECRETS.has(`${component.name}.${variable.name}`.toLowerCase())
}

function attribute(
  component: ComponentType,
  variable: VariableType,
  attributeType: AttributeEnumType,
): Omit<VariableAttribute, 'value'> {
  return {
    component: component.name,
    componentInstance: component.instance ?? null,
    evseId: component.evse?.id ?? null,
    connectorId: component.evse?.connectorId ?? null,
    variable: variable.name,
    variableInstance: variable.instance ?? null,
    attributeType,
    mutability: null,
    persistent: null,
    constant: null,
    characteristics: null,
  }
}

export function reportedAttributes(data: ReportDataType): VariableAttribute[] {
  const { component, variable } = data
  return data.variableAttribute.map((reported) => ({
    ...attribute(component, variable, reported.type ?? 'Actual'),
    value: isSecret(component, variable) ? null : (reported.value ?? null),
    // Defaults of VariableAttributeType.
    mutability: reported.mutability ?? 'ReadWrite',
    persistent: reported.persistent ?? false,
    constant: reported.constant ?? false,
    characteristics: data.variableCharacteristics ?? null,
  }))
}

export function readAttributes(result: GetVariableResultType): VariableAttribute[] {
  const { component, variable, attributeValue } = result
  if (result.attributeStatus !== 'Accepted' || attributeValue === undefined || isSecret(component, variable))
    return []
  return [{ ...attribute(component, variable, result.attributeType ?? 'Actual'), value: attributeValue }]
}

/** Results name their variable; the value is in the request. RebootRequired: the old value still rules. */
export function writtenAttributes(
  data: readonly SetVariableDataType[],
  results: readonly SetVariableResultType[],
): VariableAttribute[] {
  return results.flatMap((result) => {
    const { component, variable } = result
    if (result.attributeStatus !== 'Accepted' || isSecret(component, variable)) return []
    const value = data.find((wanted) => isSameAttribute(wanted, result))?.attributeValue
    if (value === undefined) return []
    return [{ ...attribute(component, variable, result.attributeType ?? 'Actual'), value }]
  })
}

/** The new BasicAuthPassword that the station has taken, if there was one. */
export function writtenPassword(
  data: readonly SetVariableDataType[],
  results: readonly SetVariableResultType[],
): string | undefined {
  const result = results.find(
    ({ component, variable, attributeStatus }) =>
      isSecret(component, variable) &&
      (attributeStatus === 'Accepted' || attributeStatus === 'RebootRequired'),
  )
  if (result === undefined) return undefined
  return data.find((wanted) => isSameAttribute(wanted, result))?.attributeValue
}

function isSameAttribute(wanted: SetVariableDataType, result: SetVariableResultType): boolean {
  return (
    (wanted.attributeType ?? 'Actual') === (result.attributeType ?? 'Actual') &&
    same(wanted.component.name, result.component.name) &&
    same(wanted.component.instance, result.component.instance) &&
    wanted.component.evse?.id === result.component.evse?.id &&
    wanted.component.evse?.connectorId === result.component.evse?.connectorId &&
    same(wanted.variable.name, result.variable.name) &&
    same(wanted.variable.instance, result.variable.instance)
  )
}

/** Names of components and variables are case insensitive (OCPP 2.0.1 part 1, 4.2). */
function same(a: string | undefined, b: string | undefined): boolean {
  return a?.toLowerCase() === b?.toLowerCase()
}
