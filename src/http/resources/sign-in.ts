import type { Operations } from '../operation.ts'
import type { SignIns } from '../sign-ins.ts'
import { SIGN_IN_MAX_AGE_S, setCookie } from '../sign-ins.ts'

export interface BrowserOptions {
  readonly signIns: SignIns
  /** Whether this listener speaks TLS, so that the cookie never travels in the clear. */
  readonly secure: boolean
}

export function signInOperations({
  signIns,
  secure,
}: BrowserOptions): Pick<Operations, 'createSignIn' | 'deleteSignIn'> {
  return {
    createSignIn: async ({ principal }) => ({
      status: 204,
      headers: {
        'set-cookie': setCookie(signIns.open(principal.id), { secure, maxAgeS: SIGN_IN_MAX_AGE_S }),
      },
      audit: { action: 'sign-in.create', subject: principal.name, detail: {} },
    }),

    deleteSignIn: async ({ principal }) => {
      if (principal.cookie !== null) signIns.close(principal.cookie)
      return {
        status: 204,
        headers: { 'set-cookie': setCookie('', { secure, maxAgeS: 0 }) },
        audit: { action: 'sign-in.delete', subject: principal.name, detail: {} },
      }
    },
  }
}
