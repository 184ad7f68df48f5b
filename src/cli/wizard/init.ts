/**
 * The wizard of `init`: finds out what can be found out, proposes the rest, and asks only for what flags and the file
 * have left open. Each question names the flag that answers it.
 */
import { BOOTSTRAP_CONFIG, type BootstrapConfigInput } from '../../cluster/config.ts';
import { subnetsOf } from '../../cluster/preflight/nic.ts';
import type { PreflightParts } from '../../cluster/preflight/run.ts';
import { isDnsLabel } from '../../model/dns-label.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import { firstOf, lastOf } from '../../model/cidr.ts';
import type { Link } from '../../model/wire.ts';
import { surveyLan, surveyMachine, type LanSurvey } from '../../workflows/preflight/survey.ts';
import type { Step } from '../../workflows/steps.ts';
import type { Asker } from './ask.ts';
import { refuseName, refusePool, refuseRoutedPool, refuseRoutedVip, refuseVip, vipAddressesOf } from './refuse.ts';

export interface WizardParts extends PreflightParts {
  readonly ask: Asker;
  /** Runs a workflow to its end, showing its steps. */
  readonly follow: <R>(steps: AsyncGenerator<Step, R>) => Promise<R>;
}

/** How Services get their addresses. */
type Source = 'pool' | 'dhcp' | 'none';

/**
 * @param given by flags and file: what is in it is not asked.
 * @returns `given` with the answers in it.
 * @throws KubevipError NO_LINK (exit 3); ExitPromptError at Ctrl-C.
 */
export async function askForInit(given: BootstrapConfigInput, parts: WizardParts): Promise<BootstrapConfigInput> {
  const { ask } = parts;
  const found = await surveyMachine(parts);
  ask.say(`This machine is ${found.hostname}${found.kubeadm === undefined ? '' : `, with kubeadm ${found.kubeadm}`}.`);
  const clusterName = given.clusterName ?? (await askClusterName(ask));
  const answers = isRouted(given)
    ? await askRouted(given, ask, found.links)
    : await askOnLan(given, parts, found.links);
  const nodeName = given.nodeName ?? (await askNodeName(ask, found.hostname));
  return {
    ...given,
    clusterName,
    controlPlane: { ...given.controlPlane, ...answers.controlPlane },
    services: { ...given.services, ...answers.services },
    nodeName,
  };
}

type Answers = Pick<BootstrapConfigInput, 'controlPlane' | 'services'>;

async function askOnLan(given: BootstrapConfigInput, parts: WizardParts, links: readonly Link[]): Promise<Answers> {
  const { ask } = parts;
  const link = await askLink(ask, given.controlPlane?.interface, links);
  ask.say(`Looking at the LAN on ${link.name} …`);
  const survey = await parts.follow(surveyLan(parts, link));
  const vip = given.controlPlane?.vip ?? (await askVip(parts, link, survey));
  const pool = survey?.proposal?.pool;
  const services = await askServices(ask, given.services, {
    dhcp: (survey?.offers.length ?? 0) > 0,
    ...(pool === undefined ? {} : { proposed: `${firstOf(pool)}-${lastOf(pool)}` }),
    refuse: (text) => refusePool(text, vip, survey?.facts),
  });
  return { controlPlane: { vip, interface: link.name }, services };
}

/** Routers are told of addresses: of the LAN there is nothing to know but what its own addresses are. */
function isRouted({ controlPlane }: BootstrapConfigInput): boolean {
  return (controlPlane?.bgpPeers ?? []).length > 0;
}

async function askRouted(given: BootstrapConfigInput, ask: Asker, links: readonly Link[]): Promise<Answers> {
  const vip =
    given.controlPlane?.vip ??
    (await ask.input({
      message: 'Virtual IP of the API, an address in no subnet of the nodes (--vip)',
      refuse: (text) => refuseRoutedVip(text, links),
    }));
  const services = await askServices(ask, given.services, {
    dhcp: false,
    refuse: (text) => refuseRoutedPool(text, vip, links),
  });
  return { controlPlane: { vip, ...(await askDeath(ask, given.controlPlane)) }, services };
}

/** Asked where nothing was said of it: it is what makes BGP fast or slow, and takes a line on the router. */
async function askDeath(
  ask: Asker,
  given: BootstrapConfigInput['controlPlane'],
): Promise<BootstrapConfigInput['controlPlane']> {
  if (given?.bgpBfd !== undefined || given?.bgpHoldTime !== undefined) return {};
  const how = await ask.select('How soon routers notice that a node has died (--bgp-bfd, --bgp-hold-time)', [
    { value: 'hold', name: 'in 30 s, by the hold time, which every router knows' },
    { value: 'bfd', name: 'in 0.9 s, by BFD (300x3), which the router has to speak with the nodes too' },
  ]);
  return how === 'bfd' ? { bgpBfd: '300x3' } : {};
}

