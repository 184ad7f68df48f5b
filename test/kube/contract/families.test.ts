import { describe, expect, it, vi } from 'vitest';
import { at, listAt, textAt } from './client.ts';
import { MERGE, service, SERVICES } from './objects.ts';
import { againstEachServer, type Server } from './servers.ts';

type Spec = Record<string, unknown>;

const SINGLE = { ipFamilyPolicy: 'SingleStack' };
const PREFER = { ipFamilyPolicy: 'PreferDualStack' };
const REQUIRE = { ipFamilyPolicy: 'RequireDualStack' };

function calls(server: () => Server) {
  const call: Server['client']['call'] = async (...args) => await server().client.call(...args);
  return {
    call,
    make: async (name: string, spec: Spec = {}) => await call('POST', SERVICES, service(name, spec)),
    change: async (name: string, spec: Spec) => await call('PATCH', `${SERVICES}/${name}`, { spec }, MERGE),
    put: async (name: string, spec: Spec = {}) => await call('PUT', `${SERVICES}/${name}`, service(name, spec)),
  };
}

function nameFor(what: string): string {
  return `ask-${what.replace(/\W+/g, '-').toLowerCase()}`;
}

/** The policy, the families, and the families of the addresses. */
function familiesOf(body: unknown): string {
  const addresses = listAt(body, 'spec.clusterIPs').map((ip) =>
    ip === 'None' ? 'None' : String(ip).includes(':') ? 'IPv6' : 'IPv4',
  );
  if (addresses.length > 0) expect(at(body, 'spec.clusterIP')).toBe(at(body, 'spec.clusterIPs.0'));
  return `${textAt(body, 'spec.ipFamilyPolicy')} ${listAt(body, 'spec.ipFamilies').join()} ${addresses.join()}`;
}

function refusal(body: unknown): [unknown, string] {
  return [at(body, 'details.causes.0.field'), textAt(body, 'details.causes.0.message')];
}

