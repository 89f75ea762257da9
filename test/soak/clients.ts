// The clients of a soak, in a process of their own: started by soak.ts, which it tells what it
// has counted over the channel between them.

import { echoClient, plainMember, slowReader, vandal, visitor } from "./actors.ts";
import { Talker } from "./talker.ts";
import { World } from "./world.ts";

const ROOMS = 8;
const TALKERS_IN_ROOM = 4;
const PLAIN_IN_ROOM = 2;
const ECHO_CLIENTS = 20;
const VISITORS = 8;
const VANDALS = 3;
const SLOW_READERS = 3;

const [url = "", ms = "", seed = "", restarts = ""] = process.argv.slice(2);
const world = new World(url, Number(seed), restarts === "restarts");

const talkers: Talker[] = [];
const actors: Promise<void>[] = [];

function addTalker(room: string, index: number, perSecond: number, bytes: number): void {
  const talker = new Talker(world, { room, id: `talker-${index}`, perSecond, bytes });
  talkers.push(talker);
  actors.push(talker.run());
}

for (let room = 0; room < ROOMS; room++) {
  for (let n = 0; n < TALKERS_IN_ROOM; n++) addTalker(`room-${room}`, n, 3, 60);
  for (let n = 0; n < PLAIN_IN_ROOM; n++)
    actors.push(plainMember(world, `room-${room}`, `plain-${n}`));
}
// Loud enough that who does not read it falls behind within the time that he does not.
for (let n = 0; n < 2; n++) addTalker("loud", n, 10, 20_000);
for (let n = 0; n < SLOW_READERS; n++) actors.push(slowReader(world, "loud", `slow-${n}`));
for (let n = 0; n < ECHO_CLIENTS; n++) actors.push(echoClient(world));
for (let n = 0; n < VISITORS; n++) actors.push(visitor(world));
for (let n = 0; n < VANDALS; n++) actors.push(vandal(world));

const report = () => process.send?.(world.tally);
const reporting = setInterval(report, 1_000);
setTimeout(() => world.end(), Number(ms));

process.once("disconnect", () => process.exit());

await Promise.all(actors);
clearInterval(reporting);
process.send?.({ ...world.tally, done: true }, () => process.disconnect());
