-- Back into the lanes: what became due, and what a former owner had in flight.

-- Records of a source to the heads of their lanes, except those of cancelled
-- campaigns and those settled late.  Answers which left: list indices, the
-- lanes, the first error.
local function tick_return(s, list, late, t)
  local states, push, at, gone = {}, {}, {}, {}
  for i = 1, #list do
    local e = list[i]
    local l = late and late[sub(e[3], 1, 8)]
    if l then
      tally_gone(t, e[1], l, e[3])
      gone[#gone + 1] = i
    elseif state_of(s, states, e[1]) == 'X' then
      tally_gone(t, e[1], 'c', e[3])
      gone[#gone + 1] = i
    else
      push[#push + 1] = e
      at[#push] = i
    end
  end
  local lanes = {}
  local failed, err = lanes_push(s, push, 'LPUSH', false, lanes)
  for i = 1, #push do
    if not failed[i] then gone[#gone + 1] = at[i] end
  end
  return gone, lanes, err
end

-- After an error the owner hears of the lanes at the next tick.
local function tick_remember(s, lanes)
  if #lanes > 0 then call('SADD', s .. ':new', unpack(lanes)) end
end

local function tick_lanes(s, lanes, limit)
  local seen = {}
  for i = 1, #lanes do seen[lanes[i]] = true end
  local new = call('SPOP', s .. ':new', limit)
  for i = 1, #new do
    if not seen[new[i]] then lanes[#lanes + 1] = new[i] end
  end
end

local function tick_due(s, now, limit)
  local v = call('ZRANGEBYSCORE', s .. ':dly', '-inf', now, 'LIMIT', 0, limit)
  local list = {}
  for i = 1, #v do
    local c, d, rec = split(v[i])
    if c then list[#list + 1] = {c, d, rec, v[i]} end
  end
  return list, #v
end

local function tick(s, A, key)
  if #A ~= 3 then bad('tick') end
  local now, limit = num(A[2], 'now'), limit_of(A[3])
  epoch_check(key, A[1])
  call('SCARD', s .. ':new')
  local list, n = tick_due(s, A[2], limit)
  local t, lanes = tally_new(), {}
  if #list > 0 then
    local gone, pushed, err = tick_return(s, list, nil, t)
    local z = {'ZREM', s .. ':dly'}
    for i = 1, #gone do z[#z + 1] = list[gone[i]][4] end
    if #z > 2 then call(unpack(z)) end
    tally_write(s, t)
    if err then
      tick_remember(s, pushed)
      tally_bases(s, t)
      return err
    end
    lanes = pushed
    tally_bases(s, t)
  end
  stage_age_marks(s, key, now)
  tick_lanes(s, lanes, limit)
  local more = n == limit or call('SCARD', s .. ':new') > 0
  table.insert(lanes, 1, #list)
  table.insert(lanes, 2, more and 1 or 0)
  return lanes
end

local function recover_read(s, limit)
  local r = call('HSCAN', s .. ':inf', '0', 'COUNT', limit)[2]
  local list, ids, recs = {}, {}, {}
  for i = 1, #r, 2 do
    local c, d, rec = split(r[i + 1])
    if c and #list < MAX then
      list[#list + 1] = {c, d, rec, r[i]}
      ids[#ids + 1] = r[i]
      recs[#recs + 1] = rec
    end
  end
  -- ids are given out in order: the oldest first
  return list, late_of(s, ids, recs)
end

local function recover(s, A, key)
  if #A ~= 3 then bad('recover') end
  num(A[2], 'now')
  local limit = limit_of(A[3])
  epoch_check(key, A[1])
  local list, late = recover_read(s, limit)
  if #list == 0 then return {0} end
  table.sort(list, function(a, b) return a[4] < b[4] end)
  local t = tally_new()
  local gone, lanes, err = tick_return(s, list, late, t)
  local del = {'HDEL', s .. ':inf'}
  for i = 1, #gone do del[#del + 1] = list[gone[i]][4] end
  if #del > 2 then call(unpack(del)) end
  tally_write(s, t)
  if late then late_forget(s, late) end
  if err then
    tick_remember(s, lanes)
    tally_bases(s, t)
    return err
  end
  tally_bases(s, t)
  table.insert(lanes, 1, #gone)
  return lanes
end

local function lanes_list(s, A, key)
  if #A ~= 2 then bad('lanes') end
  local limit, out = limit_of(A[2]), {'0'}
  shard_check(key)
  local c, cur = string.match(A[1], '^(%d+) (%d+)$')
  if not c and A[1] ~= '0' then bad('cursor') end
  local rounds = 0
  while #out <= limit and rounds < limit do
    if not c or cur == '0' then
      c = call('ZRANGEBYSCORE', s .. ':cs', '(' .. (c or '-1'), '+inf',
        'LIMIT', 0, 1)[1]
      if not c then return out end
      cur = '0'
    end
    local r = call('ZSCAN', s .. ':r:' .. c, cur, 'COUNT', limit)
    for i = 1, #r[2], 2 do out[#out + 1] = c .. '\n' .. r[2][i] end
    cur = r[1]
    rounds = rounds + 1
  end
  out[1] = c .. ' ' .. cur
  return out
end

register('tick', tick, 'allow-oom')
register('recover', recover, 'allow-oom')
register('lanes', lanes_list, 'no-writes')
