import type { z } from "zod";
import type { Context } from "../../lib/index.ts";

/** What the query of a request says, or a 400 that says what is wrong with it. */
export function queryOf<T>(ctx: Context, schema: z.ZodType<T>): T {
  const { success, data, error } = schema.safeParse(ctx.query);
  if (success) return data;
  const [issue] = error.issues;
  ctx.throw(400, `${issue?.path.join(".")}: ${issue?.message}`);
}
