/** Who is told of new critical findings while a service runs, and how it is seen from outside whether that works. */
import type { Logger } from 'pino';
import { type Config, InvalidConfig } from './config.ts';
import type { EventStore } from './eventstore/event-store.ts';
import { HealthSources } from './http/health.controller.ts';
import { Metrics } from './http/metrics.ts';
import type { LedgerServer } from './http/server.ts';
import { CriticalFindings } from './notify/critical-findings.ts';
import { readWebhookSecret } from './notify/secret.ts';
import { Webhook } from './notify/webhook.ts';

/** Where to, and signed with what; undefined where nobody is to be told. @throws InvalidConfig */
export function readWebhook({ webhookUrl: url, webhookSecret, webhookSecretFile }: Config): { url: string; secret: string } | undefined {
  if (url === undefined) return undefined;
  try {
    return { url, secret: webhookSecret ?? readWebhookSecret(webhookSecretFile as string) };
  } catch (error) {
    throw new InvalidConfig([{ name: 'LIGGARE_WEBHOOK_SECRET_FILE', reason: (error as Error).message }]);
  }
}

/** Says in the log when nobody can be told, whoever listens. */
export function observeNotices({ app }: LedgerServer, log: Logger): void {
  app
    .get(CriticalFindings)
    .onFailing((cause) =>
      cause === undefined
        ? log.info('new critical findings are told again')
        : log.warn({ cause }, 'new critical findings cannot be read, and are told to nobody for now'),
    );
}

/** @returns how to stop it: what is not delivered by then is delivered by the next process */
export function startWebhook(
  { app }: LedgerServer,
  to: { url: string; secret: string },
  { store, config, log }: { store: EventStore; config: Config; log: Logger },
): () => Promise<void> {
  const metrics = app.get(Metrics);
  const attempts = metrics.counter('liggare_webhook_attempts_total', 'Attempts to deliver a finding to the webhook', ['outcome']);
  const webhook = new Webhook({
    ...to,
    findings: app.get(CriticalFindings),
    store,
    dataFolder: config.dataFolder,
    onAttempt: (outcome) => attempts.inc({ outcome }),
    onFailing: (cause) =>
      cause === undefined
        ? log.info('findings are delivered to the webhook again')
        : log.warn({ cause }, 'findings are not delivered to the webhook for now'),
    onBegunAnew: () => log.warn('the log is another than the one of webhook.json: the webhook is told of what is found from now on'),
  });
  const lag = () => {
    const { waitingSince } = webhook.status();
    return waitingSince === undefined ? 0 : Math.max(0, Date.now() - waitingSince) / 1000;
  };
  metrics.gauge('liggare_webhook_lag_seconds', 'Age of the oldest critical finding that the webhook has not taken', [], (gauge) =>
    gauge.set(lag()),
  );
  metrics.gauge('liggare_webhook_failing', '1 while the webhook takes nothing, and is tried again', [], (gauge) =>
    gauge.set(webhook.status().state === 'failing' ? 1 : 0),
  );
  // A receiver that is away is no reason to send requests elsewhere.
  app.get(HealthSources).add({
    name: 'webhook',
    check: () => {
      const { state, failures } = webhook.status();
      return { ok: true, detail: { state, failures, lagSeconds: Math.round(lag()) } };
    },
  });
  webhook.start();
  return () => webhook.close();
}
