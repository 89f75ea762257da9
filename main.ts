import { App, run } from "koa-subapps";
import { admin } from "./apps/admin/index.ts";
import { chat } from "./apps/chat/index.ts";
import { echo } from "./apps/echo/index.ts";
import { site } from "./apps/site/index.ts";
import { tasks } from "./apps/tasks/index.ts";

const app = new App();

app.mount("/ws", echo);
app.mount("/chat", chat);
app.mount("/tasks", tasks);
app.mount("/admin", admin);
app.mount("/", site);

await run(app);
