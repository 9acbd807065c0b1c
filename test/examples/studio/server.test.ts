/** How the studio is served: files once, and https in the local network. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { selfSigned } from '../../../examples/web/certificate.ts';
import { certificateFor, lanAddresses, welcome } from '../../../examples/web/serve.ts';
import { startServer } from '../../../examples/web/server.ts';

describe('studio: the server', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-serve-'));
    await writeFile(join(folder, 'a.txt'), 'hello');
  });
  after(() => rm(folder, { recursive: true }));

  it('makes a certificate that is valid for its hosts, now, by its own key', () => {
    const { cert } = selfSigned(['localhost', '192.168.1.7']);
    const read = new X509Certificate(cert);
    expect(read.checkHost('localhost')).to.equal('localhost');
    expect(read.checkIP('192.168.1.7')).to.equal('192.168.1.7');
    expect(read.checkIP('192.168.1.8')).to.equal(undefined);
    expect(read.verify(read.publicKey)).to.equal(true);
    expect(Date.parse(read.validFrom)).to.be.below(Date.now());
    expect(Date.parse(read.validTo)).to.be.above(Date.now() + 3e10);
  });

  it('serves https that a client who trusts the certificate accepts, and keeps the certificate', async () => {
    const certificate = await certificateFor(['localhost'], join(folder, 'kept'));
    expect(await certificateFor(['localhost'], join(folder, 'kept'))).to.deep.equal(certificate);
    const server = await startServer({ '/': folder }, { certificate });
    try {
      const body = await new Promise((resolve, reject) => {
        request(`${server.url}a.txt`, { ca: certificate.cert, agent: false }, (response) => {
          response.on('data', (data) => resolve(String(data)));
        })
          .on('error', reject)
          .end();
      });
      expect(body).to.equal('hello');
    } finally {
      await server.close();
    }
  });

  it('sends a file again only when it has changed', async () => {
    const server = await startServer({ '/': folder });
    try {
      const first = await fetch(`${server.url}a.txt`);
      expect(await first.text()).to.equal('hello');
      const headers = { 'If-None-Match': first.headers.get('etag')! };
      expect((await fetch(`${server.url}a.txt`, { headers })).status).to.equal(304);
      expect(server.sent).to.equal(5);
    } finally {
      await server.close();
    }
  });

  it('tells the addresses in the network, with a code for the camera', () => {
    const address = { netmask: '', mac: '', cidr: null };
    const addresses = lanAddresses({
      lo: [{ ...address, address: '127.0.0.1', family: 'IPv4', internal: true }],
      wlan: [
        { ...address, address: '192.168.1.7', family: 'IPv4', internal: false },
        { ...address, address: 'fe80::1', family: 'IPv6', internal: false, scopeid: 1 },
      ],
    });
    expect(addresses).to.deep.equal(['192.168.1.7']);
    const text = welcome('https://localhost:8080/', 8080, addresses, true);
    expect(text)
      .to.include('https://192.168.1.7:8080/')
      .and.match(/[▀▄█]{5}/);
    expect(text).to.include('warns once');
  });
});
