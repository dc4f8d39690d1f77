/** Variables that every station must have, as an operator writes them down in the settings. */

import type { SetVariableDataType } from '../ocpp/v201/messages.generated.ts'

const NAME = '([^.=\\[\\]@]{1,50})(?:\\[([^\\]]{1,50})\\])?'

/** `Component.Variable=value`; instances in brackets, an EVSE after @: `EVSE@1.Power[x]=22000`. */
export const WANTED_VARIABLE = `^${NAME}(?:@(\\d{1,5}))?\\.${NAME}=(.{0,1000})$`

/** The text must match WANTED_VARIABLE. */
export function parseWantedVariable(text: string): SetVariableDataType {
  const match = new RegExp(WANTED_VARIABLE, 's').exec(text)
  if (match === null) throw new Error(`"${text}" is not Component.Variable=value`)
  const [, component = '', componentInstance, evseId, variable = '', variableInstance, value = ''] = match
  return {
    component: {
      name: component,
      ...(componentInstance !== undefined && { instance: componentInstance }),
      ...(evseId !== undefined && { evse: { id: Number(evseId) } }),
    },
    variable: {
      name: variable,
      ...(variableInstance !== undefined && { instance: variableInstance }),
    },
    attributeValue: value,
  }
}
