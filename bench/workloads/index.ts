import type { Workload } from "../workload.ts";
import { echo } from "./echo.ts";
import { fanOut } from "./fan-out.ts";
import { get } from "./get.ts";
import { handshake } from "./handshake.ts";
import { memory } from "./memory.ts";
import { rooms } from "./rooms.ts";
import { slowMember } from "./slow-member.ts";

/** All workloads, in the order in which they are run and shown. */
export const WORKLOADS: readonly Workload[] = [
  echo,
  fanOut,
  rooms,
  handshake,
  get,
  memory,
  slowMember,
];
