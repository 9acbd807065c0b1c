import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { cachedFile } from '@chaingrad/weights';
import { expect } from 'chai';
import { WeightsServer } from '../../weights-server.ts';

describe('proxies of the environment', () => {
  const names = [
    'http_proxy',
    'HTTP_PROXY',
    'no_proxy',
    'NO_PROXY',
    'all_proxy',
    'ALL_PROXY',
    'https_proxy',
    'HTTPS_PROXY',
  ];
  const saved = names.map((name) => process.env[name]);
  let server: WeightsServer;
  let proxy: Server;
  let connected: string[];

  before(async () => {
    server = await WeightsServer.start();
    // undici asks every proxy for a tunnel, as for https.
    proxy = createServer();
    proxy.on('connect', (request, socket) => {
      connected.push(request.url!);
      const { port } = new URL(server.url);
      const target = connect(Number(port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      target.on('error', () => socket.destroy());
      socket.on('error', () => target.destroy());
    });
    proxy.on('request', (request, response) => {
      connected.push(request.url!);
      fetch(`${server.url}w`).then(
        async (answer) => response.end(Buffer.from(await answer.arrayBuffer())),
        () => response.destroy(),
      );
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve);
    });
  });
  after(async () => {
    proxy.closeAllConnections();
    proxy.close();
    await server.stop();
  });
  beforeEach(() => {
    connected = [];
    for (const name of names) delete process.env[name];
  });
  afterEach(() => {
    names.forEach((name, i) => {
      if (saved[i] === undefined) delete process.env[name];
      else process.env[name] = saved[i];
    });
  });

  it('are used, with the exceptions of NO_PROXY', async () => {
    const body = Uint8Array.of(1, 2, 3);
    server.serve('w', { body });
    const get = () => cachedFile('http://weights.example/w', { cache: false, retries: 0 });
    process.env['HTTP_PROXY'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    expect(await get()).to.deep.equal(body);
    expect(connected).to.have.length(1);
    expect(connected[0]).to.include('weights.example');
    process.env['NO_PROXY'] = '127.0.0.1';
    expect(await cachedFile(`${server.url}w`, { cache: false })).to.deep.equal(body);
    expect(connected).to.have.length(1);
  });
});
