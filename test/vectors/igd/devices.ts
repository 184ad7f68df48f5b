/**
 * Descriptions in the shapes that routers in homes send, written for these tests: names, paths, ports and oddities are
 * the devices', the text is not.
 */
const igd = (version: number): string => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`;
const service = (type: string, id: string, control: string): string =>
  `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType>` +
  `<serviceId>urn:upnp-org:serviceId:${id}</serviceId><SCPDURL>/${id}.xml</SCPDURL>` +
  `<controlURL>${control}</controlURL><eventSubURL>/evt/${id}</eventSubURL></service>`;

interface Device {
  readonly location: string;
  readonly xml: string;
}

/** Linux router with miniupnpd: version 2, a pinhole service, paths from the root. */
export const openRouter: Device = {
  location: 'http://192.168.1.1:5000/rootDesc.xml',
  xml: `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0" configId="1337"><specVersion><major>1</major><minor>1</minor></specVersion>
<device><deviceType>${igd(2)}</deviceType><friendlyName>Home &amp; office router</friendlyName>
<manufacturer>Example project</manufacturer><modelName>Example router</modelName><UDN>uuid:0-1</UDN>
<serviceList>${service('Layer3Forwarding:1', 'L3Forwarding1', '/ctl/L3F')}</serviceList>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:2</deviceType><friendlyName>WANDevice</friendlyName>
<serviceList>${service('WANCommonInterfaceConfig:1', 'WANCommonIFC1', '/ctl/CmnIfCfg')}</serviceList>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:2</deviceType>
<friendlyName>WANConnectionDevice</friendlyName>
<serviceList>${service('WANIPConnection:2', 'WANIPConn1', '/ctl/IPConn')}${service('WANIPv6FirewallControl:1', 'WANIPv6FC1', '/ctl/IP6FCtl')}</serviceList>
</device></deviceList></device></deviceList></device></root>`,
};

/** DSL router in the manner of AVM: version 1, own port, a PPP and an IP connection side by side. */
export const dslRouter: Device = {
  location: 'http://192.168.178.1:49000/igddesc.xml',
  xml: `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0">
  <specVersion><major>1</major><minor>0</minor></specVersion>
  <device>
    <deviceType>${igd(1)}</deviceType>
    <friendlyName>DSL box 7000</friendlyName><manufacturer>Example DSL</manufacturer><modelName>DSL box</modelName>
    <serviceList><service><serviceType>urn:schemas-any-com:service:Any:1</serviceType>
      <serviceId>urn:any-com:serviceId:any1</serviceId><controlURL>/igdupnp/control/any</controlURL></service></serviceList>
    <deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>
      <deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>
        <serviceList>
          ${service('WANDSLLinkConfig:1', 'WANDSLLinkC1', '/igdupnp/control/WANDSLLinkC1')}
          ${service('WANIPConnection:1', 'WANIPConn1', '/igdupnp/control/WANIPConn1')}
          ${service('WANPPPConnection:1', 'WANPPPConn1', '/igdupnp/control/WANPPPConn1')}
        </serviceList>
      </device></deviceList>
    </device></deviceList>
  </device>
</root>`,
};

/** Old Wi-Fi router: URLBase with its own port, a control path without a leading slash, carriage returns, NUL at the end. */
export const oldRouter: Device = {
  location: 'http://192.168.0.1:1900/igd.xml',
  xml: `<?xml version="1.0" encoding="utf-8"?>\r
<root xmlns="urn:schemas-upnp-org:device-1-0">\r
<URLBase>http://192.168.0.1:1901/</URLBase>\r
<device>\r
<deviceType>${igd(1)}</deviceType>\r
<friendlyName>Wireless N router</friendlyName><manufacturer>Example</manufacturer><modelName>WR-1</modelName>\r
<deviceList><device><deviceList><device><serviceList>\r
${service('WANPPPConnection:1', 'WANPPPConnection', 'ipc')}\r
</serviceList></device></deviceList></device></deviceList>\r
</device>\r
</root>\r
\0`,
};

/** Fibre modem of a provider: several WAN connections, absolute control URLs naming an address it no longer has. */
export const fibreModem: Device = {
  location: 'http://192.168.100.1:49652/49652gatedesc.xml',
  xml: `<?xml version="1.0" ?>
<root xmlns="urn:schemas-upnp-org:device-1-0">
<device><deviceType>${igd(1)}</deviceType><friendlyName><![CDATA[Fibre <modem>]]></friendlyName>
<manufacturer>Example Networks</manufacturer><modelName>ONT</modelName>
<deviceList>
<device><deviceList><device><serviceList>
${service('WANPPPConnection:1', 'WANPPPConn1', 'http://192.168.1.254:49652/upnp/control/WANPPPConn1')}
</serviceList></device></deviceList></device>
<device><deviceList><device><serviceList>
${service('WANIPConnection:1', 'WANIPConn2', 'http://192.168.1.254:49652/upnp/control/WANIPConn2?x=1&amp;y=2')}
${service('WANIPConnection:1', 'WANIPConn3', '')}
</serviceList></device></deviceList></device>
</deviceList></device></root>`,
};

/** Business router: everything behind a namespace prefix, blanks and comments in odd places. */
export const prefixedRouter: Device = {
  location: 'http://10.0.0.1:2828/gateway_description.xml',
  xml: `<?xml version="1.0"?>
<!-- made by hand -->
<u:root xmlns:u="urn:schemas-upnp-org:device-1-0"><u:device>
<u:deviceType> ${igd(1)} </u:deviceType><u:friendlyName>
  Office router </u:friendlyName>
<u:deviceList><u:device><u:deviceList><u:device><u:serviceList><u:service>
  <u:serviceType>
    urn:schemas-upnp-org:service:WANIPConnection:1
  </u:serviceType><!-- the only one -->
  <u:controlURL> /upnp/control/oqjsxqshhz/wanipcn </u:controlURL>
</u:service></u:serviceList></u:device></u:deviceList></u:device></u:deviceList></u:device></u:root>`,
};

/** A television: a UPnP device that is no router. */
export const television: Device = {
  location: 'http://192.168.1.40:9197/dmr',
  xml: `<root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:MediaRenderer:1</deviceType><friendlyName>TV</friendlyName>
<serviceList>${service('RenderingControl:1', 'RenderingControl', '/ctl/rc')}</serviceList></device></root>`,
};
