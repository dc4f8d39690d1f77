/** Any call to the station, from a form made from the schema that the service checks it against. */

import { useEffect, useState } from 'preact/hooks'
import { useSubmit } from '../act.ts'
import { change } from '../api.ts'
import { OPERATOR_ACTIONS, TRUST_ACTIONS } from '../call-actions.ts'
import { emptyValue, type JsonObject, type JsonSchema } from '../json-schema.ts'
import { Failure, Panel } from '../parts/basics.tsx'
import { SchemaForm } from '../parts/schema-form.tsx'
import { may } from '../signed-in.ts'

export function StationCall({ stationId }: { readonly stationId: string }) {
  const actions = [
    ...(may('operate') ? OPERATOR_ACTIONS : ['GetInstalledCertificateIds']),
    ...(may('secure') ? TRUST_ACTIONS : []),
  ].sort()
  const [action, setAction] = useState(may('operate') ? 'TriggerMessage' : 'GetInstalledCertificateIds')
  const [schema, setSchema] = useState<JsonSchema>()
  const [payload, setPayload] = useState<JsonObject>({})

  useEffect(() => {
    let wanted = true
    setSchema(undefined)
    void fetch(`./schemas/${action}.json`)
      .then((response) => response.json())
      .then((found: JsonSchema) => {
        if (!wanted) return
        const first = emptyValue(found, found)
        setPayload(typeof first === 'object' && first !== null && !Array.isArray(first) ? first : {})
        setSchema(found)
      })
    return () => {
      wanted = false
    }
  }, [action])

  return (
    <div class="call">
      <Panel>
        <div class="stack">
          <div class="field">
            <label for="call-action">Call</label>
            <select
              id="call-action"
              value={action}
              onChange={(event) => setAction(event.currentTarget.value)}
            >
              {actions.map((one) => (
                <option key={one} value={one}>
                  {one}
                </option>
              ))}
            </select>
          </div>
          {schema && <SchemaForm key={action} schema={schema} value={payload} onChange={setPayload} />}
        </div>
      </Panel>
      <Sending key={action} stationId={stationId} action={action} payload={payload} onPayload={setPayload} />
    </div>
  )
}

interface SendingProps {
  readonly stationId: string
  readonly action: string
  readonly payload: JsonObject
  onPayload(payload: JsonObject): void
}

function Sending({ stationId, action, payload, onPayload }: SendingProps) {
  const [text, setText] = useState<string>()
  const { busy, error, run } = useSubmit()
  const [answer, setAnswer] = useState<unknown>()
  const shown = text ?? JSON.stringify(payload, null, 2)
  useEffect(() => setText(undefined), [payload])

  function edit(changed: string): void {
    setText(changed)
    try {
      onPayload(JSON.parse(changed))
    } catch {
      // Not JSON yet: it stays in the field until it is.
    }
  }

  async function send(event: Event): Promise<void> {
    event.preventDefault()
    setAnswer(undefined)
    await run(async () =>
      setAnswer(
        await change('POST', '/stations/{stationId}/calls/{action}', {
          path: { stationId, action },
          body: payload,
        }),
      ),
    )
  }

  return (
    <Panel>
      <form class="stack" onSubmit={send}>
        <div class="field">
          <label for="call-json">What is sent</label>
          <textarea
            id="call-json"
            rows={Math.min(18, shown.split('\n').length + 1)}
            spellcheck={false}
            value={shown}
            onInput={(event) => edit(event.currentTarget.value)}
          />
        </div>
        <div class="row">
          <button type="submit" class="primary" disabled={busy}>
            {busy ? 'Waiting for the station' : `Send ${action}`}
          </button>
        </div>
        <div role="status" class="stack">
          {answer !== undefined && (
            <>
              <h3>The station answered</h3>
              <pre>{JSON.stringify(answer, null, 2)}</pre>
            </>
          )}
        </div>
        {error && <Failure error={error} />}
      </form>
    </Panel>
  )
}