againstEachServer(
  'Services of two families',
  (server) => {
    const { call, make, change, put } = calls(server);

    it.each<[string, Spec, string]>([
      ['nothing', {}, 'SingleStack IPv4 IPv4'],
      ['one family', { ipFamilies: ['IPv6'] }, 'SingleStack IPv6 IPv6'],
      ['preferring two', PREFER, 'PreferDualStack IPv4,IPv6 IPv4,IPv6'],
      ['requiring two', REQUIRE, 'RequireDualStack IPv4,IPv6 IPv4,IPv6'],
      ['preferring two, IPv6 first', { ...PREFER, ipFamilies: ['IPv6'] }, 'PreferDualStack IPv6,IPv4 IPv6,IPv4'],
      ['an order', { ...REQUIRE, ipFamilies: ['IPv6', 'IPv4'] }, 'RequireDualStack IPv6,IPv4 IPv6,IPv4'],
      ['an address', { clusterIP: 'fd00:96::9:1' }, 'SingleStack IPv6 IPv6'],
      ['an address of two', { ...PREFER, clusterIP: 'fd00:96::9:2' }, 'PreferDualStack IPv6,IPv4 IPv6,IPv4'],
      [
        'both addresses',
        { ...REQUIRE, clusterIP: '10.96.9.3', clusterIPs: ['10.96.9.3', 'fd00:96::9:3'] },
        'RequireDualStack IPv4,IPv6 IPv4,IPv6',
      ],
      ['the last address', { clusterIP: 'fd00:96::f:ffff' }, 'SingleStack IPv6 IPv6'],
      ['none', { clusterIP: 'None' }, 'SingleStack IPv4 None'],
      ['none of two', { ...PREFER, clusterIP: 'None' }, 'PreferDualStack IPv4,IPv6 None'],
      ['none, without pods', { clusterIP: 'None', selector: undefined }, 'RequireDualStack IPv4,IPv6 None'],
      ['none, without pods, of one', { ...SINGLE, clusterIP: 'None', selector: undefined }, 'SingleStack IPv4 None'],
    ])('asking for %s', async (what, spec, expected) => {
      const { code, body } = await make(nameFor(what), spec);
      expect([code, code === 201 ? familiesOf(body) : body]).toEqual([201, expected]);
      if (spec['clusterIP'] !== undefined) expect(at(body, 'spec.clusterIP')).toBe(spec['clusterIP']);
    });

    const TWO = "must be 'RequireDualStack' or 'PreferDualStack' when multiple";
    it.each<[string, Spec, string, string]>([
      ['two families without a policy', { ipFamilies: ['IPv4', 'IPv6'] }, 'spec.ipFamilyPolicy', TWO],
      [
        'two addresses without a policy',
        { clusterIP: '10.96.8.1', clusterIPs: ['10.96.8.1', 'fd00:96::8:1'] },
        'spec.ipFamilyPolicy',
        TWO,
      ],
      ['a family twice', { ...REQUIRE, ipFamilies: ['IPv4', 'IPv4'] }, 'spec.ipFamilies[1]', 'Duplicate value'],
      ['a family that is none', { ipFamilies: ['IPv5'] }, 'spec.ipFamilies[0]', 'Unsupported value: "IPv5"'],
      ['a policy that is none', { ipFamilyPolicy: 'Nope' }, 'spec.ipFamilyPolicy', 'Unsupported value: "Nope"'],
      [
        'an address of another family',
        { clusterIP: 'fd00:96::8:2', ipFamilies: ['IPv4'] },
        'spec.clusterIPs[0]',
        'expected an IPv4 value as indicated by `ipFamilies[0]`',
      ],
      [
        'two addresses of one family',
        { ...REQUIRE, clusterIP: '10.96.8.3', clusterIPs: ['10.96.8.3', '10.96.8.4'] },
        'spec.clusterIPs',
        'may specify no more than one IP for each IP family',
      ],
      [
        'clusterIPs alone',
        { clusterIPs: ['10.96.8.5'] },
        'spec.clusterIPs',
        'must be empty when `clusterIP` is not specified',
      ],
      [
        'clusterIPs that begin with another',
        { clusterIP: '10.96.8.6', clusterIPs: ['10.96.8.7'] },
        'spec.clusterIPs',
        'first value must match `clusterIP`',
      ],
      [
        'None and an address',
        { ...REQUIRE, clusterIP: 'None', clusterIPs: ['None', '10.96.8.8'] },
        'spec.clusterIPs',
        "'None' must be the first and only value",
      ],
      [
        'an address outside',
        { clusterIP: 'fd00:97::1' },
        'spec.clusterIPs',
        'the provided network does not match the current range',
      ],
      ['no address at all', { clusterIP: 'fd00:96::x' }, 'spec.clusterIPs[0]', 'must be a valid IP address'],
      [
        'an external name with families',
        { type: 'ExternalName', externalName: 'a.example', ipFamilies: ['IPv4'] },
        'spec.ipFamilies',
        'may not be set for ExternalName services',
      ],
    ])('refuses %s', async (_what, spec, field, message) => {
      const { code, body } = await make('refused', spec);
      expect(code).toBe(422);
      const [where, why] = refusal(body);
      expect(where).toBe(field);
      expect(why).toContain(message);
    });

    it('takes an address that is written in another way for the same', async () => {
      const { body } = await make('same-1', { clusterIP: 'fd00:96:0:0::000A:1' });
      expect(at(body, 'spec.clusterIPs')).toEqual(['fd00:96:0:0::000A:1']);
      const again = await make('same-2', { clusterIP: 'fd00:96::a:1' });
      expect(refusal(again.body)[1]).toContain('provided IP is already allocated');
    });

    it('says what is wrong with families before anything else', async () => {
      const { body } = await make('first', { ipFamilies: ['IPv5'], ports: [{ port: 0 }] });
      expect(listAt(body, 'details.causes').map((cause) => at(cause, 'field'))).toEqual(['spec.ipFamilies[0]']);
    });

    describe('changes', () => {
      it('of the policy alone take a second address and let go of it; the first one and the node ports stay', async () => {
        const { body: one } = await make('c-policy', { type: 'LoadBalancer' });
        const { body: two } = await change('c-policy', PREFER);
        expect(familiesOf(two)).toBe('PreferDualStack IPv4,IPv6 IPv4,IPv6');
        const { body: required } = await change('c-policy', REQUIRE);
        expect(at(required, 'spec.clusterIPs')).toEqual(at(two, 'spec.clusterIPs'));
        const { body: back } = await change('c-policy', SINGLE);
        expect(familiesOf(back)).toBe('SingleStack IPv4 IPv4');
        for (const body of [two, required, back]) {
          expect(at(body, 'spec.clusterIP')).toBe(at(one, 'spec.clusterIP'));
          expect(at(body, 'spec.ports.0.nodePort')).toBe(at(one, 'spec.ports.0.nodePort'));
        }
        // The real server's own repair may hold it a moment longer, by what it saw last.
        const clusterIP = textAt(two, 'spec.clusterIPs.1');
        const again = async () => expect((await make('c-policy-2', { clusterIP })).code).toBe(201);
        await vi.waitFor(again, { timeout: 20_000 });
      });

      it('take the second address that is named', async () => {
        await make('c-named', { clusterIP: '10.96.7.1' });
        const { body } = await change('c-named', { ...REQUIRE, clusterIPs: ['10.96.7.1', 'fd00:96::7:1'] });
        expect(at(body, 'spec.clusterIPs')).toEqual(['10.96.7.1', 'fd00:96::7:1']);
      });

      it('of an IPv6 Service add IPv4 after it', async () => {
        await make('c-six', { ipFamilies: ['IPv6'] });
        expect(familiesOf((await change('c-six', REQUIRE)).body)).toBe('RequireDualStack IPv6,IPv4 IPv6,IPv4');
      });

      it('of a headless one change its families at will', async () => {
        await make('c-headless', { clusterIP: 'None' });
        expect(familiesOf((await change('c-headless', REQUIRE)).body)).toBe('RequireDualStack IPv4,IPv6 None');
        const { body } = await change('c-headless', { ...SINGLE, ipFamilies: ['IPv6'] });
        expect(familiesOf(body)).toBe('SingleStack IPv6 None');
        // Nothing tells its families when its manifest does not.
        expect(familiesOf((await put('c-headless', { clusterIP: 'None' })).body)).toBe('SingleStack IPv4 None');
      });

      it('hold what comes second unless the policy lets go of it', async () => {
        const addresses = ['10.96.7.2', 'fd00:96::7:2'];
        await make('c-hold', { ...REQUIRE, clusterIP: '10.96.7.2', clusterIPs: addresses });
        const release = "must be 'SingleStack' to release the secondary";
        for (const less of [{ clusterIPs: addresses.slice(0, 1) }, { ipFamilies: ['IPv4'] }]) {
          const { code, body } = await change('c-hold', less);
          expect(code).toBe(422);
          expect(refusal(body)[1]).toContain(release);
        }
        const { body } = await change('c-hold', { ...SINGLE, clusterIPs: addresses.slice(0, 1) });
        expect(familiesOf(body)).toBe('SingleStack IPv4 IPv4');
      });

      it('of the order, of either address and of the first family are refused', async () => {
        const addresses = ['10.96.7.3', 'fd00:96::7:3'];
        await make('c-order', { ...REQUIRE, clusterIP: '10.96.7.3', clusterIPs: addresses });
        const refused: [Spec, string[]][] = [
          [{ ipFamilies: ['IPv6', 'IPv4'] }, ['spec.clusterIPs[0]', 'spec.clusterIPs[1]']],
          [{ clusterIPs: ['10.96.7.3', 'fd00:96::7:4'] }, ['spec.clusterIPs[1]']],
          [{ ...SINGLE, ipFamilies: ['IPv6'] }, ['spec.clusterIPs[0]']],
          [
            { clusterIP: 'fd00:96::7:3', clusterIPs: [...addresses].reverse(), ipFamilies: ['IPv6', 'IPv4'] },
            ['spec.clusterIPs[0]', 'spec.clusterIPs[1]', 'spec.ipFamilies[0]', 'spec.ipFamilies[0]'],
          ],
        ];
        for (const [spec, fields] of refused) {
          const { code, body } = await change('c-order', spec);
          expect([code, listAt(body, 'details.causes').map((cause) => at(cause, 'field'))]).toEqual([422, fields]);
        }
      });

      it('by the manifest again keep what it does not name', async () => {
        const { body: made } = await make('c-again', REQUIRE);
        for (const spec of [REQUIRE, {}, { ipFamilies: ['IPv4', 'IPv6'] }]) {
          expect(at((await put('c-again', spec)).body, 'spec')).toEqual(at(made, 'spec'));
        }
        const nothing = { clusterIP: null, clusterIPs: null, ipFamilies: null, ipFamilyPolicy: null };
        expect(at((await change('c-again', nothing)).body, 'spec')).toEqual(at(made, 'spec'));
        expect(familiesOf((await put('c-again', SINGLE)).body)).toBe('SingleStack IPv4 IPv4');
      });

      it('to an external name give all of it back, and from one begin anew', async () => {
        await make('c-external', REQUIRE);
        const { body: name } = await change('c-external', { type: 'ExternalName', externalName: 'a.example' });
        for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
          expect(at(name, ['spec', key]), key).toBeUndefined();
        }
        const { body } = await change('c-external', { type: 'ClusterIP' });
        expect(familiesOf(body)).toBe('SingleStack IPv4 IPv4');
      });

      it('leave the ingress of both families where it is', async () => {
        await make('c-ingress', { ...REQUIRE, type: 'LoadBalancer' });
        const ingress = [{ ip: '192.0.2.9' }, { ip: '2001:db8::9' }];
        await call('PATCH', `${SERVICES}/c-ingress/status`, { status: { loadBalancer: { ingress } } }, MERGE);
        const { body } = await change('c-ingress', SINGLE);
        expect(at(body, 'status.loadBalancer.ingress')).toEqual(ingress.map((item) => ({ ...item, ipMode: 'VIP' })));
      });
    });

    it('has the API server itself in the first family only', async () => {
      const { body } = await call('GET', `${SERVICES}/kubernetes`);
      expect([at(body, 'spec.clusterIP'), familiesOf(body)]).toEqual(['10.96.0.1', 'SingleStack IPv4 IPv4']);
    });
  },
  '10.96.0.0/16,fd00:96::/108',
);

