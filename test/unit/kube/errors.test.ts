import { describe, expect, it } from 'vitest';
import { errorFromAnswer, errorFromFailure, type Subject } from '../../../src/kube/errors.ts';

const subject: Subject = { verb: 'patch', resource: 'services/status', group: '', namespace: 'default', name: 'web' };
const answer = (status: number, body: object | string) =>
  errorFromAnswer(subject, { status, body: typeof body === 'string' ? body : JSON.stringify(body) });
const network = (code: string) => Object.assign(new Error(code), { code });

describe('errors of the API', () => {
  it.each([
    [400, undefined, 'INVALID'],
    [401, 'Unauthorized', 'UNAUTHORIZED'],
    [403, 'Forbidden', 'FORBIDDEN'],
    [404, 'NotFound', 'NOT_FOUND'],
    [409, 'AlreadyExists', 'ALREADY_EXISTS'],
    [409, 'Conflict', 'CONFLICT'],
    [410, 'Expired', 'GONE'],
    [422, 'Invalid', 'INVALID'],
    [429, 'TooManyRequests', 'TOO_MANY_REQUESTS'],
    [500, 'InternalError', 'API_ERROR'],
    [503, undefined, 'API_ERROR'],
  ])('%i %s is %s', (status, reason, code) => {
    expect(answer(status, { message: 'said so', reason })).toMatchObject({ code, status });
  });

  it('names the rule that is missing', () => {
    const error = answer(403, { message: 'services "web" is forbidden' });
    expect(error.message).toContain('services "web" is forbidden');
    expect(error.hints[0]).toBe('RBAC: allow verb "patch" on "services/status" (API group "") in namespace default.');
  });

  it('keeps the fields that were refused, and survives a body that is no Status', () => {
    const error = answer(422, { message: 'no', details: { causes: [{ field: 'metadata.uid', message: 'm' }, 7] } });
    expect(error.fields).toEqual(['metadata.uid']);
    expect(answer(502, '<html>Bad gateway</html>').message).toContain('Bad gateway');
    expect(answer(500, 'null').message).toContain('null');
    expect(answer(500, '').message).toContain('no explanation');
  });

  it('takes the time to wait from the server', () => {
    const error = errorFromAnswer(subject, { status: 429, body: '', retryAfter: '3' });
    expect(error.retryAfterMs).toBe(3000);
  });

  it.each([
    [network('ECONNREFUSED'), 'API_UNREACHABLE'],
    [network('ENOTFOUND'), 'API_UNREACHABLE'],
    [network('CERT_HAS_EXPIRED'), 'API_TLS'],
    [network('ERR_TLS_CERT_ALTNAME_INVALID'), 'API_TLS'],
    [network('DEPTH_ZERO_SELF_SIGNED_CERT'), 'API_TLS'],
    [new AggregateError([network('ECONNREFUSED')], ''), 'API_UNREACHABLE'],
    ['text', 'API_UNREACHABLE'],
  ])('%s has exit code 4', (cause, code) => {
    expect(errorFromFailure(subject, 'https://10.0.0.1:6443', cause)).toMatchObject({ code, exit: 4 });
  });

  it('never says nothing', () => {
    const error = errorFromFailure(subject, 'https://10.0.0.1:6443', new AggregateError([network('ECONNREFUSED')], ''));
    expect(error.message).toBe('the API server https://10.0.0.1:6443 does not answer: ECONNREFUSED');
  });
});
