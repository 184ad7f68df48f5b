import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEY } from '../../../src/model/annotations.ts';
import { readAdvertisement, writeAdvertisement } from '../../../src/model/cluster-advertisement.ts';
import {
  readControlPlaneRecord,
  readStayAway,
  writeControlPlaneRecord,
} from '../../../src/model/control-plane-record.ts';
import { ip } from '../../../src/model/ip.ts';

describe('what a cluster says of itself', () => {
  const home = {
    cluster: 'home',
    endpoint: '[fd00::10]:6443',
    caHash: `sha256:${'a'.repeat(64)}`,
    version: 'v1.36.0',
  };

  it('on the LAN is read as it was written', () => {
    expect(readAdvertisement(writeAdvertisement(home))).toEqual(home);
  });

  it('on the LAN is nothing, or has a cluster and an endpoint, whatever a stranger writes', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('v', 'cluster', 'endpoint', 'ca', 'kubernetes'), fc.string()),
        (txt) => {
          const read = readAdvertisement({ ...txt, v: '1' });
          if (read) expect(read.endpoint).toMatch(/:\d+$/);
          if (read?.caHash !== undefined) expect(read.caHash).toMatch(/^sha256:[0-9a-f]{64}$/);
        },
      ),
    );
    expect(readAdvertisement({ ...writeAdvertisement(home), v: '2' })).toBeUndefined();
    expect(readAdvertisement({ ...writeAdvertisement(home), ca: 'nonsense' })?.caHash).toBeUndefined();
  });

  it('on its Lease is read as it was written, and total', () => {
    const record = {
      version: '0.1.0',
      addresses: [ip('10.0.0.5')],
      port: 6443,
      names: ['home.local'],
      handsOver: true,
      everyNode: false,
    };
    const lease = (annotations: Readonly<Record<string, string>>) => ({ metadata: { name: 'x', annotations } });
    expect(readControlPlaneRecord(lease(writeControlPlaneRecord(record)))).toEqual(record);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        readControlPlaneRecord(lease({ [KEY.controlPlane]: text }));
      }),
    );
    expect(readControlPlaneRecord(undefined)).toEqual({});
    expect(readStayAway(lease({ [KEY.stayAway]: ' n2,n1 ,,' }))).toEqual(['n1', 'n2']);
    expect(readStayAway(undefined)).toEqual([]);
  });
});
