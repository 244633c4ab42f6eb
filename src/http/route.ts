/** What a route says of itself: who may call it, and which bodies it reads. */
import { RouteConfig } from '@nestjs/platform-fastify';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import type { Caller, Permission } from '../ledger/api-key/permissions.ts';

export interface RouteSettings {
  /** Every route must say; the server does not start with one that is silent. */
  access: 'public' | Permission;
  /** Media types of bodies; `application/json` where it says nothing. None: the route takes no body, or an empty JSON object. */
  accepts?: readonly MediaType[];
  /** Bytes of a body, at most; absent: as its media type has it. */
  bytes?: number;
}

export const MEDIA_TYPES = [
  'application/json',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
  'application/x-ndjson',
  'application/yaml',
] as const;
export type MediaType = (typeof MEDIA_TYPES)[number];

declare module 'fastify' {
  interface FastifyContextConfig extends Partial<RouteSettings> {}
  interface FastifyRequest {
    caller: Caller | null;
  }
}

/** Adds to what the route says of itself, where `RouteConfig` alone would replace it. */
export function routeSetting(setting: Partial<RouteSettings>): MethodDecorator {
  return (target, property, descriptor: PropertyDescriptor) => {
    const earlier = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, descriptor.value) as object | undefined;
    RouteConfig({ ...earlier, ...setting })(target, property, descriptor);
  };
}

/** The media types of bodies that the route reads. */
export const Accepts = (...accepts: MediaType[]): MethodDecorator => routeSetting({ accepts });

/** A body may have so many bytes, other than its media type has it. */
export const Takes = (bytes: number): MethodDecorator => routeSetting({ bytes });

/** The route has nothing to be told: what is sent all the same is refused, and not passed over. An empty JSON object is nothing. */
export const TakesNothing = (): MethodDecorator => routeSetting({ accepts: [] });
