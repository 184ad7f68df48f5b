import type { Service, ServicePort } from '../../model/kubernetes.ts';
import type { IntentPort } from './port.ts';

/** The ports of a Service, with what the API server leaves out filled in. */
export function readPorts(service: Service): IntentPort[] {
  return (service.spec.ports ?? []).map(toIntentPort);
}

function toIntentPort(port: ServicePort): IntentPort {
  return {
    name: port.name ?? '',
    protocol: port.protocol ?? 'TCP',
    port: port.port,
    ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
  };
}