async function askClusterName(ask: Asker): Promise<string> {
  return await ask.input({
    message: 'Name of the cluster (--name)',
    default: BOOTSTRAP_CONFIG.parse({}).clusterName,
    refuse: (text) => (isDnsLabel(text) ? undefined : 'Lower-case letters, digits and dashes'),
  });
}

async function askLink(ask: Asker, named: string | undefined, links: readonly Link[]): Promise<Link> {
  if (named !== undefined) {
    const link = links.find(({ name }) => name === named);
    if (link !== undefined) return link;
    throw noLink(`there is no interface ${named}`, links);
  }
  const usable = links.filter((link) => link.up && subnetsOf(link).length > 0);
  const [first] = usable;
  if (first === undefined) throw noLink('no interface is up and has an address', links);
  if (usable.length === 1) return first;
  const name = await ask.select(
    'Interface to the LAN (--interface)',
    usable.map((link) => ({ value: link.name, name: describeLink(link) })),
  );
  return usable.find((link) => link.name === name) ?? first;
}

async function askVip({ ask, lan }: WizardParts, link: Link, survey: LanSurvey | undefined): Promise<string> {
  const proposed = survey?.proposal?.vip;
  for (;;) {
    const vip = await ask.input({
      message: 'Virtual IP of the API, an address that nobody has (--vip)',
      ...(proposed === undefined ? {} : { default: proposed }),
      refuse: (text) => refuseVip(text, link, survey?.facts),
    });
    const trouble = vip === proposed ? undefined : await whoHas(vip, link, lan, survey);
    if (trouble === undefined) return vip;
    ask.say(trouble);
  }
}

/** Asked anew for what somebody typed: the survey has looked at some addresses only. */
async function whoHas(
  vip: string,
  link: Link,
  lan: PreflightParts['lan'],
  survey: LanSurvey | undefined,
): Promise<string | undefined> {
  for (const ip of vipAddressesOf(vip)) {
    const by = await lan.user(ip, link.name);
    if (by !== undefined) return `${ip} is in use by ${by}.`;
    if (ip.includes(':') || (survey?.offers.length ?? 0) === 0) continue;
    const given = (await lan.dhcpOffers(link.name, ip)).find((offer) => offer.ip === ip);
    if (given !== undefined) return `The DHCP server ${given.server} hands out ${ip}.`;
  }
  return undefined;
}

interface PoolQuestion {
  /** There is a server. */
  readonly dhcp: boolean;
  readonly proposed?: string;
  readonly refuse: (text: string) => string | undefined;
}

async function askServices(
  ask: Asker,
  given: BootstrapConfigInput['services'],
  { dhcp, proposed, refuse }: PoolQuestion,
): Promise<BootstrapConfigInput['services']> {
  if (given?.pools !== undefined || given?.dhcp !== undefined || given?.enabled === false) return {};
  const source = await ask.select<Source>('Addresses for Services of type LoadBalancer', [
    { value: 'pool', name: 'from a pool of addresses that nobody else uses (--pool)' },
    ...(dhcp ? [{ value: 'dhcp' as const, name: 'by DHCP, from the router (--dhcp)' }] : []),
    { value: 'none', name: 'none now, by a ConfigMap later' },
  ]);
  if (source === 'none') return {};
  if (source === 'dhcp') return { dhcp: true };
  const range = await ask.input({
    message: 'Pool, first and last address or a prefix (--pool)',
    ...(proposed === undefined ? {} : { default: proposed }),
    refuse,
  });
  return { pools: { global: range } };
}

async function askNodeName(ask: Asker, hostname: string): Promise<string> {
  return await ask.input({
    message: 'Name of this machine in the cluster (--node-name)',
    default: hostname.toLowerCase(),
    refuse: refuseName,
  });
}

function describeLink({ name, addresses, gateway }: Link): string {
  const text = addresses
    .filter(({ ip }) => !ip.startsWith('fe80:'))
    .map(({ ip, prefixLength }) => `${ip}/${prefixLength}`)
    .join(', ');
  return `${name}   ${text}${gateway.v4 === undefined ? '' : `, router ${gateway.v4}`}`;
}

function noLink(message: string, links: readonly Link[]): KubevipError {
  const names = links.map(({ name }) => name).join(', ');
  return new KubevipError(message, {
    code: 'NO_LINK',
    exit: EXIT.preflight,
    hints: [names === '' ? '`ip link` lists interfaces.' : `There are ${names}: kubevip doctor says what is wrong.`],
  });
}
