-- Messages whose recipients span shards: invisible until their home shard's
-- mark says C.

local MARK_MS = 30 * 86400000

local function stage_parse(v)
  local a = find(v, '\n', 1, true)
  local b = find(v, '\n', a + 1, true)
  local c = find(v, '\n', b + 1, true)
  return {sub(v, 1, a - 1), sub(v, a + 1, b - 1), sub(v, c + 1),
    tonumber(sub(v, b + 1, c - 1)), v}
end

-- Sorts a chunk of the stage; what is counted is counted in t.
local function stage_sort(s, part, now, states, t)
  local list, later = {}, {}
  for i = 1, #part do
    local e = stage_parse(part[i])
    if e[3] == '' then
      tally_count(t, e[1], 'q')
      tally_count(t, e[1], 'u')
    elseif state_of(s, states, e[1]) == 'X' then
      tally_count(t, e[1], 'q')
      t.live = t.live + 1
      tally_gone(t, e[1], 'c', e[3])
    elseif e[4] > now then
      later[#later + 1] = e
    else
      list[#list + 1] = e
    end
  end
  return list, later
end

-- What a damaged key refused goes back to the end of the stage.
local function stage_keep(s, key, list, failed, t)
  local keep = {'RPUSH', key}
  for i = 1, #list do
    if failed[i] then
      keep[#keep + 1] = list[i][5]
    else
      tally_count(t, list[i][1], 'q')
      t.live = t.live + 1
    end
  end
  if #keep > 2 then call(unpack(keep)) end
end

local function stage_chunk(s, key, now, states)
  local part = call('LRANGE', key, 0, MAX - 1)
  local t = tally_new()
  local list, later = stage_sort(s, part, now, states, t)
  local err = #later > 0 and enqueue_dly(s, nil, later) or nil
  local lost = {}
  for i = 1, err and #later or 0 do lost[i] = true end
  local failed, e2 = lanes_push(s, list, 'RPUSH', true)
  stage_keep(s, key, list, failed, t)
  stage_keep(s, key, later, lost, t)
  call('LTRIM', key, #part, -1)
  tally_write(s, t)
  tally_bases(s, t)
  return err or e2
end

local function stage_move(s, T, now)
  local key, states, err = s .. ':st:' .. T, {}, nil
  local n = call('LLEN', key)
  for i = 1, n, MAX do
    local e = stage_chunk(s, key, now, states)
    err = err or e
  end
  if err then return err end
  call('ZREM', s .. ':sts', T)
  return {'COMMITTED'}
end

local function stage_mark(s, T)
  local v = call('HGET', s .. ':cm', T)
  return v and sub(v, 1, 1)
end

local function commit(s, A, key)
  if #A ~= 3 or A[1] == '' then bad('commit') end
  local T, now = A[1], num(A[2], 'now')
  shard_check(key)
  if A[3] == '1' then
    local m = stage_mark(s, T)
    if m == 'A' then return {'ABORTED'} end
    if not m then call('HSET', s .. ':cm', T, 'C ' .. A[2]) end
  end
  return stage_move(s, T, now)
end

local function decide(s, A, key)
  if #A ~= 2 or A[1] == '' then bad('decide') end
  num(A[2], 'now')
  shard_check(key)
  local m = stage_mark(s, A[1])
  if m then return {m} end
  call('HSET', s .. ':cm', A[1], 'A ' .. A[2])
  return {'A'}
end

local function forget(s, A)
  if #A ~= 1 then bad('forget') end
  return call('HDEL', s .. ':cm', A[1])
end

local function unstage(s, A)
  if #A ~= 1 or A[1] == '' then bad('unstage') end
  local key, gone = s .. ':st:' .. A[1], 0
  local n = call('LLEN', key)
  for i = 1, n, MAX do
    local part, t = call('LRANGE', key, 0, MAX - 1), tally_new()
    for j = 1, #part do
      local e = stage_parse(part[j])
      if e[3] ~= '' then tally_gone(t, e[1], 'a', e[3]) end
    end
    call('LTRIM', key, #part, -1)
    tally_bases(s, t)
    gone = gone + #part
  end
  call('ZREM', s .. ':sts', A[1])
  return gone
end

local function stages(s, A)
  if #A ~= 2 then bad('stages') end
  num(A[1], 'before')
  return call('ZRANGEBYSCORE', s .. ':sts', '-inf', A[1], 'LIMIT', 0,
    limit_of(A[2]))
end

-- A few marks a call, by a cursor in the shard's hash: the old ones go.
local function stage_age_marks(s, key, now)
  if call('HLEN', s .. ':cm') == 0 then return end
  local r = call('HSCAN', s .. ':cm', call('HGET', key, 'cmscan') or '0',
    'COUNT', 16)
  local a = {'HDEL', s .. ':cm'}
  for i = 1, #r[2], 2 do
    local when = tonumber(string.match(r[2][i + 1], ' (%d+)$'))
    if when and when < now - MARK_MS then a[#a + 1] = r[2][i] end
  end
  call('HSET', key, 'cmscan', r[1])
  if #a > 2 then call(unpack(a)) end
end

register('commit', commit, 'allow-oom')
register('decide', decide, 'allow-oom')
register('forget', forget, 'allow-oom')
register('unstage', unstage, 'allow-oom')
register('stages', stages, 'no-writes')
