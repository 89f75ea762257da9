import type { Hub } from "koa-subapps";
import { z } from "zod";
import { MAX_RESULT_BYTES, type MemoryQueueOptions } from "./queue/memory.ts";
import type { KindsModule } from "./worker.ts";

const MIB = 1024 * 1024;

/** Options of `createTasks`. */
export interface TasksOptions extends MemoryQueueOptions {
  /** The longest input in bytes. Default 100 MiB. */
  maxInputBytes?: number;
  /**
   * The bound on the inputs of all running uploads and unfinished tasks together, in bytes. An
   * upload that does not announce its length counts as the longest. Default 2 GiB: twice what one
   * client can upload at once.
   */
  maxInputsBytes?: number;
  /** How many uploads one address, or one IPv6 /64, may have at once. Default 10. */
  maxUploadsPerClient?: number;
  /**
   * The bound on all ended tasks together, in bytes of memory: two for each character of their
   * results. Default 64 MiB.
   */
  maxResultsBytes?: number;
  /** A module of kinds, from `import * as kinds`. Default the one in `kinds/`. */
  kinds?: KindsModule;
  /**
   * Carries the states of tasks; the app does not close it. Default: a new hub, which the app
   * closes.
   */
  hub?: Hub;
}

const some = z.number().int().min(1);
const schema = z
  .strictObject({
    maxInputBytes: some.default(100 * MIB),
    maxInputsBytes: some.default(2_048 * MIB),
    maxUploadsPerClient: some.default(10),
    maxResultBytes: some.default(MAX_RESULT_BYTES),
    maxResultsBytes: some.default(64 * MIB),
    maxWaiting: z.number().int().min(0).optional(),
    threads: some.optional(),
    workerMemoryMb: some.optional(),
    kinds: z.custom<KindsModule>().optional(),
    hub: z.custom<Hub>().optional(),
  })
  .refine((options) => options.maxInputBytes <= options.maxInputsBytes, {
    path: ["maxInputsBytes"],
    error: "expected at least maxInputBytes",
  })
  .refine((options) => 3 * options.maxResultBytes <= options.maxResultsBytes, {
    path: ["maxResultsBytes"],
    error: "expected at least three times maxResultBytes",
  });

/**
 * Checks options, and fills in defaults.
 *
 * @throws TypeError for an unknown option, or a wrong value
 */
export function checked(options: TasksOptions) {
  const { success, data, error } = schema.safeParse(options);
  if (success) return data;
  const [issue] = error.issues;
  const where = issue?.path.join(".");
  throw new TypeError(`options of createTasks${where ? `, ${where}` : ""}: ${issue?.message}`);
}
