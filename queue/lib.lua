#!lua name=facteur1
-- Helpers of all transitions.  A record's head: id 1-8, address hash 9-16,
-- base 17-24, attempt 25-26, expires 27-30.

local MAX = 256
local HEAD = 30
local NOBASE = '\0\0\0\0\0\0\0\0'

-- Neither redis.call nor the standard libraries exist while the library is
-- loaded: the first entry sets these.
local call, pcall_, sub, byte, find, floor

local function lib_init()
  sub, byte, find, floor = string.sub, string.byte, string.find, math.floor
  pcall_, call = redis.pcall, redis.call
end

local function refuse(text)
  error({err = text})
end

local function bad(what)
  refuse('BADCALL ' .. what)
end

-- A decimal number of an argument, or a refusal.
local function num(v, what)
  if not v or not find(v, '^%d+$') or #v > 15 then bad(what) end
  return tonumber(v)
end

local function limit_of(v)
  local n = num(v, 'limit')
  if n < 1 then bad('limit') end
  return n > MAX and MAX or n
end

local function epoch_check(key, epoch)
  local m = call('HMGET', key, 'epoch', 'schema')
  if not m[2] then refuse('NOSHARD ' .. key) end
  if m[1] ~= epoch then refuse('FENCED not the owner') end
end

local function shard_check(key)
  if call('HEXISTS', key, 'schema') == 0 then refuse('NOSHARD ' .. key) end
end

-- "C\nD\nrecord" to its three parts.
local function split(v)
  local a = find(v, '\n', 1, true)
  local b = a and find(v, '\n', a + 1, true)
  if not b or #v - b < HEAD then return nil end
  return sub(v, 1, a - 1), sub(v, a + 1, b - 1), sub(v, b + 1)
end

local function attempt_of(rec)
  local a, b = byte(rec, 25, 26)
  return a * 256 + b
end

local function with_attempt(rec, n)
  if n > 65535 then n = 65535 end
  return sub(rec, 1, 24) .. string.char(floor(n / 256), n % 256) .. sub(rec, 27)
end

local function expires_of(rec)
  local a, b, c, d = byte(rec, 27, 30)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

-- Counts --------------------------------------------------------------------

-- What a call did to campaigns, bases and the shard, written in one go.
local function tally_new()
  return {camp = {}, base = {}, live = 0}
end

local function tally_count(t, c, code)
  local n = t.camp[c]
  if not n then
    n = {}
    t.camp[c] = n
  end
  n[code] = (n[code] or 0) + 1
end

-- A record leaves the queue for good.
local function tally_left(t, c, code, b)
  tally_count(t, c, code)
  t.live = t.live - 1
  if b ~= NOBASE then t.base[b] = (t.base[b] or 0) - 1 end
end

local function tally_gone(t, c, code, rec)
  tally_left(t, c, code, sub(rec, 17, 24))
end

local function base_release(s, b, n)
  if call('HINCRBY', s .. ':bc', b, -n) <= 0 then
    call('HDEL', s .. ':bc', b)
    call('UNLINK', s .. ':b:' .. b)
  end
end

local function tally_write(s, t)
  for c, n in pairs(t.camp) do
    for code, v in pairs(n) do call('HINCRBY', s .. ':c:' .. c, code, v) end
  end
  if t.live ~= 0 then call('HINCRBY', s .. ':m', 'live', t.live) end
end

-- Last of all writes: a failure before it leaves a base too long, never too
-- short.
local function tally_bases(s, t)
  for b, n in pairs(t.base) do
    if n < 0 then base_release(s, b, -n) end
  end
end

-- Suppression ---------------------------------------------------------------

local RANK = {r = 6, c = 5, u = 4, m = 3, h = 2, i = 1}

-- Made once each: formatting costs more than the look-up it is for.
local BUCKETS = {}

local function bucket_key(s, buckets, h)
  local a, b = byte(h, 1, 2)
  local n = (a * 256 + b) % buckets
  local tail = BUCKETS[n]
  if not tail then
    tail = string.format(':s:%04d', n)
    BUCKETS[n] = tail
  end
  return s .. tail
end

local function buckets_of(key)
  return tonumber(call('HGET', key, 'buckets') or '') or 4096
end

