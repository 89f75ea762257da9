import { createHash } from "node:crypto";

/** A script of Redis, and the name under which Redis keeps it. */
export interface Script {
  readonly source: string;
  /** SHA-1 of the source, for `EVALSHA`. */
  readonly sha: string;
}

/**
 * What every script begins with. `KEYS[1]` is the bucket's tag, `{<prefix>1:<bucket>}`; the names
 * of all keys begin with it, so that a cluster keeps them on one node.
 *
 * | key | what it holds |
 * |---|---|
 * | `:f` | the fence: `run`, `gen`, `hb`, `dur`, and `bytes` of all histories |
 * | `:t` | topics by the time at which they may be forgotten |
 * | `:q` | topics that retain something, the one that was quiet longest first |
 * | `:m:<topic>` | `g` generation, `e` epoch, `o` offset, `b` bytes, `f` floor, `x` time of the oldest, `z` time of the last refresh, `c` count, `a` age |
 * | `:s:<topic>` | the stream: one entry for each message |
 * | `:k:<topic>` | offsets by key |
 *
 * The first arguments of each script are: run id of this connection's server, whether its data
 * survive a restart, the last heartbeat that this process had acknowledged, a fresh random name,
 * and the time in milliseconds ("" for the server's own).
 */
const COMMON = `
local P = KEYS[1]
local F = P .. ':f'
local run, durable, acked, fresh = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now = tonumber(ARGV[5])
local real = now == nil
if real then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local function fenced()
  local f = redis.call('HMGET', F, 'run', 'gen', 'hb', 'dur')
  local hb = tonumber(f[3] or '0')
  local holds = f[2] and hb >= acked
  if holds and f[1] == run then return f[2], hb end
  if holds and durable == '1' and f[4] == '1' then
    redis.call('HSET', F, 'run', run)
    return f[2], hb
  end
  if hb < acked then hb = acked end
  redis.call('HSET', F, 'run', run, 'gen', fresh, 'hb', hb, 'dur', durable)
  return fresh, hb
end
local function forget(topic, b)
  redis.call('UNLINK', P .. ':s:' .. topic, P .. ':k:' .. topic)
  redis.call('ZREM', P .. ':q', topic)
  if b > 0 then redis.call('HINCRBY', F, 'bytes', -b) end
end
`;

/** How a script that is about one topic finds it, or begins its next epoch. */
const TOPIC = `
local topic, seenE, seenO, idle = ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local M, S, K = P .. ':m:' .. topic, P .. ':s:' .. topic, P .. ':k:' .. topic
local gen = fenced()
local m = redis.call('HMGET', M, 'g', 'e', 'o', 'b', 'f', 'x', 'z', 'c', 'a')
local e, o, b, f = m[2], tonumber(m[3] or '0'), tonumber(m[4] or '0'), tonumber(m[5] or '1')
local x, z, c, a = tonumber(m[6] or '0'), tonumber(m[7] or '0'), tonumber(m[8] or '0'), tonumber(m[9] or '0')
local lost = m[1] == gen and e == seenE and o < seenO
if lost then
  gen = fresh .. 'l'
  redis.call('HSET', F, 'gen', gen)
end
if m[1] ~= gen then
  forget(topic, b)
  e, o, b, f, x, z = fresh, 0, 0, 1, 0, 0
  redis.call('HSET', M, 'g', gen, 'e', e, 'o', 0, 'b', 0, 'f', 1, 'x', 0, 'z', 0, 'c', c, 'a', a)
end
local function refresh()
  z = now
  local keep = (b > 0 and a or 0) + idle + 1000
  redis.call('ZADD', P .. ':t', 'GT', now + keep, topic)
  if real then
    redis.call('PEXPIRE', M, keep + idle)
    redis.call('PEXPIRE', S, keep)
    redis.call('PEXPIRE', K, keep)
  end
  redis.call('HSET', M, 'z', z)
end
local function visible()
  local v = o - c + 1
  return v > f and v or f
end
local function cost(entry)
  local n = #entry[2][2] + 128
  if entry[2][7] then n = n + 2 * #entry[2][8] end
  return n
end
local function trim(max, slack)
  while f <= o do
    if not (o - f + 1 > c + slack or b > max or (x > 0 and now - x >= a)) then break end
    local olds = redis.call('XRANGE', S, '-', '+', 'COUNT', 9)
    if #olds == 0 then
      redis.call('HINCRBY', F, 'bytes', -b)
      b, f, x = 0, o + 1, 0
      break
    end
    local less, gone, done = 0, {}, false
    for _, old in ipairs(olds) do
      x = tonumber(old[2][4])
      if not (o - f + 1 > c or b - less > max or now - x >= a) then done = true break end
      less = less + cost(old)
      local at = string.match(old[1], '^%d+')
      f = tonumber(at) + 1
      -- A later message may have the key by now.
      if old[2][7] and redis.call('HGET', K, old[2][8]) == at then gone[#gone + 1] = old[2][8] end
    end
    if less > 0 then
      b = b - less
      redis.call('XTRIM', S, 'MINID', f .. '-0')
      redis.call('HINCRBY', F, 'bytes', -less)
    end
    if #gone > 0 then redis.call('HDEL', K, unpack(gone)) end
    if done then break end
  end
  if b == 0 then redis.call('ZREM', P .. ':q', topic) x = 0 end
end
`;

