import { inWords, size } from "../numbers.js";

/** @param {number} count */
const bytes = (count) => `${inWords(count)} 位元組`;

const NAME_RULE = "1 到 64 個字元：任何文字的字母、附加符號與數字，以及 _ 和 -。";
const OFFLINE = "瀏覽器處於離線狀態";
const SAVE_AS = "請另存為 UTF-8 後重新選擇：一般編輯器在「另存新檔」裡，Excel 則選「CSV UTF-8」。";
const BEGUN = "任務可能已經開始；再試一次會開始另一個任務。";

/**
 * What the page says in Chinese as it is written in Taiwan.
 *
 * @type {typeof import("./en.js").en}
 */
export const zhHant = {
  // The page
  demos: "示範",
  forgetful: "這裡的內容不會保留：瀏覽器的儲存空間被封鎖或已滿。",
  outdated: "伺服器的版本比這個頁面新。",
  reload: "重新載入",
  unread: (count) => `${inWords(count)} 則未讀`,
  unreadMore: (count) => `超過 ${inWords(count)} 則未讀`,
  labelled: (label, text) => `${label}：${text}`,
  size: (count) => size(count, bytes),
  nameRule: NAME_RULE,

  // A connection
  idle: "未連線",
  connecting: "連線中",
  open: "已連線",
  local: "有回應",
  silent: "無回應",
  offline: "離線",
  interrupted: "重新連線中",
  closed: "已關閉",
  connectingTo: (place) => `正在連線到 ${place}`,
  connectedTo: (place) => `已連線到 ${place}`,
  answersOffline: (place) => `${OFFLINE}，但 ${place} 的伺服器仍有回應。`,
  silentNow: "伺服器沒有回應。稍候片刻就會重新連線。",
  offlineNow: `${OFFLINE}，收不到新的內容。`,
  lostOffline: `${OFFLINE}，恢復後會自動重新連線。`,
  lost: "連線中斷，正在自動重新連線。",
  connectAgain: "重新連線",
  tryNow: "立即重試",
  closedWith: (meaning, reason) => (reason === "" ? `${meaning}。` : `${meaning}：${reason}`),
  close1000: "伺服器結束了連線",
  close1002: "伺服器無法理解這個瀏覽器",
  close1003: "伺服器不接受這種訊息",
  close1007: "伺服器無法讀取上一則訊息",
  close1008: "伺服器拒絕了這個連線",
  close1009: "上一則訊息太大",
  closeOther: (code) => `伺服器以代碼 ${code} 結束了連線`,

  // Messages
  messages: "訊息",
  newest: "最新訊息",
  message: "訊息",
  writeMessage: "輸入訊息",
  send: "傳送",
  newMessages: (count) => `${inWords(count)} 則新訊息`,
  messagesNotSent: (count) => `${inWords(count)} 則訊息未傳送`,
  sending: "傳送中",
  sent: "已傳送",
  failed: "未傳送",
  retry: "重試",
  discard: "捨棄",
  unseen: "這則訊息裡沒有看得見的內容。",
  tooLongBy: (count) => `太長了，超出 ${bytes(count)}。`,

  // The echo
  echoTitle: "回音",
  echoSummary: "你傳送什麼，伺服器就回覆什麼。",
  echoEmpty: "還沒有訊息。寫點什麼，伺服器會照樣回覆。",
  notSent: "未傳送。訊息會留在這裡，直到你再次傳送。",
  notAnswered: "伺服器沒有回覆。",
  tooManyOwed: (most) =>
    `有 ${inWords(most)} 則訊息還在等待回覆。這一則會先留在這裡，等收到一些回覆後再傳送。`,

  // The room
  roomTitle: "聊天室",
  roomHeading: (name) => `聊天室 ${name}`,
  roomSummary: "這裡的每個人都看得到所有訊息。在另一個視窗開啟連結試試看。",
  roomEmpty: "這裡還沒有人說話。",
  aboutRoom: "關於這個聊天室",
  members: "成員",
  moreMembers: (count) => `還有 ${inWords(count)} 人`,
  you: "你",
  roomAndName: "聊天室與名稱",
  room: "聊天室",
  enter: "進入",
  newRoom: "新聊天室",
  yourName: "你的名稱",
  change: "更改",
  copyLink: "複製連結",
  roomLink: "這個聊天室的連結",
  copied: "已複製",
  copyFromHere: "請從這裡複製",
  sendFirst: "請等訊息都送出後再更改。",
  notConnected: "未連線。訊息會留在這裡，直到你重新連線。",
  noRoomName: `這不能當聊天室的名稱。請用 ${NAME_RULE}`,
  outboxFull: (most) =>
    `有 ${inWords(most)} 則訊息還在等待傳送。這一則會先留在這裡，等送出一些後再傳送。`,
  missed: "漏掉了一些訊息",
  maybeMissed: "可能漏掉了一些訊息",
  away: (count) => `你離開期間有 ${inWords(count)} 則訊息`,
  waitingIn: (room, count) => `聊天室 ${room} 還有 ${inWords(count)} 則訊息等待傳送`,
  refusedMessage: (reason) => `伺服器拒絕了一則訊息：${reason}`,

  // The tasks
  tasksTitle: "任務",
  tasksSummary: "伺服器會計算文字檔的字詞數，不論你是否看著。",
  tasksEmpty: "還沒有任務。選一個文字檔，看它計算的過程。",
  dropHere: "把文字檔拖放到這裡，或",
  chooseFiles: "選擇檔案",
  textsToCount: "要計算的文字檔",
  dropRule: (most, atOnce) =>
    `UTF-8 文字檔，每個最大 ${size(most, bytes)}。一次上傳 ${atOnce} 個，其餘的排隊等候。`,
  noFolder: "無法接受資料夾：請選擇其中的檔案。",
  filesTaken: (taken, all, most) =>
    `已接受 ${inWords(all)} 個檔案中的 ${inWords(taken)} 個：同時最多 ${most} 個任務。等有些結束後再加入其餘的檔案。`,
  removeEnded: "移除所有已結束的任務",
  endsOfTasks: "任務結束的消息",
  tasksEnded: (count) => `${inWords(count)} 個任務已結束`,
  cancel: "取消",
  tryAgain: "再試一次",
  remove: "移除",
  cancelling: "取消中",
  taskWaiting: "等待上傳",
  taskUploading: (part) => `上傳中 ${part}`,
  taskSent: "已上傳，等待伺服器回覆",
  taskUnknown: "正在向伺服器查詢狀態",
  taskQueued: "在伺服器上排隊",
  taskRunning: (part) => `計算中 ${part}`,
  taskSucceeded: "完成",
  taskCancelled: "已取消",
  taskForgotten:
    "伺服器已經不認得這個任務：伺服器重新啟動過，或任務已結束超過一小時。要再計算一次，請重新選擇檔案。",
  taskFailed: (error) => `失敗：${error}`,
  taskRefused: (error) => `未上傳。${error}`,
  notCancelled: "無法取消：連不上伺服器。請再試一次。",
  leftEarly: "上傳完成前就離開了頁面。請重新選擇檔案。",

  // An upload
  isUtf16: `這份文字檔是 UTF-16，而伺服器讀取 UTF-8。${SAVE_AS}`,
  isBig5: `這份文字檔看起來是 Big5，而伺服器讀取 UTF-8。${SAVE_AS}`,
  noText: (type) =>
    `伺服器只計算文字檔的字詞，而這${type ? `是 ${type}` : "不是文字檔"}。請選擇文字檔。`,
  tooLarge: (length, most) =>
    `檔案太大：它有 ${size(length, bytes)}，而伺服器最多接受 ${size(most, bytes)}。請分割後再選擇。`,
  tooLargeHere: (length) => `檔案太大：伺服器不接受 ${size(length, bytes)}。請分割後再選擇。`,
  unansweredUpload: (seconds) => `伺服器已經 ${seconds} 秒沒有回覆。${BEGUN}`,
  stalledUpload: (seconds) => `已經 ${seconds} 秒沒有資料送到伺服器。請稍後再試。`,
  brokeAfter: `伺服器回覆之前連線就中斷了。${BEGUN}`,
  brokeBefore: "上傳中斷：連不上伺服器，或檔案已無法讀取。請再試一次，或重新選擇檔案。",
  noSuchTask: "這個伺服器不計算字詞：它沒有這種任務。在這裡無法改變。",
  serverFull: (seconds) =>
    `伺服器的任務已經額滿。請${seconds === null ? "稍後" : ` ${seconds} 秒後`}再試。`,
  serverAnswered: (status, text) => `伺服器回覆 ${status}：${text}。請稍後再試。`,

  // What was counted
  words: (count) => `${inWords(count)} 個字詞`,
  linesCounted: "行數",
  wordsCounted: "字詞數",
  bytesCounted: "位元組數",
  barsOf: (count) => `最常見的 ${count} 個字詞的長條圖；表格列有全部`,
  mostFrequent: (count) => (count === 1 ? "唯一的字詞" : `最常見的 ${count} 個字詞`),
  word: "字詞",
  count: "次數",
  share: "比例",
};
