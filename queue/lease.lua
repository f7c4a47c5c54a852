-- Records go in flight with the owner.

local function lease_none(c, d, held)
  return {c, d, {}, {}, held and 0 or 1, held and 1 or 0}
end

-- What may be done with the lane: its scopes, or nil when it is held.
local function lease_open(s, camps, c, d, now)
  local i = camps[c]
  if not i then
    local m = call('HMGET', s .. ':c:' .. c, 'st', 'sc')
    i = {open = m[1] == 'A' or m[1] == 'F', scopes = scopes_of(m[2])}
    camps[c] = i
  end
  if not i.open then return nil end
  local nb = call('ZSCORE', s .. ':r:' .. c, d)
  if nb and tonumber(nb) > now then return nil end
  return i.scopes
end

-- Sorts the head of a lane: what to hand out, what is suppressed, what a
-- fenced daemon has settled.  An id in flight already, or met before, is a
-- copy that an error left: it falls out uncounted.
local function lease_sort(x, c, d, recs, scopes)
  local s, ids = x.s, {}
  for i = 1, #recs do ids[i] = sub(recs[i], 1, 8) end
  local have = call('HMGET', s .. ':inf', unpack(ids))
  local late = late_of(s, ids, recs)
  local out, sup, hset = {}, {}, {'HSET', s .. ':inf'}
  local p = c .. '\n' .. d .. '\n'
  for i = 1, #recs do
    local r, id = recs[i], ids[i]
    if #r < HEAD or x.seen[id] or have[i] then
      -- nothing to hand out
    elseif late and late[id] then
      tally_gone(x.tally, c, late[id], r)
      x.late[id] = true
    elseif suppressed(s, x.buckets, scopes, sub(r, 9, 16)) then
      tally_gone(x.tally, c, 'u', r)
      sup[#sup + 1] = r
    else
      out[#out + 1] = r
      hset[#hset + 1] = id
      hset[#hset + 1] = p .. r
    end
    x.seen[id] = true
  end
  if #hset > 2 then call(unpack(hset)) end
  return out, sup
end

local function lease_lane(x, c, d, max)
  local s = x.s
  local scopes = lease_open(s, x.camps, c, d, x.now)
  if not scopes then return lease_none(c, d, true) end
  if max > MAX - x.n then max = MAX - x.n end
  if max < 1 then return lease_none(c, d, false) end
  local key = s .. ':q:' .. c .. ':' .. d
  local recs = call('LRANGE', key, 0, max)
  local more = #recs > max
  recs[max + 1] = nil
  x.n = x.n + #recs
  local out, sup = {}, {}
  if #recs > 0 then out, sup = lease_sort(x, c, d, recs, scopes) end
  if more then
    call('LTRIM', key, max, -1)
  else
    call('DEL', key)
    call('ZREM', s .. ':r:' .. c, d)
  end
  return {c, d, out, sup, more and 1 or 0, 0}
end

local function lease(s, A, key)
  local n = (#A - 2) / 3
  if #A < 5 or n ~= floor(n) or n > MAX then bad('lease') end
  local now = num(A[2], 'now')
  for i = 5, #A, 3 do num(A[i], 'max') end
  epoch_check(key, A[1])
  local x = {s = s, now = now, n = 0, lanes = 0, camps = {}, seen = {}, late = {},
    tally = tally_new(), buckets = buckets_of(key)}
  local res, err = {}, nil
  for i = 3, #A, 3 do
    -- all that can fail in a lane fails before its first write
    local ok, r = pcall(lease_lane, x, A[i], A[i + 1], tonumber(A[i + 2]))
    if not ok then
      err = err or r
      r = lease_none(A[i], A[i + 1], true)
    end
    res[#res + 1] = r
    x.lanes = x.lanes + (ok and 1 or 0)
  end
  if err and x.lanes == 0 then return redis.error_reply(err) end
  tally_finish(s, x)
  return res
end

local function hold(s, A, key)
  if #A < 4 or #A > 3 + MAX then bad('hold') end
  num(A[3], 'until')
  epoch_check(key, A[1])
  local z = {'ZADD', s .. ':r:' .. A[2], 'XX', 'GT', 'CH'}
  for i = 4, #A do
    z[#z + 1] = A[3]
    z[#z + 1] = A[i]
  end
  return call(unpack(z))
end

register('lease', lease, 'allow-oom')
register('hold', hold, 'allow-oom')
