-- Records past their time, wherever they wait, and those of cancelled
-- campaigns.

-- Takes records out of the middle of a lane in one pass: first each becomes
-- an empty value, which no record is.
local function lane_take(s, v, at)
  local key = s .. ':q:' .. v.c .. ':' .. v.d
  for i = 1, #at do call('LSET', key, v.first + at[i] - 1, '') end
  call('LREM', key, #at, '')
  if call('EXISTS', key) == 0 then call('ZREM', s .. ':r:' .. v.c, v.d) end
end

-- The expired ones of a run of records of one lane: ids, records, places.
local function expire_pick(x, v)
  local ids, recs, at = {}, {}, {}
  if state_of(x.s, x.states, v.c) == 'X' then return ids, recs, at end
  for i = 1, #v.recs do
    local r = v.recs[i]
    local e = #r >= HEAD and expires_of(r) or 0
    if e > 0 and e <= x.now_s then
      ids[#ids + 1] = sub(r, 1, 8)
      recs[#recs + 1] = r
      at[#at + 1] = i
    end
  end
  return ids, recs, at
end

local function expire_fly(x, v, ids, recs)
  local hset = {'HSET', x.s .. ':inf'}
  local have = call('HMGET', x.s .. ':inf', unpack(ids))
  local late = late_of(x.s, ids, recs)
  for i = 1, #ids do
    local id, r = ids[i], recs[i]
    if late and late[id] then
      tally_gone(x.tally, v.c, late[id], r)
      x.late[id] = true
    elseif not have[i] then -- else a copy that an error left
      hset[#hset + 1] = id
      hset[#hset + 1] = v.c .. '\n' .. v.d .. '\n' .. r
      for _, part in ipairs({v.c, v.d, r}) do x.out[#x.out + 1] = part end
    end
  end
  if #hset > 2 then call(unpack(hset)) end
end

local function expire_visit(x, v)
  local ids, recs, at = expire_pick(x, v)
  if #ids == 0 then return 0 end
  expire_fly(x, v, ids, recs)
  if v.member then
    call('ZREM', x.s .. ':dly', v.member)
  else
    lane_take(x.s, v, at)
  end
  return #ids
end

local function expire(s, A, key)
  if #A ~= 4 then bad('expire') end
  local now, limit = num(A[2], 'now'), limit_of(A[4])
  epoch_check(key, A[1])
  local x = {s = s, now_s = floor(now / 1000), out = {A[3]}, states = {},
    late = {}, tally = tally_new()}
  local ok, next = pcall(walk, s, A[3], limit, function(v)
    return expire_visit(x, v)
  end, x)
  if ok then
    x.out[1] = next
  elseif #x.out == 1 then
    return redis.error_reply(next)
  end
  tally_finish(s, x)
  return x.out
end

-- A lane of a cancelled campaign, from its head.
local function reap_lane(s, c, limit, t, out)
  local rk = s .. ':r:' .. c
  local d = call('ZRANGE', rk, 0, 0)[1]
  if not d then return 0 end
  local key = s .. ':q:' .. c .. ':' .. d
  local recs = call('LRANGE', key, 0, limit - 1)
  for i = 1, #recs do
    if #recs[i] >= HEAD then
      tally_gone(t, c, 'c', recs[i])
      out[#out + 1] = d
      out[#out + 1] = recs[i]
    end
  end
  tally_write(s, t)
  if #recs < limit then
    call('DEL', key)
    call('ZREM', rk, d)
  else
    call('LTRIM', key, #recs, -1)
  end
  return #recs + 1
end

-- Its deferred records, by a cursor kept in the campaign; true: all seen.
local function reap_dly(s, c, limit, t, out)
  local ck = s .. ':c:' .. c
  local r = call('ZSCAN', s .. ':dly', call('HGET', ck, 'reap') or '0',
    'COUNT', limit)
  local z = {'ZREM', s .. ':dly'}
  for i = 1, #r[2], 2 do
    local ec, d, rec = split(r[2][i])
    if ec == c then
      tally_gone(t, c, 'c', rec)
      out[#out + 1] = d
      out[#out + 1] = rec
      z[#z + 1] = r[2][i]
    end
  end
  tally_write(s, t)
  if #z > 2 then call(unpack(z)) end
  call('HSET', ck, 'reap', r[1])
  return r[1] == '0'
end

local function reap(s, A, key)
  if #A ~= 4 then bad('reap') end
  num(A[2], 'now')
  num(A[3], 'campaign')
  local c, limit, out = A[3], limit_of(A[4]), {1}
  epoch_check(key, A[1])
  if call('HGET', s .. ':c:' .. c, 'st') ~= 'X' then
    call('SREM', s .. ':reap', c)
    return {0}
  end
  local left = limit
  while left > 0 do
    local t = tally_new()
    local n = reap_lane(s, c, left, t, out)
    tally_bases(s, t)
    if n == 0 then break end
    left = left - n
  end
  if left > 0 then
    local t = tally_new()
    if reap_dly(s, c, limit, t, out) then
      call('SREM', s .. ':reap', c)
      call('HDEL', s .. ':c:' .. c, 'reap')
      out[1] = 0
    end
    tally_bases(s, t)
  end
  return out
end

local function reaping(s)
  return call('SMEMBERS', s .. ':reap')
end

register('expire', expire, 'allow-oom')
register('reap', reap, 'allow-oom')
register('reaping', reaping, 'no-writes')
