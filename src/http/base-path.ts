/** Where the operator API begins; `servers` in openapi.yaml says the same. */
export const BASE_PATH = '/api/v1'
