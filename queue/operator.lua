-- What an operator asks for.

local function find_flying(s, id)
  for _, k in ipairs({{'inf', 'in flight'}, {'park', 'parked'}}) do
    local v = call('HGET', s .. ':' .. k[1], id)
    if v then
      local c, d, rec = split(v)
      if c then return {'0', k[2], c, d, 0, rec} end
    end
  end
end

local function find_record(s, A)
  if #A ~= 3 or #A[1] ~= 8 then bad('find') end
  local id, limit, x = A[1], limit_of(A[3]), {}
  local got = find_flying(s, id)
  if got then return got end
  local next = walk(s, A[2], limit, function(v)
    for i = 1, #v.recs do
      if sub(v.recs[i], 1, 8) == id then
        got = {'0', v.where, v.c, v.d, tonumber(v.due or '0'), v.recs[i]}
        x.stop = true
      end
    end
    return 0
  end, x)
  return got or {next}
end

local function remove_from(s, where, c, d, rec)
  if where == 'lane' then
    local key = s .. ':q:' .. c .. ':' .. d
    local n = call('LREM', key, 1, rec)
    if n > 0 and call('EXISTS', key) == 0 then
      call('ZREM', s .. ':r:' .. c, d)
    end
    return n
  elseif where == 'deferred' then
    return call('ZREM', s .. ':dly', c .. '\n' .. d .. '\n' .. rec)
  elseif where == 'parked' then
    return call('HDEL', s .. ':park', sub(rec, 1, 8))
  elseif where == 'in flight' then
    return 0
  end
  bad('where')
end

local function remove(s, A, key)
  if #A ~= 7 or #A[7] < HEAD or sub(A[7], 1, 8) ~= A[3] then bad('remove') end
  num(A[2], 'now')
  epoch_check(key, A[1])
  call('HGET', s .. ':c:' .. A[5], 'st')
  if remove_from(s, A[4], A[5], A[6], A[7]) == 0 then return 0 end
  local t = tally_new()
  tally_gone(t, A[5], 'f', A[7])
  tally_write(s, t)
  tally_bases(s, t)
  return 1
end

-- Deferred records first; then the holds of the domain's lanes end too.
local function flush_dly(s, A, z, limit)
  local r = call('ZSCAN', s .. ':dly', z, 'COUNT', limit)
  local a, now = {'ZADD', s .. ':dly', 'XX', 'CH'}, tonumber(A[2])
  for i = 1, #r[2], 2 do
    local _, d = split(r[2][i])
    if d == A[5] and tonumber(r[2][i + 1]) > now then
      a[#a + 1] = A[2]
      a[#a + 1] = r[2][i]
    end
  end
  local n = #a > 4 and call(unpack(a)) or 0
  return {r[1] == '0' and 'c -1' or 'd ' .. r[1], n}
end

local function flush_holds(s, A, from, limit)
  local cs = call('ZRANGEBYSCORE', s .. ':cs', '(' .. from, '+inf', 'LIMIT', 0,
    limit)
  for i = 1, #cs do
    local rk = s .. ':r:' .. cs[i]
    local nb = call('ZSCORE', rk, A[5])
    if nb and tonumber(nb) > 0 then
      call('SADD', s .. ':new', cs[i] .. '\n' .. A[5])
      call('ZADD', rk, 'XX', 0, A[5])
    end
  end
  return {#cs < limit and '0' or 'c ' .. cs[#cs], 0}
end

local function flush(s, A, key)
  if #A ~= 5 or A[5] == '' then bad('flush') end
  num(A[2], 'now')
  local limit = limit_of(A[4])
  epoch_check(key, A[1])
  if A[3] == '0' then return flush_dly(s, A, '0', limit) end
  local kind, at = string.match(A[3], '^([cd]) (%-?%d+)$')
  if not kind then bad('cursor') end
  if kind == 'd' then return flush_dly(s, A, at, limit) end
  return flush_holds(s, A, at, limit)
end

local function parked(s, A, key)
  if #A ~= 2 then bad('parked') end
  if not find(A[1], '^%d+$') then bad('cursor') end
  local limit = limit_of(A[2])
  shard_check(key)
  local r = call('HSCAN', s .. ':park', A[1], 'COUNT', limit)
  local out = {r[1]}
  for i = 1, #r[2], 2 do
    local c, d, rec = split(r[2][i + 1])
    if c then
      for _, part in ipairs({c, d, rec}) do out[#out + 1] = part end
    end
  end
  return out
end

local function unpark(s, A, key)
  if #A ~= 4 or (A[3] ~= 'release' and A[3] ~= 'drop') then bad('unpark') end
  num(A[2], 'now')
  epoch_check(key, A[1])
  local v = call('HGET', s .. ':park', A[4])
  local c, d, rec = split(v or '')
  if not c then return {0, ''} end
  local st, t = call('HGET', s .. ':c:' .. c, 'st'), tally_new()
  local lane = ''
  if A[3] == 'drop' then
    tally_gone(t, c, 'f', rec)
  elseif st == 'X' then
    tally_gone(t, c, 'c', rec)
  else
    local _, err = lanes_push(s, {{c, d, rec}}, 'LPUSH', true)
    if err then return err end
    lane = c .. '\n' .. d
  end
  call('HDEL', s .. ':park', A[4])
  tally_write(s, t)
  tally_bases(s, t)
  return {1, lane}
end

register('find', find_record, 'no-writes')
register('remove', remove, 'allow-oom')
register('flush', flush, 'allow-oom')
register('parked', parked, 'no-writes')
register('unpark', unpark, 'allow-oom')
