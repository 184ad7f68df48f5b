/** Calling an action of a UPnP service (UPnP Device Architecture §3): SOAP 1.1 in one HTTP POST. */
import { DecodeError } from '../../model/errors.ts';
import { child, childText, descendants, escapeXml, parseXml } from './xml.ts';

/** Arguments in the order the service defines: some routers read them by position. */
export type SoapArguments = readonly (readonly [name: string, value: string | number])[];

export interface SoapRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A refusal: `code` as the service's standard or the vendor defines it, see faults.ts. */
export interface SoapFault {
  readonly code: number;
  readonly description: string;
}

export type SoapResponse =
  | { readonly kind: 'done'; readonly values: ReadonlyMap<string, string> }
  | { readonly kind: 'fault'; readonly fault: SoapFault };

export function encodeSoapRequest(serviceType: string, action: string, args: SoapArguments): SoapRequest {
  const values = args.map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`).join('');
  const urn = escapeXml(serviceType);
  return {
    headers: {
      'Content-Type': 'text/xml; charset="utf-8"',
      // In quotes: several routers answer 401 without.
      SOAPAction: `"${serviceType.replaceAll(/["\r\n]/g, '')}#${action}"`,
    },
    body:
      '<?xml version="1.0"?>\r\n' +
      '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
      's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
      `<s:Body><u:${action} xmlns:u="${urn}">${values}</u:${action}></s:Body></s:Envelope>\r\n`,
  };
}

/** @throws DecodeError if it is neither an answer to `action` nor a fault. */
export function decodeSoapResponse(xml: string, action: string): SoapResponse {
  const envelope = parseXml(xml);
  const body = envelope.name === 'Envelope' ? child(envelope, 'Body') : undefined;
  if (!body) throw new DecodeError('not a SOAP answer');
  const fault = child(body, 'Fault');
  if (fault) return { kind: 'fault', fault: faultOf(fault) };
  const answer = child(body, `${action}Response`);
  if (!answer) throw new DecodeError(`no answer to ${action} in the SOAP body`);
  return { kind: 'done', values: new Map(answer.children.map((element) => [element.name, element.text])) };
}

/** A fault without UPnP's own code is a plain SOAP one: code 0 and the fault's words. */
function faultOf(fault: Parameters<typeof descendants>[0]): SoapFault {
  const [error] = descendants(fault, 'UPnPError');
  const code = childText(error, 'errorCode') ?? '';
  const description = childText(error, 'errorDescription') ?? childText(fault, 'faultstring') ?? '';
  return { code: /^\d{1,5}$/.test(code) ? Number(code) : 0, description };
}
