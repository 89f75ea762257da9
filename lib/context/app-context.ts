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
 * Adds the framework's properties to an app's context and response. They lie on a prototype of
 * `app.context`, because mounted apps show the own properties of `app.context`, which are users'.
 */
export function prepareContext(app: Koa): void {
  putUnder(app.context, { ...ON_CONTEXT, pattern: PATTERN_PROPERTY });
  putUnder(app.response, ON_RESPONSE);
}

function putUnder(target: object, properties: PropertyDescriptorMap): void {
  Object.setPrototypeOf(target, Object.create(Object.getPrototypeOf(target), properties));
}
