import { Composer } from "./composer.js";
import { createEcho } from "./echo.js";
import { Identity } from "./identity.js";
import { Messages } from "./messages.js";
import { Room } from "./room.js";
import { StateLine } from "./state-line.js";
import { Tabs } from "./tabs.js";

const room = new Room();
const demos = [createEcho(), room];
let shown;

const tabs = new Tabs(demos);
const identity = new Identity(room);
const messages = new Messages();
const stateLine = new StateLine(() => shown.connection.open());
const composer = new Composer((text) => {
  const sent = shown.connection.send(text);
  if (sent) messages.follow();
  return sent;
});

for (const demo of demos) {
  demo.addEventListener("state", () => {
    tabs.refresh(demo);
    if (demo === shown) showState();
  });
  demo.addEventListener("message", () => {
    if (demo === shown) {
      messages.refresh();
    } else {
      demo.unread += 1;
      tabs.refresh(demo);
    }
  });
}

tabs.onChoose((demo) => {
  if (shown) shown.draft = composer.text;
  shown = demo;
  demo.unread = 0;
  document.title = `${demo.title} · koa-subapps`;
  document.querySelector("#title").textContent = demo.title;
  document.querySelector("#summary").textContent = demo.summary;
  identity.visible = demo === room;
  composer.text = demo.draft;
  messages.show(demo.history, demo.emptyText);
  // Only a demo that somebody looked at connects: who never saw the room cannot leave it.
  if (demo.connection.state === "idle") demo.connection.open();
  tabs.refresh(demo);
  showState();
});

// On a touch screen the focus would bring up the keyboard over the page.
if (matchMedia("(pointer: fine)").matches) composer.focus();

function showState() {
  stateLine.show(shown.connection);
  composer.ready = shown.connection.state === "open";
}
