import Koa from "koa";
import { NO_PARAMS, PATTERN_PROPERTY, urlFor } from "./context.ts";
import { guardBody, onerror } from "./errors.ts";

const { get: bodyOf, set: setBody } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(new Koa().response),
  "body",
) as { get(): unknown; set(body: unknown): void };

const ON_CONTEXT: PropertyDescriptorMap = Object.fromEntries(
  Object.entries({ mountPath: "", params: NO_PARAMS, urlFor, onerror }).map(([name, value]) => [
    name,
    { value, writable: true, configurable: true },
  ]),
);

const ON_RESPONSE: PropertyDescriptorMap = {
  body: {
    configurable: true,
    get: bodyOf,
    set(body: unknown) {
      guardBody(body);
      setBody.call(this, body);
    },
  },
};

/**
 * Puts on an app's context and response what the framework adds to Koa's. It is under what users
 * put on `app.context` themselves, for that is what `childContext` copies.
 */
export function prepareContext(app: Koa): void {
  putUnder(app.context, { ...ON_CONTEXT, pattern: PATTERN_PROPERTY });
  putUnder(app.response, ON_RESPONSE);
}

function putUnder(target: object, properties: PropertyDescriptorMap): void {
  Object.setPrototypeOf(target, Object.create(Object.getPrototypeOf(target), properties));
}
