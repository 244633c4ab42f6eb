import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { Needs, Public } from '../../src/http/auth.ts';
import { Accepts } from '../../src/http/route.ts';
import { ADMIN_KEY, type TestServer, testServer } from './test-server.ts';

let release: () => void = () => undefined;
let entered: () => void = () => undefined;

@Controller('probe')
class Probe {
  @Get('slow')
  @Public()
  async slow(): Promise<string> {
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    entered();
    await released;
    return 'finished';
  }

  @Post('stream')
  @HttpCode(200)
  @Needs('record')
  @Accepts('application/x-ndjson')
  async stream(@Body() body: Readable): Promise<{ bytes: number }> {
    let bytes = 0;
    for await (const chunk of body) bytes += chunk.length;
    return { bytes };
  }

  @Post('body')
  @Needs('record')
  body(@Body() body: unknown): unknown {
    return body;
  }
}

@Controller('silent')
class Silent {
  @Get()
  open(): string {
    return 'to everybody';
  }
}

let server: TestServer;
let port: number;

async function start(env: Record<string, string> = {}): Promise<void> {
  server = await testServer({ env, controllers: [Probe] });
  port = Number(new URL(await server.ledger.listen({ host: '127.0.0.1', port: 0 })).port);
}
afterEach(() => server.close());

/** Writes to a bare connection, and reads until the other side ends it. */
async function talk(...parts: (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  for (const part of parts) socket.write(part);
  return text(socket);
}

async function text(socket: Socket): Promise<string> {
  let read = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    read += chunk;
  });
  // A connection that is cut ends in an error or not, depending on who was faster.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return read;
}

const AUTHORIZED = `Host: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n`;

describe('what is no request', () => {
  it.each([
    ['garbage', 'hello\r\n\r\n', '400 Bad Request'],
    ['headers without end', `GET / HTTP/1.1\r\nHost: x\r\n${'x: y\r\n'.repeat(10_000)}\r\n`, '431 Request Header Fields Too Large'],
    ['two lengths', 'POST /probe/body HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', '400 Bad Request'],
    ['a length that is no number', 'POST /probe/body HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n', '400 Bad Request'],
  ])('(%s) is a problem on the bare connection', async (_, sent, line) => {
    await start();
    const answer = await talk(sent);
    expect(answer).toContain(`HTTP/1.1 ${line}`);
    expect(answer).toContain('application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ type: expect.stringMatching(/^urn:liggare:problem:/) });
  });
});

describe('a request that does not arrive', () => {
  it('is cut off while its head trickles in', async () => {
    await start({ LIGGARE_HEADERS_MS: '1000' });
    expect(await talk('GET /health/live HTTP/1.1\r\nHost:')).toContain('408 Request Timeout');
  });

  it('is cut off while its body trickles in', async () => {
    await start({ LIGGARE_BODY_MS: '1000' });
    const socket = connect(port, '127.0.0.1');
    socket.write(`POST /probe/body HTTP/1.1\r\n${AUTHORIZED}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n`);
    const trickle = setInterval(() => socket.write(' '), 100);
    socket.once('close', () => clearInterval(trickle));
    expect(await text(socket)).not.toContain('HTTP/1.1 2');
  });

  it('may take its time as a stream of NDJSON', async () => {
    await start({ LIGGARE_BODY_MS: '1000' });
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST /probe/stream HTTP/1.1\r\n${AUTHORIZED}Content-Type: application/x-ndjson\r\nContent-Length: 20\r\nConnection: close\r\n\r\n`,
    );
    let sent = 0;
    const trickle = setInterval(() => sent++ < 20 && socket.write('\n'), 100);
    socket.once('close', () => clearInterval(trickle));
    expect(await text(socket)).toContain('{"bytes":20}');
  });
});

describe('the body of a stranger', () => {
  it('is not waited for: the answer is there before it, and the connection does not stay', async () => {
    await start();
    const socket = connect(port, '127.0.0.1');
    socket.write('POST /probe/body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n{"a":');
    const [first] = await once(socket, 'data');
    expect(String(first)).toContain('401 Unauthorized');
    await text(socket);
  });

  it('is not read at an unknown address either', async () => {
    await start();
    const socket = connect(port, '127.0.0.1');
    socket.write('POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n{"a":');
    const [first] = await once(socket, 'data');
    expect(String(first)).toContain('404 Not Found');
    socket.destroy();
  });
});

describe('stopping', () => {
  it('finishes what is under way, takes nothing new, and then lets go of the port', async () => {
    await start();
    const isIn = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const answer = fetch(`http://127.0.0.1:${port}/probe/slow`);
    await isIn;
    const closed = server.ledger.close();
    expect((await server.send({ url: '/health/ready', key: null })).statusCode).toBe(503);
    release();
    expect(await (await answer).text()).toBe('finished');
    await closed;
    await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow();
    await server.ledger.close();
  });

  it('does not wait for ever', async () => {
    await start({ LIGGARE_SHUTDOWN_MS: '200' });
    const isIn = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const answer = fetch(`http://127.0.0.1:${port}/probe/slow`).catch((error: Error) => error);
    await isIn;
    await server.ledger.close();
    expect(await answer).toHaveProperty('message', 'fetch failed');
    release();
  });
});

it('a route that does not say who may call it stops the start', async () => {
  await start();
  await expect(testServer({ controllers: [Silent] })).rejects.toThrow(/does not say who may call it/);
});
