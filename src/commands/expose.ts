/** `kubevip expose`: flags → workflow → what came of it. */
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base.ts';
import { foregroundClock } from '../cli/clock.ts';
import { clusterFlags, duration, durationFlag, netnsFlag } from '../cli/flags.ts';
import { interruptible } from '../cli/interrupt.ts';
import { withOptionalValues } from '../cli/optional-values.ts';
import { confirm } from '../cli/prompts.ts';
import { createReachability } from '../cli/reachability.ts';
import { renderExposed, renderPlan } from '../cli/render-exposed.ts';
import { cliUserAgent, withCluster } from '../cli/session.ts';
import { exposeFlagValues } from '../cli/expose-flags.ts';
import { readExposeRequest } from '../cli/expose-request.ts';
import { ExposeError, type ExposeResult } from '../workflows/expose/result.ts';
import type { Service } from '../model/kubernetes.ts';

type Result = ExposeResult | { readonly dryRun: true; readonly service: Service };

export class Expose extends BaseCommand<Result> {
  static override summary = 'Give a workload an address on the LAN, and if wanted a router port and a name';
  static override description =
    'Makes or changes a Service of type LoadBalancer, waits until every stage holds (address, owner, announcement, ' +
    'router, name), and tries what it prints. Doing it again changes what is there; --router=off and --mdns=off take ' +
    'those back.';
  static override usage =
    'expose KIND/NAME --port PORT [--dhcp | --ip ADDRESS | --pool NAME] [--family dual] [--router [PORT]] [--mdns [NAME]]';
  static override examples = [
    {
      description: 'An address from the LAN’s DHCP server, port 8080 of the router, and web.local:',
      command: '<%= config.bin %> expose deployment/web --port 80 --dhcp --router 8080 --mdns web',
    },
    {
      description: 'An address from a pool, two ports:',
      command: '<%= config.bin %> expose sts/db --port 5432 --port metrics=9187',
    },
    {
      description: 'IPv4 by DHCP, IPv6 from the pool, and both opened on the router:',
      command: '<%= config.bin %> expose deployment/web --port 443 --dhcp --family dual --router',
    },
    {
      description: 'A Service that is there already:',
      command: '<%= config.bin %> expose service/web --ip 192.168.1.40',
    },
  ];
  static override args = {
    target: Args.string({
      name: 'target',
      required: true,
      description: 'What to expose: deployment, statefulset, replicaset, pod or service',
    }),
    name: Args.string({ name: 'name', description: 'Its name, when not written as KIND/NAME' }),
  };
  static override flags = {
    port: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: '[NAME=]PORT[:TARGET]',
      description: 'Port of the Service; several with several --port',
    }),
    'target-port': Flags.string({
      helpValue: 'PORT',
      description: 'Port of the pods, by number or name; the same as --port by default',
    }),
    protocol: Flags.string({
      helpValue: 'tcp|udp|sctp',
      default: 'tcp',
      description: 'Protocol of the ports that name none',
    }),
    name: Flags.string({ helpValue: 'NAME', description: 'Name of the Service; that of the workload by default' }),
    dhcp: Flags.boolean({
      exclusive: ['pool'],
      helpGroup: 'ADDRESS',
      description: 'Address from the LAN’s DHCP server',
    }),
    ip: Flags.string({
      exclusive: ['pool'],
      multiple: true,
      multipleNonGreedy: true,
      helpGroup: 'ADDRESS',
      helpValue: 'ADDRESS[,ADDRESS]',
      description: 'This address; one of each family with two',
    }),
    pool: Flags.string({
      exclusive: ['dhcp', 'ip'],
      helpGroup: 'ADDRESS',
      helpValue: 'NAME',
      description: 'Address from this pool; from the namespace’s pool by default',
    }),
    family: Flags.string({
      helpGroup: 'ADDRESS',
      helpValue: 'ipv4|ipv6|dual',
      description: 'IP family; dual: both where the cluster has both. By default that of the cluster',
    }),
    conflict: Flags.string({
      helpGroup: 'ADDRESS',
      helpValue: 'defend|yield',
      description: 'When another machine claims the address: keep it, or let it go until that one is gone',
    }),
    router: Flags.string({
      helpGroup: 'REACH',
      helpValue: '[PORT|pinhole]',
      description:
        'Open the port on the router, under the same number or this one; with several ports 80=8080,443=8443; ' +
        'pinhole: for IPv6 only',
    }),
    mdns: Flags.string({
      helpGroup: 'REACH',
      helpValue: '[NAME]',
      description: 'Publish NAME.local on the LAN; the Service’s name by default',
    }),
    timeout: durationFlag({ description: 'How long to wait for all stages', default: '60s' }),
    'dry-run': Flags.boolean({ description: 'Check everything and print the Service, but write nothing' }),
    keep: Flags.boolean({ description: 'Keep a new Service even if it gets no address' }),
    yes: Flags.boolean({ char: 'y', description: 'Do not ask' }),
    ...netnsFlag,
    ...clusterFlags,
  };

  override async run(): Promise<Result> {
    const { args, flags } = await this.parse(Expose, withOptionalValues(this.argv, exposeFlagValues));
    const timeout = duration('timeout', flags.timeout);
    // Before the cluster is asked for anything: what is wrong in itself.
    const draft = readExposeRequest(args, { ...flags, timeout });
    const { planExposure } = await import('../workflows/expose/plan.ts');
    const { carryOut } = await import('../workflows/expose/carry-out.ts');
    const interrupt = interruptible();
    try {
      return await withCluster(flags, cliUserAgent(this.config.version), async (cluster) => {
        const { signal } = interrupt;
        const plan = await planExposure(cluster, { ...draft, namespace: cluster.namespace }, signal);
        if (flags['dry-run']) {
          plan.warnings.forEach((text) => this.warnOf(text));
          this.log(renderPlan(plan));
          return { dryRun: true, service: plan.service };
        }
        if (plan.question !== undefined) await confirm(plan.question, this.asking(flags.yes));
        const reach = createReachability(flags['from-netns']);
        const result = await this.follow(carryOut(plan, { cluster, clock: foregroundClock, reach, signal }));
        this.log(renderExposed(result));
        return result;
      });
    } catch (error) {
      // What does work is worth knowing, also when something else does not.
      if (error instanceof ExposeError && error.result.endpoints.length > 0) this.log(renderExposed(error.result));
      throw error;
    } finally {
      interrupt.dispose();
    }
  }
}
