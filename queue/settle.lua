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

-- The outcomes that meet a record in flight, with what becomes of them.
local function settle_match(x, A, ids, n)
  local s, seen, states = x.s, {}, {}
  local recs = call('HMGET', s .. ':inf', unpack(ids))
  local late = call('HLEN', s .. ':late') > 0
  for i = 1, n do
    x.letters[i] = '-'
    local o = i * 5 - 2
    local c, d, rec
    if recs[i] and not seen[ids[i]] then c, d, rec = split(recs[i]) end
    if c and attempt_of(rec) == tonumber(A[o + 1]) then
      seen[ids[i]] = true
      local e = {c, d, rec, id = ids[i], i = i, code = A[o + 2], a = A[o + 3]}
      if BACK[e.code] then
        local l = late and late_of(s, {e.id}, {rec})
        if l then
          e.code = l[e.id]
        elseif state_of(s, states, c) == 'X' then
          e.code, e.turned = 'c', true
        end
      elseif states[c] == nil then
        state_of(s, states, c) -- a damaged campaign shows before any write
      end
      x.items[#x.items + 1] = e
    end
  end
  x.late = late and ids
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
local function settle_finish(x)
  local del, t = {'HDEL', x.s .. ':inf'}, tally_new()
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
  if x.late then call('HDEL', x.s .. ':late', unpack(x.late)) end
  tally_bases(x.s, t)
end

local function settle(s, A, key)
  local ids, n = settle_parse(A)
  num(A[2], 'now')
  epoch_check(key, A[1])
  local x = {s = s, items = {}, letters = {}, buckets = buckets_of(key)}
  settle_match(x, A, ids, n)
  settle_many(x, 'd', 'ZADD', s .. ':dly', settle_deferred)
  settle_many(x, 'p', 'HSET', s .. ':park', settle_parked)
  settle_released(x)
  settle_suppress(x)
  settle_finish(x)
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