/**
 * Appends a message, bounded, and publishes it.
 *
 * Arguments after the common ones: data, key, count, age, the topic's bytes, the bucket's bytes,
 * the publication's own name, and for a repeated call how long ago the first one was, in
 * milliseconds.
 * Returns outcome, epoch, offset, time, floor.
 */
export const PUBLISH = script(`${COMMON}${TOPIC}
local data, key, count, age = ARGV[10], ARGV[11], tonumber(ARGV[12]), tonumber(ARGV[13])
local topicMax, bucketMax, nonce, since = tonumber(ARGV[14]), tonumber(ARGV[15]), ARGV[16], tonumber(ARGV[17])
if c ~= count or a ~= age then
  c, a = count, age
  redis.call('HSET', M, 'c', c, 'a', a)
end
if key ~= '' then
  local at = tonumber(redis.call('HGET', K, key) or '0')
  if at >= visible() then
    local y = redis.call('XRANGE', S, at .. '-0', at .. '-0')[1]
    if y and now - tonumber(y[2][4]) < age then
      local outcome = y[2][2] == data and 'repeated' or 'conflict'
      if y[2][6] == nonce then outcome = 'published' end
      return {outcome, e, at, y[2][4], visible()}
    end
  end
elseif since then
  local oldest = now
  for _, y in ipairs(redis.call('XREVRANGE', S, '+', '-', 'COUNT', 1000)) do
    if y[2][6] == nonce then
      return {'published', e, tonumber(string.match(y[1], '^%d+')), y[2][4], visible()}
    end
    oldest = tonumber(y[2][4])
  end
  -- The messages of that time are gone, and with them the answer.
  if f > 1 and oldest > now - since - 1000 then return {'unknown', e, o, now, visible()} end
end
o = o + 1
if key == '' then
  redis.call('XADD', S, o .. '-0', 'd', data, 't', now, 'n', nonce)
else
  redis.call('XADD', S, o .. '-0', 'd', data, 't', now, 'n', nonce, 'k', key)
  redis.call('HSET', K, key, o)
end
local more = #data + 128
if key ~= '' then more = more + 2 * #key end
b = b + more
if x == 0 then x = now end
local bytes = redis.call('HINCRBY', F, 'bytes', more)
local before = f
trim(topicMax, count > 8 and 8 or 0)
if now - z >= 1000 then
  refresh()
  if b > 0 then redis.call('ZADD', P .. ':q', now, topic) end
end
redis.call('HSET', M, 'o', o, 'b', b, 'f', f, 'x', x)
local rounds = 0
while bytes > bucketMax and rounds < 16 do
  rounds = rounds + 1
  local quiet = redis.call('ZRANGE', P .. ':q', 0, 0)[1]
  if not quiet or quiet == topic then break end
  local q = redis.call('HMGET', P .. ':m:' .. quiet, 'b', 'o')
  forget(quiet, tonumber(q[1] or '0'))
  if q[2] then redis.call('HSET', P .. ':m:' .. quiet, 'b', 0, 'f', q[2] + 1, 'x', 0) end
  bytes = tonumber(redis.call('HGET', F, 'bytes'))
end
redis.call('SPUBLISH', P .. ':c:' .. topic, o .. ' ' .. visible() .. ' ' .. now .. ' ' .. age .. ' ' .. e .. ' ' .. data)
return {'published', e, o, now, visible()}`);

/**
 * Reads a topic's messages after an offset ("" for all that are retained), and begins the topic
 * where there is none. An offset of an epoch that has ended counts as none.
 * Returns epoch, offset, floor, age, entries.
 */
export const READ = script(`${COMMON}${TOPIC}
if x > 0 and now - x >= a then
  trim(b, 0)
  redis.call('HSET', M, 'b', b, 'f', f, 'x', x)
end
if now - z >= 1000 then refresh() end
local first = visible()
local from = tonumber(ARGV[10])
if from and e == seenE and from >= first then first = from + 1 end
if first > o then return {e, o, visible(), a, {}} end
return {e, o, visible(), a, redis.call('XRANGE', S, first .. '-0', '+')}`);

/**
 * A heartbeat: counts on, forgets topics whose time has come, and tells where the topics are that
 * are named. Returns heartbeat, time, then epoch ("" for none) and offset of each topic.
 */
export const BEAT = script(`${COMMON}
local idle = tonumber(ARGV[6])
local gen, hb = fenced()
hb = redis.call('HINCRBY', F, 'hb', 1)
local out = {hb, now}
for i = 7, #ARGV do
  local topic = ARGV[i]
  local M = P .. ':m:' .. topic
  local m = redis.call('HMGET', M, 'g', 'e', 'o')
  if m[1] == gen then
    out[#out + 1] = m[2]
    out[#out + 1] = tonumber(m[3])
    redis.call('ZADD', P .. ':t', 'GT', now + idle, topic)
    if real then redis.call('PEXPIRE', M, 2 * idle, 'GT') end
  else
    out[#out + 1] = ''
    out[#out + 1] = 0
  end
end
for _, topic in ipairs(redis.call('ZRANGEBYSCORE', P .. ':t', '-inf', now, 'LIMIT', 0, 20)) do
  forget(topic, tonumber(redis.call('HGET', P .. ':m:' .. topic, 'b') or '0'))
  redis.call('UNLINK', P .. ':m:' .. topic)
  redis.call('ZREM', P .. ':t', topic)
end
return out`);

function script(source: string): Script {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}
