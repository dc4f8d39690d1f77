import { useState } from 'preact/hooks'
import { ApiError } from '../api.ts'
import icon from '../icon.svg'
import { enter } from '../signed-in.ts'

export function SignIn() {
  const [key, setKey] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setProblem(undefined)
    try {
      await enter(key.trim())
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error))
      setBusy(false)
    }
  }

  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <div class="brand">
          <img src={icon} alt="" />
          Gridkeep
        </div>
        <div class="panel">
          <h1>Sign in</h1>
          <div class="field">
            <label for="key">API key</label>
            <input
              id="key"
              type="password"
              autocomplete="current-password"
              placeholder="gk_"
              required
              value={key}
              onInput={(event) => setKey(event.currentTarget.value)}
              aria-describedby="key-hint"
              aria-invalid={problem !== undefined}
            />
            <p class="hint" id="key-hint">
              The first start of the service prints an admin key once. More are made with{' '}
              <code>gridkeep key create</code>.
            </p>
          </div>
          {problem !== undefined && (
            <div class="notice bad" role="alert">
              {problem}
            </div>
          )}
          <button class="primary" type="submit" disabled={busy}>
            {busy ? 'Signing in' : 'Sign in'}
          </button>
        </div>
      </form>
    </main>
  )
}
