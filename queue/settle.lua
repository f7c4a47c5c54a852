-- Outcomes.

local CODES = {k = true, d = true, b = true, x = true, f = true, c = true,
  r = true, p = true}
local BACK = {d = true, r = true, p = true} -- the record stays in the queue
local FINAL = {k = true, b = true, x = true, f = true}

local function settle_parse(A)
  local n = (#A - 2) / 5
  if n ~= floor(n) or n < 1 or n > MAX then bad('settle') end
  local ids = {}
  for i = 1, n do
    local o = i * 5 - 2
    local code, a = A[o + 2], A[o + 3]
    if not CODES[code] then bad('code') end
    if code == 'd' then num(a, 'due') end
    if code == 'b' and a ~= '' and (#a < 2 or not RANK[sub(a, -1)]) then
      bad('reason')
    end
    num(A[o + 1], 'attempt')
    ids[i] = A[o]
  end
  return ids, n
end

-- The outcome of a record that stays, or where more than counting is to do.
local function settle_item(x, i, o, A, r, a1, a2)
  local c = sub(r, 1, a1 - 1)
  local e = {c, sub(r, a1 + 1, a2 - 1), sub(r, a2 + 1), id = A[o], i = i,
    code = A[o + 2], a = A[o + 3]}
  if BACK[e.code] then
    local l = x.late and late_of(x.s, {e.id}, {e[3]})
    if l then
      e.code = l[e.id]
    elseif x.states[c] == 'X' then
      e.code, e.turned = 'c', true
    end
  end
  x.items[#x.items + 1] = e
end

-- The outcomes that meet a record in flight.  Most are final and only count.
local function settle_match(x, A, ids, n)
  local s, seen, states, letters = x.s, {}, x.states, x.letters
  local recs = call('HMGET', s .. ':inf', unpack(ids))
  x.late = call('HLEN', s .. ':late') > 0
  for i = 1, n do
    local r, id, o = recs[i], ids[i], i * 5 - 2
    local a1 = r and not seen[id] and find(r, '\n', 1, true)
    local a2 = a1 and find(r, '\n', a1 + 1, true)
    local t1, t2
    if a2 then t1, t2 = byte(r, a2 + 25, a2 + 26) end
    letters[i] = '-'
    if t2 and t1 * 256 + t2 == tonumber(A[o + 1]) then
      seen[id] = true
      local c, code = sub(r, 1, a1 - 1), A[o + 2]
      -- a damaged campaign shows here, before any write
      if states[c] == nil then state_of(s, states, c) end
      if BACK[code] or (code == 'b' and A[o + 3] ~= '') then
        settle_item(x, i, o, A, r, a1, a2)
      else
        letters[i] = 'k'
        x.del[#x.del + 1] = id
        tally_left(x.tally, c, code, sub(r, a2 + 17, a2 + 24))
      end
    end
  end
end

local function settle_many(x, code, cmd, key, add)
  local a, who = {cmd, key}, {}
  for i = 1, #x.items do
    local e = x.items[i]
    if e.code == code then
      who[#who + 1] = e
      add(a, e)
    end
  end
  if #who == 0 then return end
  local r = pcall_(unpack(a))
  if type(r) ~= 'table' then return end
  x.err = x.err or r
  for i = 1, #who do who[i].failed = true end
end

local function settle_deferred(a, e)
  a[#a + 1] = e.a
  a[#a + 1] = e[1] .. '\n' .. e[2] .. '\n'
    .. with_attempt(e[3], attempt_of(e[3]) + 1)
end

local function settle_parked(a, e)
  a[#a + 1] = e.id
  a[#a + 1] = e[1] .. '\n' .. e[2] .. '\n' .. e[3]
end

local function settle_released(x)
  local list = {}
  for i = 1, #x.items do
    if x.items[i].code == 'r' then list[#list + 1] = x.items[i] end
  end
  if #list == 0 then return end
  local failed, err = lanes_push(x.s, list, 'LPUSH', true)
  for i in pairs(failed) do list[i].failed = true end
  x.err = x.err or err
end

local function settle_suppress(x)
  for i = 1, #x.items do
    local e = x.items[i]
    if e.code == 'b' and e.a ~= '' then
      local ok, r = pcall(suppress_put, x.s, x.buckets, sub(e[3], 9, 16),
        sub(e.a, 1, -2), sub(e.a, -1))
      if not ok then
        e.failed = true
        x.err = x.err or redis.error_reply(r)
      end
    end
  end
end

-- Destinations are written: out of flight, and counted.
local function settle_finish(x, ids)
  local del, t = x.del, x.tally
  for i = 1, #x.items do
    local e = x.items[i]
    if not e.failed then
      del[#del + 1] = e.id
      x.letters[e.i] = e.turned and 'c' or 'k'
      if e.code == 'd' then
        tally_count(t, e[1], 'd')
      elseif not BACK[e.code] then
        tally_gone(t, e[1], e.code, e[3])
      end
    end
  end
  if #del > 2 then call(unpack(del)) end
  tally_write(x.s, t)
  if x.late then call('HDEL', x.s .. ':late', unpack(ids)) end
  tally_bases(x.s, t)
end

local function settle(s, A, key)
  local ids, n = settle_parse(A)
  num(A[2], 'now')
  epoch_check(key, A[1])
  local x = {s = s, items = {}, letters = {}, states = {},
    tally = tally_new(), del = {'HDEL', s .. ':inf'},
    buckets = buckets_of(key)}
  settle_match(x, A, ids, n)
  if #x.items > 0 then
    settle_many(x, 'd', 'ZADD', s .. ':dly', settle_deferred)
    settle_many(x, 'p', 'HSET', s .. ':park', settle_parked)
    settle_released(x)
    settle_suppress(x)
  end
  settle_finish(x, ids)
  return x.err or table.concat(x.letters)
end

local function late(s, A)
  local n = #A / 3
  if n ~= floor(n) or n < 1 or n > MAX then bad('late') end
  local a = {'HSET', s .. ':late'}
  for i = 1, #A, 3 do
    num(A[i + 1], 'attempt')
    if not CODES[A[i + 2]] then bad('code') end
    if FINAL[A[i + 2]] then
      a[#a + 1] = A[i]
      a[#a + 1] = A[i + 1] .. ' ' .. A[i + 2]
    end
  end
  if #a > 2 then call(unpack(a)) end
  return (#a - 2) / 2
end

register('settle', settle, 'allow-oom')
register('late', late, 'allow-oom')
