import type { Context } from "koa-subapps";
import type { z } from "zod";

/** Parses a request's query. Throws a 400 that names what is wrong. */
export function queryOf<T>(ctx: Context, schema: z.ZodType<T>): T {
  const { success, data, error } = schema.safeParse(ctx.query);
  if (success) return data;
  const [issue] = error.issues;
  ctx.throw(400, `${issue?.path.join(".")}: ${issue?.message}`);
}