againstEachServer(
  'Services where IPv6 is first',
  (server) => {
    const { call, make } = calls(server);

    it.each<[string, Spec, string]>([
      ['nothing', {}, 'SingleStack IPv6 IPv6'],
      ['two families', PREFER, 'PreferDualStack IPv6,IPv4 IPv6,IPv4'],
      ['IPv4', { ipFamilies: ['IPv4'] }, 'SingleStack IPv4 IPv4'],
      ['none', { clusterIP: 'None' }, 'SingleStack IPv6 None'],
    ])('asking for %s', async (what, spec, expected) => {
      expect(familiesOf((await make(nameFor(what), spec)).body)).toBe(expected);
    });

    it('has the API server itself in IPv6', async () => {
      const { body } = await call('GET', `${SERVICES}/kubernetes`);
      expect([at(body, 'spec.clusterIP'), familiesOf(body)]).toEqual(['fd00:96::1', 'SingleStack IPv6 IPv6']);
    });
  },
  'fd00:96::/108,10.96.0.0/16',
);

againstEachServer('Services of the only family', (server) => {
  const { make } = calls(server);

  it.each<[string, Spec, string]>([
    ['two if there are', PREFER, 'PreferDualStack IPv4 IPv4'],
    ['none of two', { ...PREFER, clusterIP: 'None' }, 'PreferDualStack IPv4 None'],
    ['none, without pods', { clusterIP: 'None', selector: undefined }, 'RequireDualStack IPv4,IPv6 None'],
  ])('asking for %s', async (what, spec, expected) => {
    expect(familiesOf((await make(nameFor(what), spec)).body)).toBe(expected);
  });

  it.each<[string, Spec, string, string]>([
    ['two', REQUIRE, 'spec.ipFamilyPolicy', 'this cluster is not configured for dual-stack services'],
    ['the other', { ipFamilies: ['IPv6'] }, 'spec.ipFamilies[0]', 'not configured on this cluster'],
    [
      'an address of the other',
      { clusterIP: 'fd00:96::1' },
      'spec.clusterIPs[0]',
      'IPv6 is not configured on this cluster',
    ],
  ])('refuses %s', async (_what, spec, field, message) => {
    const { code, body } = await make('refused', spec);
    const [where, why] = refusal(body);
    expect([code, where]).toEqual([422, field]);
    expect(why).toContain(message);
  });
});
