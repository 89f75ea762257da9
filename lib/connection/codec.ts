import type { StandardSchemaV1 } from "@standard-schema/spec";
import sjson from "secure-json-parse";

/** A message that is not JSON, or does not fit its route's schema. */
export class Misfit {
  /** `not_json`, or `invalid` for JSON that does not fit the schema. */
  readonly code: "not_json" | "invalid";
  /** What was expected and where, for the client. */
  readonly message: string;
  /** The parsed message, unchecked: do not trust anything in it. */
  readonly value: unknown;

  constructor(code: Misfit["code"], message: string, value?: unknown) {
    this.code = code;
    this.message = message;
    this.value = value;
  }
}

/** How the messages of a route are read and written. */
export interface Codec {
  /** The message that a text carries, or a {@link Misfit}. */
  decode(text: string): { value: unknown } | Misfit;
  /**
   * The text that carries a value.
   *
   * @throws TypeError when the value does not fit the route's `send` schema
   */
  encode(value: unknown): string;
}

/**
 * Makes the codec of a route with schemas: JSON texts, checked by any Standard Schema library.
 *
 * @param receive schema of what clients may send; undefined for anything
 * @param send schema of what the route may send; undefined for anything
 */
export function createCodec(receive?: StandardSchemaV1, send?: StandardSchemaV1): Codec {
  return {
    decode(text) {
      const parsed = parse(text);
      if (parsed instanceof Misfit || !receive) return parsed;
      const result = validate(receive, parsed.value);
      return "value" in result ? result : new Misfit("invalid", result.problem, parsed.value);
    },
    encode(value) {
      const result = send ? validate(send, value) : { value };
      if ("value" in result) return JSON.stringify(result.value);
      throw new TypeError(`expected a message of the route's send schema: ${result.problem}`);
    },
  };
}

// Keys `__proto__` and `constructor.prototype` are refused: an app that copies them into another
// object would change what every object inherits.
function parse(text: string): { value: unknown } | Misfit {
  try {
    return {
      value: sjson.parse(text, undefined, { protoAction: "error", constructorAction: "error" }),
    };
  } catch {
    return new Misfit("not_json", "expected a JSON message");
  }
}

function validate(
  schema: StandardSchemaV1,
  value: unknown,
): { value: unknown } | { problem: string } {
  let result: ReturnType<StandardSchemaV1["~standard"]["validate"]>;
  try {
    result = schema["~standard"].validate(value);
  } catch {
    // A deeply nested message can overflow the stack of a recursive schema.
    return { problem: "expected a message that can be checked" };
  }
  if (result instanceof Promise) {
    // An unhandled rejection of this promise would end the process.
    result.catch(() => {});
    throw new TypeError("expected a schema that checks synchronously, but it returned a promise");
  }
  if (!result.issues) return { value: result.value };
  const [issue] = result.issues;
  const path = issue?.path?.map((part) =>
    typeof part === "object" ? String(part.key) : String(part),
  );
  const where = path?.length ? `${path.join(".")}: ` : "";
  return { problem: `${where}${issue?.message ?? "invalid"}` };
}