local function scopes_of(text)
  local t = {}
  for w in string.gmatch(text or '', '%S+') do t[#t + 1] = w end
  return t
end

-- True when one of the scopes has an entry for the hash.
local function suppressed(s, buckets, scopes, h)
  local n, t, r = #scopes, sub(h, 3, 8), nil
  if n == 0 then return false end
  local key = bucket_key(s, buckets, h)
  if n == 1 then
    return call('HEXISTS', key, t .. scopes[1]) == 1
  elseif n == 2 then
    r = call('HMGET', key, t .. scopes[1], t .. scopes[2])
  elseif n == 3 then
    r = call('HMGET', key, t .. scopes[1], t .. scopes[2], t .. scopes[3])
    return r[1] or r[2] or r[3]
  else
    local f = {}
    for i = 1, n do f[i] = t .. scopes[i] end
    r = call('HMGET', key, unpack(f))
  end
  for i = 1, n do
    if r[i] then return true end
  end
  return false
end

-- 1: new.  An entry of a stronger reason stays.
local function suppress_put(s, buckets, h, scope, reason)
  local key, f = bucket_key(s, buckets, h), sub(h, 3, 8) .. scope
  local old = call('HGET', key, f)
  if old and (RANK[old] or 0) >= RANK[reason] then return 0 end
  call('HSET', key, f, reason)
  call('HINCRBY', s .. ':sn', scope .. ' ' .. reason, 1)
  if not old then return 1 end
  if call('HINCRBY', s .. ':sn', scope .. ' ' .. old, -1) <= 0 then
    call('HDEL', s .. ':sn', scope .. ' ' .. old)
  end
  return 0
end

-- Lanes ---------------------------------------------------------------------

-- List of {c, d, rec} pushed onto their lanes: RPUSH in this order, LPUSH so
-- that the first of the list ends up first of the lane.  A lane that refuses
-- (damaged key) leaves its records unpushed: failed[i] is set and the first
-- error returned.  lanes gets every lane pushed to, as "c\nd".
local function lanes_group(list)
  local groups, by = {}, {}
  for i = 1, #list do
    local e = list[i]
    local c = by[e[1]]
    if not c then
      c = {}
      by[e[1]] = c
      groups[#groups + 1] = {c = e[1], ds = {}, lanes = c}
      c[0] = groups[#groups]
    end
    local l = c[e[2]]
    if not l then
      l = {}
      c[e[2]] = l
      local ds = c[0].ds
      ds[#ds + 1] = e[2]
    end
    l[#l + 1] = i
  end
  return groups
end

-- The lanes' entries come before their records: an entry without records is
-- harmless, records without an entry would be lost.
local function lanes_enter(s, g, notify)
  local rk = s .. ':r:' .. g.c
  local sc = pcall_('ZMSCORE', rk, unpack(g.ds))
  if sc.err then return sc end
  local z, fresh = {'ZADD', rk, 'NX'}, {'SADD', s .. ':new'}
  for i = 1, #g.ds do
    if not sc[i] then
      z[#z + 1] = 0
      z[#z + 1] = g.ds[i]
      fresh[#fresh + 1] = g.c .. '\n' .. g.ds[i]
    end
  end
  if #fresh == 2 then return nil end
  if notify then
    local r = pcall_(unpack(fresh))
    if type(r) == 'table' then return r end
  end
  local r = pcall_(unpack(z))
  return type(r) == 'table' and r or nil
end

local function lane_args(cmd, key, idx, list)
  local a, n = {cmd, key}, #idx
  for j = 1, n do
    a[j + 2] = list[cmd == 'LPUSH' and idx[n - j + 1] or idx[j]][3]
  end
  return a
end

local function lanes_push(s, list, cmd, notify, lanes)
  local failed, err = {}, nil
  local groups = lanes_group(list)
  for gi = 1, #groups do
    local g = groups[gi]
    local ge = lanes_enter(s, g, notify)
    for di = 1, #g.ds do
      local d = g.ds[di]
      local idx = g.lanes[d]
      local r = ge or pcall_(unpack(lane_args(cmd,
        s .. ':q:' .. g.c .. ':' .. d, idx, list)))
      if type(r) == 'table' then
        err = err or r
        for j = 1, #idx do failed[idx[j]] = true end
      else
        if lanes then lanes[#lanes + 1] = g.c .. '\n' .. d end
        -- an entry of before an error: tell the owner after all
        if notify and r == #idx then
          call('SADD', s .. ':new', g.c .. '\n' .. d)
        end
      end
    end
  end
  return failed, err
end

-- Outcomes of a fenced daemon -----------------------------------------------

-- For ids and records: table id -> code of those that have an outcome of this
-- attempt or an earlier one; nil when there are none at all.
local function late_of(s, ids, recs)
  if #ids == 0 or call('HLEN', s .. ':late') == 0 then return nil end
  local v, t = call('HMGET', s .. ':late', unpack(ids)), nil
  for i = 1, #ids do
    local n, code
    if v[i] then n, code = string.match(v[i], '^(%d+) (%a)$') end
    if code and tonumber(n) <= attempt_of(recs[i]) then
      t = t or {}
      t[ids[i]] = code
    end
  end
  return t
end

local function late_forget(s, late)
  local a = {'HDEL', s .. ':late'}
  for id in pairs(late) do a[#a + 1] = id end
  if #a > 2 then call(unpack(a)) end
end

-- For replies that must reach their caller, because records are in flight with
-- it, whatever becomes of the counts.
local function tally_finish(s, x)
  local ok, e = pcall(function()
    tally_write(s, x.tally)
    late_forget(s, x.late)
    tally_bases(s, x.tally)
  end)
  if not ok then
    redis.log(redis.LOG_WARNING, 'facteur1: ' .. tostring(e))
  end
end

-- Campaigns' states, one look each a call.
local function state_of(s, cache, c)
  local st = cache[c]
  if st == nil then
    st = call('HGET', s .. ':c:' .. c, 'st')
    cache[c] = st
  end
  return st
end

-- Registration: KEYS[1] is "{NN}:m", and f(s, A, key) the transition.
local function register(name, f, flag)
  redis.register_function{
    function_name = 'facteur1_' .. name,
    flags = flag and {flag} or {},
    callback = function(K, A)
      if not call then lib_init() end
      local s = #K == 1 and string.match(K[1], '^(%b{}):m$')
      if not s then return redis.error_reply('BADCALL key') end
      return f(s, A, K[1])
    end
  }
end
